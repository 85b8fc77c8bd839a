//! One handoff as account B carries it out, begun by a message or found by its target copy.

use agent_runtime::Subject;
use agent_runtime::gate::Owner;
use protocol::names::{self, SnapshotRole};
use protocol::tags::Origin;
use protocol::wire::handoff::HandoffMessage;
use protocol::{DbIdentifier, Digest, HandoffId, ParseError, SnapshotArn, TargetFacts};

use crate::config::Settings;
use crate::profile::Profile;

/// A handoff of account B.
#[derive(Debug)]
pub(crate) struct Handoff {
    /// What the tags of the target copy record, or will record once it exists.
    pub(crate) facts: TargetFacts,
    /// The message, if this handoff began with one in this process.
    pub(crate) message: Option<HandoffMessage>,
}

impl Handoff {
    /// A new handoff, from its message.
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

    /// A handoff that has begun, from the tags of its target copy.
    pub(crate) fn found(facts: TargetFacts) -> Self {
        Self { facts, message: None }
    }

    /// The id of this handoff.
    pub(crate) fn id(&self) -> &HandoffId {
        &self.facts.id
    }

    /// The digest of its message.
    pub(crate) fn digest(&self) -> &Digest {
        &self.facts.digest
    }

    /// The owner of its permits and of its record in the engine.
    pub(crate) fn owner(&self) -> Owner {
        Owner { handoff: self.id().clone(), message: Some(self.digest().clone()) }
    }

    /// Its name in events.
    pub(crate) fn subject(&self) -> Subject {
        Subject::handoff(&self.facts.database, &self.facts.label)
    }

    /// The ARN of the target copy.
    pub(crate) fn target_arn(&self, settings: &Settings) -> SnapshotArn {
        SnapshotArn {
            region: settings.region.clone(),
            account: settings.account.clone(),
            snapshot: names::snapshot(&self.facts.database, &self.facts.id, SnapshotRole::Target),
        }
    }

    /// The restore profile of its database.
    pub(crate) fn profile<'a>(&self, settings: &'a Settings) -> &'a Profile {
        settings.profiles.for_database(&self.facts.database)
    }

    /// The name of the restored database.
    pub(crate) fn restored(&self, settings: &Settings) -> Result<DbIdentifier, ParseError> {
        names::restored(self.profile(settings).identifier(), &self.facts.database, &self.facts.label)
    }
}
