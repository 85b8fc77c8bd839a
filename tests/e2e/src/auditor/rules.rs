//! The rules of the invariants, over a view of the world.

use std::collections::{BTreeMap, BTreeSet};

use aws_sim::{Call, SnapshotView, View};
use jiff::SignedDuration;
use protocol::names::SnapshotRole;
use protocol::tags::{
    DATABASE, DIGEST, ENDED, Ended, ID, KEY_SOURCE_REGION, KEY_TARGET_ACCOUNT, KeyMode, LABEL, OFFER, PUBLISHED, ROLE,
    ROLE_DATABASE, ROLE_KEY, ROUTE, Route, SETTLED, SOURCE, Tags,
};

use super::invariant::{Findings, Invariant, Limits};

/// Tags that identify a source snapshot or target copy: written once.
const KEPT: [&str; 7] = [ROLE, ID, LABEL, DATABASE, ROUTE, DIGEST, SOURCE];
/// Tags of its end: an outcome and a time.
const ENDS: [&str; 2] = [ENDED, SETTLED];
/// A second write within this time is allowed, since its agent may not have seen the first.
const SAME_TIME: SignedDuration = SignedDuration::from_mins(1);

/// The resources that a call of an agent names, before the call.
#[derive(Debug, Clone, Default)]
pub(super) struct Before {
    named: Vec<(String, Option<Seen>)>,
    /// All keys, if the call may create one.
    keys: Option<BTreeSet<String>>,
}

/// A resource before a call.
#[derive(Debug, Clone)]
enum Seen {
    Own(Tags),
    Foreign(String),
}

impl Before {
    pub(super) fn of(call: &Call, world: View<'_>, made: &BTreeSet<String>) -> Self {
        let seen = |arn: &String| {
            let seen = match world.tags(arn) {
                Some(tags) if is_own(world, arn, made) => Some(Seen::Own(tags.clone())),
                None if is_own(world, arn, made) => Some(Seen::Own(Tags::new())),
                _ => settings(call, world, arn).map(Seen::Foreign),
            };
            (arn.clone(), seen)
        };
        let keys = makes_a_key(call).then(|| world.keys().map(|key| key.arn.to_owned()).collect());
        Self { named: call.resources.iter().map(seen).collect(), keys }
    }

    /// The keys that the call has created.
    pub(super) fn new_keys(&self, world: View<'_>) -> Vec<String> {
        let Some(before) = &self.keys else { return Vec::new() };
        world.keys().map(|key| key.arn).filter(|arn| !before.contains(*arn)).map(str::to_owned).collect()
    }

    /// Checks [`Invariant::Foreign`].
    pub(super) fn foreign(&self, call: &Call, world: View<'_>, made: &BTreeSet<String>, found: &mut Findings) {
        let mut find = |what: String| {
            found.insert((Invariant::Foreign, what));
        };
        for (arn, before) in &self.named {
            match before {
                Some(Seen::Foreign(before)) if settings(call, world, arn).as_ref() != Some(before) => {
                    find(format!("{arn} is not the handoff's own, and was changed"));
                }
                None if settings(call, world, arn).is_some() && !is_own(world, arn, made) => {
                    find(format!("{arn} was made, and is not the handoff's own"));
                }
                _ => {}
            }
        }
        for arn in self.new_keys(world) {
            if !is_own(world, &arn, made) {
                find(format!("{arn} was made, and is no handoff key"));
            }
        }
    }

