//! A move: one handoff, as account A carries it out. Handoffs under way are found by their tags first, so that a deleted
//! database or a removed declaration stops nothing after the snapshot was taken.

use std::cmp::Reverse;
use std::rc::Rc;

use agent_runtime::Fault;
use agent_runtime::database::DatabaseView;
use protocol::ids::RoleName;
use protocol::names::{self, SnapshotRole};
use protocol::tags::{self, Hints, Route, Tags};
use protocol::trust::estimate;
use protocol::{
    Carried, DbArn, DbIdentifier, DbiResourceId, HandoffId, Label, Phase, QueueArn, SnapshotArn, SnapshotId,
    SourceFacts,
};
use tokio::sync::Notify;

use crate::account::{Account, SourceSnapshot};
use crate::config::{Declared, Target, Terms};

/// One handoff.
#[derive(Debug, Clone)]
pub(crate) struct Move {
    pub(crate) id: HandoffId,
    pub(crate) database: DbArn,
    pub(crate) resource: DbiResourceId,
    pub(crate) label: Label,
    pub(crate) route: Route,
    pub(crate) hints: Hints,
    pub(crate) carried: Carried,
    /// Tags that should be carried over, and cannot be.
    pub(crate) left_behind: Vec<String>,
    pub(crate) inbox: QueueArn,
    pub(crate) receipts: QueueArn,
    pub(crate) target_role: RoleName,
    pub(crate) terms: Terms,
    /// How large its storage is.
    pub(crate) size_gib: u32,
    /// Its source snapshot was there when this command began.
    pub(crate) begun: bool,
    /// Ends a wait early.
    pub(crate) wake: Rc<Notify>,
}

impl Move {
    /// For a person.
    pub(crate) fn subject(&self) -> String {
        format!("{}/{}", self.database.database, self.label)
    }

    /// Where not all can go at once, the least goes first: by priority, then the largest, so that a wave ends early.
    pub(crate) fn rank(&self) -> (Reverse<i16>, Reverse<u32>, &HandoffId) {
        (Reverse(self.terms.priority), Reverse(self.size_gib), &self.id)
    }

    /// The deterministic name of a snapshot of this handoff.
    pub(crate) fn snapshot(&self, role: SnapshotRole) -> SnapshotId {
        names::snapshot(&self.database.database, &self.id, role)
    }

    /// The source snapshot.
    pub(crate) fn source_arn(&self) -> SnapshotArn {
        SnapshotArn {
            region: self.database.region.clone(),
            account: self.database.account.clone(),
            snapshot: self.snapshot(SnapshotRole::Source),
        }
    }

    /// The shared copy.
    pub(crate) fn shared_arn(&self) -> SnapshotArn {
        SnapshotArn {
            region: self.route.region.clone(),
            account: self.database.account.clone(),
            snapshot: self.snapshot(SnapshotRole::Shared),
        }
    }

    /// Do these tags say that a snapshot plays this role in this handoff?
    pub(crate) fn owns(&self, tags: &Tags, role: SnapshotRole) -> bool {
        protocol::facts::is_ours(tags, role) && tags.get(tags::ID).is_some_and(|id| id == self.id.as_str())
    }

    /// What the source snapshot remembers before anything else has happened.
    pub(crate) fn facts(&self) -> SourceFacts {
        SourceFacts {
            id: self.id.clone(),
            label: self.label.clone(),
            database: self.database.database.clone(),
            route: self.route.clone(),
            hints: self.hints.clone(),
            carried: self.carried.clone(),
            hello: None,
            ready: None,
            offer: None,
            published: None,
            heard: Vec::new(),
            ended: None,
            settled: None,
        }
    }

