//! One handoff, as account A's agent sees it.

mod eligible;

use std::cmp::Reverse;
use std::rc::Rc;

use agent_runtime::aws::rds::database::DatabaseView;
use agent_runtime::aws::rds::snapshot::SnapshotView;
use agent_runtime::gate::Owner;
use agent_runtime::{Fault, Subject};
use protocol::ids::RoleName;
use protocol::names::{self, SnapshotRole};
use protocol::tags::{self, Hints, Route, Tags};
use protocol::{
    Carried, DbArn, DbIdentifier, DbiResourceId, HandoffId, Label, QueueArn, SnapshotArn, SnapshotId, SourceFacts,
    Terms,
};

use crate::config::{Declared, Settings, Target};
use eligible::{Eligible, check_eligible};
pub(crate) use eligible::{Ineligible, hints};

/// One handoff.
#[derive(Debug, Clone)]
pub(crate) struct Handoff {
    pub(crate) id: HandoffId,
    pub(crate) database: DbArn,
    pub(crate) resource: DbiResourceId,
    pub(crate) label: Label,
    pub(crate) route: Route,
    pub(crate) hints: Hints,
    pub(crate) carried: Carried,
    /// Keys of tags that the configuration selects and that cannot be carried over.
    pub(crate) not_carried: Vec<String>,
    pub(crate) inbox: QueueArn,
    pub(crate) receipts: QueueArn,
    pub(crate) target_role: RoleName,
    pub(crate) terms: Terms,
    /// Requested by a message. Its terms must then be in the snapshot's tags, because no file has them.
    pub(crate) requested: bool,
    /// Allocated storage.
    pub(crate) size_gib: u32,
    /// Its source snapshot existed when this command read it.
    pub(crate) begun: bool,
}

/// A source snapshot, and the facts in its tags.
#[derive(Debug, Clone)]
pub(crate) struct SourceSnapshot {
    pub(crate) view: Rc<SnapshotView>,
    pub(crate) facts: SourceFacts,
}

impl Handoff {
    /// Its key in the engine and the gate.
    pub(crate) fn owner(&self) -> Owner {
        Owner { handoff: self.id.clone(), message: None }
    }

    /// Its name in events.
    pub(crate) fn subject(&self) -> Subject {
        Subject::handoff(&self.database.database, &self.label)
    }

    /// The order in which handoffs start when limits do not allow all at once: the least first, as in
    /// [`agent_runtime::gate::Rank`].
    pub(crate) fn rank(&self) -> (Reverse<i16>, Reverse<u32>, &DbIdentifier, &HandoffId) {
        (Reverse(self.terms.priority), Reverse(self.size_gib), &self.database.database, &self.id)
    }

    /// The deterministic name of a snapshot of this handoff.
    pub(crate) fn snapshot(&self, role: SnapshotRole) -> SnapshotId {
        names::snapshot(&self.database.database, &self.id, role)
    }

    /// The ARN of the source snapshot.
    pub(crate) fn source_arn(&self) -> SnapshotArn {
        SnapshotArn {
            region: self.database.region.clone(),
            account: self.database.account.clone(),
            snapshot: self.snapshot(SnapshotRole::Source),
        }
    }

    /// The ARN of the shared copy.
    pub(crate) fn shared_arn(&self) -> SnapshotArn {
        SnapshotArn {
            region: self.route.region.clone(),
            account: self.database.account.clone(),
            snapshot: self.snapshot(SnapshotRole::Shared),
        }
    }

    /// Whether these are the tags of a snapshot with this role in this handoff.
    pub(crate) fn owns(&self, tags: &Tags, role: SnapshotRole) -> bool {
        protocol::state::is_ours(tags, role) && tags.get(tags::ID).is_some_and(|id| id == self.id.as_str())
    }

    /// The facts that the source snapshot is created with.
    pub(crate) fn facts(&self) -> SourceFacts {
        SourceFacts {
            id: self.id.clone(),
            label: self.label.clone(),
            database: self.database.database.clone(),
            route: self.route.clone(),
            hints: self.hints.clone(),
            carried: self.carried.clone(),
            terms: self.requested.then_some(self.terms),
            hello: None,
            ready: None,
            offer: None,
            published: None,
            heard: Vec::new(),
            ended: None,
            settled: None,
        }
    }

    /// A declared handoff that has not begun. Fails if the database is not eligible.
    pub(crate) fn new(settings: &Settings, declared: &Declared, database: &DatabaseView) -> Result<Self, Ineligible> {
        let Eligible { resource, hints } = check_eligible(database, declared)?;
        let Target { account: to, region, key_mode, carry_tags, .. } = &declared.target;
        let (carried, not_carried) = Carried::pick(&database.tags, |key| carry_tags.fit(key));
        let size_gib = database.size_gib;
        let database = DbArn {
            region: settings.region.clone(),
            account: settings.account.clone(),
            database: declared.database.clone(),
        };
        Ok(Self {
            id: HandoffId::of(&database, &resource, to, region, &declared.label),
            database,
            resource,
            label: declared.label.clone(),
            route: Route { account: to.clone(), region: region.clone(), key: *key_mode },
            hints,
            carried,
            not_carried,
            inbox: declared.target.inbox.clone(),
            receipts: declared.target.receipts.clone(),
            target_role: declared.target.role.clone(),
            terms: declared.terms,
            requested: declared.requested,
            size_gib,
            begun: false,
        })
    }

    /// A handoff that is under way or settled, from its source snapshot.
    pub(crate) fn under_way(settings: &Settings, source: &SourceSnapshot, terms: Terms) -> Result<Self, Fault> {
        let SourceSnapshot { view, facts } = source;
        let Route { account: to, region, .. } = &facts.route;
        let configured = settings.targets.iter().find(|target| target.account == *to && target.region == *region);
        let target =
            configured.cloned().unwrap_or_else(|| Target::agreed(&settings.account, &settings.region, to, region));
        let database = DbArn {
            region: view.arn.region.clone(),
            account: view.arn.account.clone(),
            database: facts.database.clone(),
        };
        let resource = view.resource.clone().ok_or_else(|| {
            Fault::fatal(format!(
                "snapshot {} does not name the database that it was taken from (DbiResourceId)",
                view.arn
            ))
        })?;
        let id = HandoffId::of(&database, &resource, to, region, &facts.label);
        if id != facts.id || view.database.as_ref() != Some(&facts.database) {
            return Err(Fault::not_ours(
                &format!("snapshot {}", view.arn),
                &format!("it carries our tags for handoff {}, but its content would make it {id}", facts.id),
            ));
        }
        Ok(Self {
            id,
            database,
            resource,
            label: facts.label.clone(),
            route: facts.route.clone(),
            hints: facts.hints.clone(),
            carried: facts.carried.clone(),
            not_carried: Vec::new(),
            inbox: target.inbox,
            receipts: target.receipts,
            target_role: target.role,
            terms: facts.terms.unwrap_or(terms),
            requested: facts.terms.is_some(),
            size_gib: view.size_gib,
            begun: true,
        })
    }
}