    /// Checks [`Invariant::Record`] and [`Invariant::EndOnce`].
    pub(super) fn record(&self, call: &Call, world: View<'_>, found: &mut Findings) {
        for (arn, before) in &self.named {
            let Some(Seen::Own(before)) = before else { continue };
            let role = before.get(ROLE).map(String::as_str);
            if ![SnapshotRole::Source, SnapshotRole::Target].iter().any(|record| role == Some(record.as_str())) {
                continue;
            }
            let Some(after) = world.tags(arn).filter(|_| call.action != "rds:DeleteDBSnapshot") else {
                found.insert((Invariant::Record, format!("{arn} was deleted")));
                continue;
            };
            let mut find = |invariant: Invariant, key: &str| {
                let (had, has) = (before.get(key), after.get(key));
                found.insert((invariant, format!("{arn} had {key}={}, and has {has:?}", had.map_or("", |had| had))));
            };
            let changed = |key: &&str| before.get(*key).is_some_and(|had| after.get(*key) != Some(had));
            KEPT.iter().filter(|key| changed(key)).for_each(|key| find(Invariant::Record, key));
            for key in ENDS.iter().filter(|key| changed(key)) {
                let end = |tags: &Tags| tags.get(*key).and_then(|end| end.parse::<Ended>().ok());
                match (end(before), end(after)) {
                    (Some(had), Some(has)) if had.outcome == has.outcome => {
                        if has.at.duration_since(had.at).abs() > SAME_TIME {
                            find(Invariant::EndOnce, key);
                        }
                    }
                    _ => find(Invariant::Record, key),
                }
            }
            if changed(&OFFER) && (before.contains_key(PUBLISHED) || !after.contains_key(OFFER)) {
                find(Invariant::Record, OFFER);
            }
        }
    }
}

/// The settings of a resource, as text. For a call to KMS that includes grants; in other calls RDS creates those.
fn settings(call: &Call, world: View<'_>, arn: &str) -> Option<String> {
    let key = world.key(arn).filter(|_| call.service == "kms");
    let grants = key.map(|key| key.grants().map(|grant| grant.id).collect::<Vec<_>>().join(" "));
    Some(world.settings(arn)? + &grants.unwrap_or_default())
}

fn makes_a_key(call: &Call) -> bool {
    ["kms:CreateKey", "kms:ReplicateKey"].contains(&call.action.as_str())
}

/// Whether a resource belongs to a handoff: a snapshot or database with the tags of one, a handoff key that an agent
/// created, or an alias of such a key.
fn is_own(world: View<'_>, arn: &str, made: &BTreeSet<String>) -> bool {
    if let Some(key) = world.alias(arn) {
        return arn.contains(":alias/rds-handoff-") && made.contains(key);
    }
    let Some(tags) = world.tags(arn) else { return false };
    match tags.get(ROLE).map(String::as_str) {
        Some(ROLE_KEY) => made.contains(arn),
        Some(ROLE_DATABASE) => arn.contains(":db:") && tags.contains_key(ID),
        Some("source" | "shared" | "target") => arn.contains(":snapshot:") && tags.contains_key(ID),
        _ => false,
    }
}

/// What access depends on in a source snapshot.
struct Source<'a> {
    snapshot: SnapshotView<'a>,
    id: &'a str,
    route: Route,
    /// It has an offer, and is not settled.
    open: bool,
}

fn sources<'a>(world: View<'a>) -> Vec<Source<'a>> {
    let source = |snapshot: SnapshotView<'a>| {
        let has = |key: &str| snapshot.tags.contains_key(key);
        let (id, route) = (snapshot.tags.get(ID)?, snapshot.tags.get(ROUTE)?.parse().ok()?);
        Some(Source { snapshot, id, route, open: has(OFFER) && !has(SETTLED) })
    };
    let is_source = |snapshot: &SnapshotView<'_>| snapshot.tags.get(ROLE).is_some_and(|role| role == "source");
    world.snapshots().filter(is_source).filter_map(source).collect()
}