    /// A declared handoff of a database that exists.
    pub(crate) fn new(account: &Account, declared: &Declared, database: &DatabaseView) -> Result<Self, Fault> {
        let subject = format!("{}/{}", declared.database, declared.label);
        let unsupported = |what: &str, mend: &str| Err(Fault::fatal(format!("{subject}: {what}")).hint(mend));
        let Some(resource) = database.resource.clone() else {
            return unsupported("RDS tells no DbiResourceId of the database", "look at it in the console");
        };
        if let Some(cluster) = &database.cluster {
            let what = format!("it is a member of DB cluster {cluster}; clusters are not supported yet");
            return unsupported(&what, "declare DB instances only");
        }
        if database.engine.starts_with("custom-") {
            return unsupported(
                "RDS Custom is not supported: its snapshots cannot be copied",
                "declare other databases",
            );
        }
        if database.tde {
            return unsupported("it uses TDE, and RDS lets no such snapshot be shared", "declare other databases");
        }
        if let Some(group) = &database.option_group
            && (database.engine.starts_with("oracle") || database.engine.starts_with("sqlserver"))
        {
            let what =
                format!("option group {group} may hold TDE or another option that keeps snapshots from being shared");
            return unsupported(&what, "Oracle and SQL Server are supported with their default option group only");
        }
        let takes = estimate(database.size_gib);
        if declared.terms.access_for < takes {
            let what = format!("access_for is shorter than a copy of its {} GiB may take", database.size_gib);
            return unsupported(&what, &format!("allow at least {takes:#}"));
        }
        if !database.encrypted {
            return unsupported("it is not encrypted; only encrypted databases are supported", "encrypt it first");
        }
        if database.key.is_none() {
            return unsupported(
                "it is under an AWS owned key, which is not supported yet",
                "restore it under a KMS key first",
            );
        }
        let Some(hints) = hints(database) else {
            let what =
                format!("its class {:?} or storage {:?} is of an unknown kind", database.class, database.storage);
            return unsupported(&what, "report this: the grammar of these names has changed");
        };
        let Target { account: to, region, key_mode, carry_tags, .. } = &declared.target;
        let (carried, left_behind) = Carried::pick(&database.tags, |key| carry_tags.fit(key));
        let size_gib = database.size_gib;
        let database = DbArn {
            region: account.settings.region.clone(),
            account: account.settings.account.clone(),
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
            left_behind,
            inbox: declared.target.inbox.clone(),
            receipts: declared.target.receipts.clone(),
            target_role: declared.target.role.clone(),
            terms: declared.terms,
            size_gib,
            begun: false,
            wake: Rc::default(),
        })
    }

    /// A handoff that is under way, or over: all of it stands in its source snapshot.
    fn under_way(account: &Account, source: &SourceSnapshot, terms: Terms) -> Result<Self, Fault> {
        let SourceSnapshot { view, facts } = source;
        let Route { account: to, region, .. } = &facts.route;
        let known = account.settings.targets.iter().find(|target| target.account == *to && target.region == *region);
        let target = known
            .cloned()
            .unwrap_or_else(|| Target::agreed(&account.settings.account, &account.settings.region, to, region));
        let database = DbArn {
            region: view.arn.region.clone(),
            account: view.arn.account.clone(),
            database: facts.database.clone(),
        };
        let resource = view.resource.clone().ok_or_else(|| {
            Fault::fatal(format!("snapshot {} tells nothing of the database that it was taken of", view.arn))
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
            left_behind: Vec::new(),
            inbox: target.inbox,
            receipts: target.receipts,
            target_role: target.role,
            terms,
            size_gib: view.size_gib,
            begun: true,
            wake: Rc::default(),
        })
    }
}

/// What a database is like. One that is still being made tells no port yet.
pub(crate) fn hints(database: &DatabaseView) -> Option<Hints> {
    Some(Hints {
        class: database.class.parse().ok()?,
        multi_az: database.multi_az,
        port: database.port,
        storage: database.storage.parse().ok()?,
    })
}

/// What a command works on.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    /// Declared, in the order of the file, then the others that are not settled.
    pub(crate) all: Vec<Move>,
    /// Declared, but impossible.
    pub(crate) refused: Vec<Fault>,
    /// What is ours and cannot be read: it may be open, and nobody takes it back.
    pub(crate) unreadable: Vec<String>,
    /// What a person should know.
    pub(crate) notes: Vec<String>,
}

