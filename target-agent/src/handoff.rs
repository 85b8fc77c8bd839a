//! A handoff: one handoff, as account B carries it out, begun by a message or found by its target copy.

use agent_runtime::Subject;
use agent_runtime::gate::Owner;
use protocol::names::{self, SnapshotRole};
use protocol::tags::Origin;
use protocol::wire::handoff::HandoffMessage;
use protocol::{DbIdentifier, Digest, HandoffId, ParseError, SnapshotArn, TargetFacts};

use crate::config::Settings;
use crate::profile::Profile;

/// One handoff.
#[derive(Debug)]
pub(crate) struct Handoff {
    /// What the target copy remembers, or will.
    pub(crate) facts: TargetFacts,
    /// The message, if one began this handoff in this process.
    pub(crate) message: Option<HandoffMessage>,
}

impl Handoff {
    /// A handoff that a message begins.
    pub(crate) fn begun_by(message: HandoffMessage) -> Self {
        let origin = Origin {
            account: message.database_arn.account.clone(),
            region: message.database_arn.region.clone(),
            identity: message.identity.clone(),
        };
        let facts = TargetFacts {
            id: message.handoff.clone(),
            label: message.label.clone(),
            database: message.database().clone(),
            hints: message.hints.clone(),
            carried: message.tags.clone(),
            digest: message.digest(),
            origin,
            told: Vec::new(),
        };
        Self { message: Some(message), ..Self::found(facts) }
    }

    /// A handoff that is under way: all of it stands in its target copy.
    pub(crate) fn found(facts: TargetFacts) -> Self {
        Self { facts, message: None }
    }

    /// Which one.
    pub(crate) fn id(&self) -> &HandoffId {
        &self.facts.id
    }

    /// Of which message.
    pub(crate) fn digest(&self) -> &Digest {
        &self.facts.digest
    }

    /// As the engine and the gate know it.
    pub(crate) fn owner(&self) -> Owner {
        Owner { handoff: self.id().clone(), message: Some(self.digest().clone()) }
    }

    /// As events name it.
    pub(crate) fn subject(&self) -> Subject {
        Subject::handoff(&self.facts.database, &self.facts.label)
    }

    /// The target copy.
    pub(crate) fn target_arn(&self, settings: &Settings) -> SnapshotArn {
        SnapshotArn {
            region: settings.region.clone(),
            account: settings.account.clone(),
            snapshot: names::snapshot(&self.facts.database, &self.facts.id, SnapshotRole::Target),
        }
    }

    /// How this account restores the database.
    pub(crate) fn profile<'a>(&self, settings: &'a Settings) -> &'a Profile {
        settings.profiles.for_database(&self.facts.database)
    }

    /// The restored database's name.
    pub(crate) fn restored(&self, settings: &Settings) -> Result<DbIdentifier, ParseError> {
        names::restored(self.profile(settings).identifier(), &self.facts.database, &self.facts.label)
    }
}
