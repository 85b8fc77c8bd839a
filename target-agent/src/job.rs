//! A job: one handoff, as account B carries it out, begun by a message or found by its target copy.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use agent_runtime::queue::Held;
use agent_runtime::{Fault, Progress, Subject, Working};
use protocol::names::{self, SnapshotRole};
use protocol::tags::Origin;
use protocol::wire::handoff::Handoff;
use protocol::{DbIdentifier, Digest, HandoffId, ParseError, SnapshotArn, TargetFacts};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::account::Account;
use crate::profile::Profile;

/// Above the longest stale read.
const SHOWN: Duration = Duration::from_mins(1);

/// One handoff.
#[derive(Debug)]
pub(crate) struct Job {
    /// What the target copy remembers, or will.
    pub(crate) facts: TargetFacts,
    /// The message, if one began this job in this process.
    pub(crate) message: Option<Handoff>,
    /// The message as received, until it is deleted; once for each time that it was sent.
    pub(crate) held: RefCell<Vec<Held>>,
    /// The snapshot that the message names is what it says, so its owner stands behind it.
    pub(crate) sender_verified: Cell<bool>,
    /// Since when AWS does not show the target copy, which was there.
    missing_since: Cell<Option<Instant>>,
    /// Its steps are walked: until then its message is only held.
    pub(crate) driven: Cell<bool>,
    /// Its snapshot is not shared with this account, and should be by now.
    pub(crate) unshared: Cell<bool>,
    /// Its drive has ended, and its message is still held.
    pub(crate) over: Cell<bool>,
    /// Ends a wait early.
    pub(crate) wake: Rc<Notify>,
}

impl Job {
    /// A job that a message begins.
    pub(crate) fn begun_by(message: Handoff) -> Self {
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

    /// A job that is under way: all of it stands in its target copy.
    pub(crate) fn found(facts: TargetFacts) -> Self {
        Self {
            facts,
            message: None,
            held: RefCell::default(),
            sender_verified: Cell::new(false),
            missing_since: Cell::new(None),
            driven: Cell::new(false),
            unshared: Cell::new(false),
            over: Cell::new(false),
            wake: Rc::default(),
        }
    }

    /// Which one.
    pub(crate) fn id(&self) -> &HandoffId {
        &self.facts.id
    }

    /// Of which message.
    pub(crate) fn digest(&self) -> &Digest {
        &self.facts.digest
    }

    /// As events name it.
    pub(crate) fn subject(&self) -> Subject {
        Subject::handoff(&self.facts.database, &self.facts.label)
    }

    /// The target copy.
    pub(crate) fn target_arn(&self, account: &Account) -> SnapshotArn {
        SnapshotArn {
            region: account.settings.region.clone(),
            account: account.settings.account.clone(),
            snapshot: names::snapshot(&self.facts.database, &self.facts.id, SnapshotRole::Target),
        }
    }

    /// The target copy was there, and is not shown. A read may be as old as half a minute; a copy that is not shown for so long
    /// was deleted.
    ///
    /// # Errors
    /// When it was deleted.
    pub(crate) async fn missing<T>(&self, account: &Account) -> Result<Progress<T>, Fault> {
        let since = self.missing_since.get().unwrap_or_else(Instant::now);
        self.missing_since.set(Some(since));
        let waited = since.elapsed() >= account.settings.pace.settle(SHOWN);
        // A listing may be older than that.
        if !waited || account.inventory.snapshot_now(&self.target_arn(account)).await?.is_some() {
            return Ok(Progress::Working(Working::new("waiting for AWS to show the target copy")));
        }
        Err(Fault::fatal(format!("target copy {} has gone", self.target_arn(account)))
            .hint("it was deleted by hand, and the handoff with it; ask the other account for another one"))
    }

    /// The target copy is shown.
    pub(crate) fn shown(&self) {
        self.missing_since.set(None);
    }

    /// How this account restores the database.
    pub(crate) fn profile<'a>(&self, account: &'a Account) -> &'a Profile {
        account.settings.profiles.for_database(&self.facts.database)
    }

    /// The restored database's name.
    pub(crate) fn restored(&self, account: &Account) -> Result<DbIdentifier, ParseError> {
        names::restored(self.profile(account).identifier(), &self.facts.database, &self.facts.label)
    }
}