/// Checks [`Invariant::Access`].
pub(super) fn access(world: View<'_>, made: &BTreeSet<String>, found: &mut Findings) {
    let mut find = |what: String| {
        found.insert((Invariant::Access, what));
    };
    let (mut sources_read, shared) = (None, world.snapshots().filter(|snapshot| !snapshot.shares.is_empty()));
    for copy in shared {
        for account in copy.shares {
            let sources = sources_read.get_or_insert_with(|| sources(world));
            let is_of = |source: &&Source<'_>| {
                copy.tags.get(ROLE).is_some_and(|role| role == "shared")
                    && copy.tags.get(ID).map(String::as_str) == Some(source.id)
                    && source.snapshot.account == copy.account
                    && source.route.account.as_str() == account
            };
            if !sources.iter().filter(is_of).any(|source| source.open) {
                find(format!("{} is shared with {account}, and its handoff has no open offer", copy.arn));
            }
        }
    }
    for key in made.iter().filter_map(|arn| world.key(arn)) {
        let (Some(partner), Some(home)) = (key.tags.get(KEY_TARGET_ACCOUNT), key.tags.get(KEY_SOURCE_REGION)) else {
            continue;
        };
        let named = key.policy.contains(partner.as_str());
        let grants = key.grants().filter(|grant| grant.issuer.contains(partner.as_str())).count();
        if !named && grants == 0 {
            continue;
        }
        let sources = sources_read.get_or_insert_with(|| sources(world));
        let mut route = sources.iter().filter(|source| {
            source.snapshot.account == key.account
                && source.snapshot.region == home
                && source.route.account.as_str() == partner
                && source.route.region.as_str() == key.region
        });
        if route.any(|source| source.open || source.route.key == KeyMode::Existing) {
            continue;
        }
        if named {
            find(format!("the policy of {} allows {partner}, and no offer of its route is open", key.arn));
        }
        if grants > 0 {
            find(format!("grants of {partner} are on {}, and no offer of its route is open", key.arn));
        }
    }
}

/// Checks [`Invariant::Once`].
pub(super) fn once(world: View<'_>, found: &mut Findings) {
    let mut handoffs: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let snapshots = world.snapshots().map(|snapshot| (snapshot.arn, snapshot.tags));
    let databases = world.databases().map(|database| (database.arn, database.tags));
    for (arn, tags) in snapshots.chain(databases) {
        if let (Some(role), Some(id)) = (tags.get(ROLE), tags.get(ID)) {
            handoffs.entry((role, id)).or_default().push(arn);
        }
    }
    for ((role, id), arns) in handoffs {
        if arns.len() > 1 {
            found.insert((Invariant::Once, format!("handoff {id} has more than one {role}: {arns:?}")));
        }
    }
    let mut keys: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for (alias, key) in world.aliases() {
        let account = alias.split(':').nth(4).unwrap_or_default();
        if let Some((_, name)) = alias.split_once(":alias/rds-handoff-") {
            keys.entry((account, name)).or_default().insert(key.rsplit('/').next().unwrap_or(key));
        }
    }
    for ((account, name), keys) in keys {
        if keys.len() > 1 {
            let what = format!("alias/rds-handoff-{name} of {account} names more than one key: {keys:?}");
            found.insert((Invariant::Once, what));
        }
    }
}

/// Checks [`Invariant::Limits`].
pub(super) fn limits(call: &Call, world: View<'_>, limits: Limits, found: &mut Findings) {
    let mut find = |what: &str, count: usize, most: usize| {
        if count > most {
            let what = format!("{count} {what} are in flight in {} of {}, not {most}", call.region, call.account);
            found.insert((Invariant::Limits, what));
        }
    };
    match call.action.as_str() {
        "rds:CopyDBSnapshot" => {
            let own = |of: &SnapshotView<'_>| of.copying && of.account == call.account && of.region == call.region;
            find("copies", world.snapshots().filter(own).count(), limits.copies);
        }
        "rds:RestoreDBInstanceFromDBSnapshot" => {
            let own = world.databases().filter(|of| of.account == call.account && of.region == call.region);
            let restores = own.filter(|of| of.status == "creating" && of.tags.contains_key(ID));
            find("restores", restores.count(), limits.restores);
        }
        _ => {}
    }
}

/// Whether the call changes a queue itself, or purges it.
pub(super) fn changes_queue(call: &Call) -> bool {
    const ACTIONS: [&str; 6] = [
        "sqs:CreateQueue",
        "sqs:DeleteQueue",
        "sqs:PurgeQueue",
        "sqs:SetQueueAttributes",
        "sqs:TagQueue",
        "sqs:UntagQueue",
    ];
    ACTIONS.contains(&call.action.as_str())
}