/// Finds what there is to do: by tags first, then by declaration.
pub(crate) async fn find(account: &Account) -> Result<Moves, Fault> {
    let (sources, unreadable) = account.source_snapshots().await?;
    let mut found = Moves { unreadable, ..Moves::default() };
    let now = account.clock.now();
    let ending = |source: &SourceSnapshot| matches!(source.facts.phase(now), Phase::Withdrawing(_));
    for declared in &account.settings.declared {
        let under_way = sources.iter().find(|source| is_declared(&source.facts, declared));
        let one = match under_way {
            Some(source) => known(account, declared, source).await,
            None => new(account, declared).await,
        };
        match one {
            Ok(one) => found.all.push(one),
            Err(fault) if fault.kind == agent_runtime::FaultKind::Fatal => found.refused.push(fault),
            Err(fault) => return Err(fault),
        }
    }
    for source in &sources {
        let seen = found.all.iter().any(|one| one.id == source.facts.id);
        let declared = account.settings.declared.iter().any(|declared| is_declared(&source.facts, declared));
        let settled = matches!(source.facts.phase(now), Phase::Settled(_));
        if seen || declared || settled {
            continue;
        }
        if !account.settings.knows(&source.facts.route) && !ending(source) {
            let Route { account: to, region, .. } = &source.facts.route;
            found.notes.push(format!(
                "{}/{} is under way to account {to} in {region}, which is no [[target]] here: it is left alone until its \
                 access ends",
                source.facts.database, source.facts.label
            ));
            continue;
        }
        match Move::under_way(account, source, Terms::default()) {
            Ok(one) => found.all.push(one),
            Err(fault) => found.unreadable.push(fault.chain()),
        }
    }
    // What must be taken back comes first.
    found.all.sort_by_key(|of| !sources.iter().any(|source| source.facts.id == of.id && ending(source)));
    Ok(found)
}

fn is_declared(facts: &SourceFacts, declared: &Declared) -> bool {
    facts.database == declared.database
        && facts.label == declared.label
        && facts.route.account == declared.target.account
        && facts.route.region == declared.target.region
}

async fn new(account: &Account, declared: &Declared) -> Result<Move, Fault> {
    let databases = account.inventory.databases(&account.settings.region).await?;
    let Some(database) = databases.get(&declared.database) else {
        return Err(unknown_database(account, declared, databases.keys()));
    };
    Move::new(account, declared, database)
}

/// A handoff under its label once moved one database. A database made anew under the same name is another one; what is still
/// open of the first one is finished, and taken back, all the same.
async fn known(account: &Account, declared: &Declared, source: &SourceSnapshot) -> Result<Move, Fault> {
    let over = matches!(source.facts.phase(account.clock.now()), Phase::Settled(_));
    let databases = account.inventory.databases(&account.settings.region).await?;
    let today = databases.get(&declared.database).and_then(|database| database.resource.as_ref());
    if let (true, Some(today), Some(then)) = (over, today, &source.view.resource)
        && today != then
    {
        return Err(Fault::fatal(format!(
            "{}/{}: this label has moved another database of that name ({then}; today's is {today})",
            declared.database, declared.label
        ))
        .hint("move today's database under a new label"));
    }
    Move::under_way(account, source, declared.terms)
}

fn unknown_database<'a>(
    account: &Account,
    declared: &Declared,
    names: impl Iterator<Item = &'a DbIdentifier>,
) -> Fault {
    let place = format!("account {} in {}", account.settings.account, account.settings.region);
    let names: Vec<&str> = names.map(DbIdentifier::as_str).take(20).collect();
    let there = if names.is_empty() { "there are none".to_owned() } else { format!("there are: {}", names.join(", ")) };
    Fault::fatal(format!("{}/{}: no such DB instance in {place}", declared.database, declared.label))
        .hint(format!("correct the name, the account or the Region; {there}"))
}
