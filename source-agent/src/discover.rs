//! Finds the handoffs that a command works on: those under way by the tags of their source snapshots, those to begin by
//! their declarations. Tags take precedence, so that a handoff continues after its database or its declaration was
//! deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use agent_runtime::aws::rds::database::Databases;
use agent_runtime::{Fault, Freshness};
use protocol::tags::Route;
use protocol::{DbIdentifier, HandoffId, Label, Phase};

use crate::account::Account;
use crate::config::{Declared, Key, key_of};
use crate::handoff::{Handoff, Ineligible, SourceSnapshot};

/// The handoffs that a command works on.
#[derive(Debug, Default)]
pub(crate) struct Handoffs {
    /// First those that withdraw, then the others under way, then those to begin; within each group by rank.
    pub(crate) all: Vec<Handoff>,
    /// A fault for each that is declared by name and cannot be carried out.
    pub(crate) refused: Vec<Fault>,
    /// A message for each source snapshot of ours whose tags cannot be read. Its access may be open, and this agent
    /// does not revoke it.
    pub(crate) unreadable: Vec<String>,
    /// Warnings for the operator.
    pub(crate) notes: Vec<String>,
}

/// Databases that a pattern of a wave matches and that cannot be moved, by label and reason.
#[derive(Default)]
pub(crate) struct LeftOut<'a>(BTreeMap<(&'a Label, String), BTreeSet<&'a DbIdentifier>>);

/// How many databases a note names at most.
const MAX_NAMED: usize = 50;

/// Finds all handoffs, with one listing of the snapshots and one of the databases.
pub(crate) async fn find(account: &Account) -> Result<Handoffs, Fault> {
    let (sources, unreadable) = account.source_snapshots(Freshness::Now).await?;
    let mut found = Handoffs { unreadable, ..Handoffs::default() };
    let now = account.clock.now();
    let withdraws = |source: &SourceSnapshot| matches!(source.facts.phase(now), Phase::Withdrawing(_));
    let mut under_way: BTreeMap<Key<'_>, &SourceSnapshot> = BTreeMap::new();
    for source in &sources {
        under_way.entry(key_of(&source.facts)).or_insert(source);
    }
    let databases = if account.settings.declares_handoffs() {
        account.cache.databases(&account.settings.region).await?
    } else {
        Rc::default()
    };
    let (declared, notes) = account.settings.declared(&databases);
    found.notes.extend(notes);
    let mut left_out = LeftOut::default();
    for one in &declared {
        match under_way.get(&one.key()) {
            Some(source) => found.add_under_way(account, one, source, &databases, &mut left_out),
            None => found.add_new(account, one, &databases, &mut left_out),
        }
    }
    found.notes.extend(left_out.notes());
    let declared: BTreeSet<Key<'_>> = declared.iter().map(Declared::key).collect();
    let seen: BTreeSet<HandoffId> = found.all.iter().map(|one| one.id.clone()).collect();
    for source in &sources {
        let is_declared = seen.contains(&source.facts.id) || declared.contains(&key_of(&source.facts));
        if is_declared || matches!(source.facts.phase(now), Phase::Settled(_)) {
            continue;
        }
        if !account.settings.has_target(&source.facts.route) && !withdraws(source) {
            let Route { account: to, region, .. } = &source.facts.route;
            found.notes.push(format!(
                "{}/{} is under way to account {to} in {region}, which is not a [[target]] of this configuration: it is \
                 left alone until its access ends",
                source.facts.database, source.facts.label
            ));
            continue;
        }
        match Handoff::under_way(&account.settings, source, account.settings.terms_of(&source.facts)) {
            Ok(one) => found.all.push(one),
            Err(fault) => found.unreadable.push(fault.told()),
        }
    }
    let withdrawing: BTreeSet<&HandoffId> = sources.iter().filter(|it| withdraws(it)).map(|it| &it.facts.id).collect();
    found.all.sort_by(|one, other| {
        let group = |of: &Handoff| (!withdrawing.contains(&of.id), !of.begun);
        group(one).cmp(&group(other)).then_with(|| one.rank().cmp(&other.rank()))
    });
    Ok(found)
}

/// The handoff that a request asks for.
pub(crate) async fn requested(account: &Account, declared: &Declared) -> Result<Handoff, Fault> {
    let (sources, _) = account.source_snapshots(Freshness::Now).await?;
    let databases = account.cache.databases(&account.settings.region).await?;
    let (mut found, mut left_out) = (Handoffs::default(), LeftOut::default());
    match sources.iter().find(|source| key_of(&source.facts) == declared.key()) {
        Some(source) => found.add_under_way(account, declared, source, &databases, &mut left_out),
        None => found.add_new(account, declared, &databases, &mut left_out),
    }
    let refused = found.refused.pop();
    found
        .all
        .pop()
        .ok_or_else(|| refused.unwrap_or_else(|| Fault::fatal("the request was neither accepted nor refused")))
}

impl Handoffs {
    /// Adds a handoff that has no source snapshot yet.
    fn add_new<'a>(
        &mut self,
        account: &Account,
        declared: &'a Declared,
        databases: &Databases,
        left_out: &mut LeftOut<'a>,
    ) {
        let Some(database) = databases.get(&declared.database) else {
            let unknown = unknown_database(account, databases);
            return self.refused.push(unknown.into_fault(declared));
        };
        match Handoff::new(&account.settings, declared, database) {
            Ok(one) => self.all.push(one),
            Err(ineligible) => self.add_ineligible(declared, ineligible, left_out),
        }
    }

    /// Adds a handoff that has a source snapshot. If the database was deleted and created again under the same name it
    /// is another database, which needs another label. A handoff of the first one that is not settled yet is still
    /// completed.
    fn add_under_way<'a>(
        &mut self,
        account: &Account,
        declared: &'a Declared,
        source: &SourceSnapshot,
        databases: &Databases,
        left_out: &mut LeftOut<'a>,
    ) {
        let is_settled = matches!(source.facts.phase(account.clock.now()), Phase::Settled(_));
        let current = databases.get(&declared.database).and_then(|database| database.resource.as_ref());
        if let (true, Some(current), Some(moved)) = (is_settled, current, &source.view.resource)
            && current != moved
        {
            let what = format!(
                "this label was used for another database of that name ({moved}; the database now is {current})"
            );
            let ineligible = Ineligible::new(what, "move the current database under a new label");
            return self.add_ineligible(declared, ineligible, left_out);
        }
        match Handoff::under_way(&account.settings, source, declared.terms) {
            Ok(one) => self.all.push(one),
            Err(fault) if declared.by_name => self.refused.push(fault),
            Err(fault) => self.unreadable.push(fault.told()),
        }
    }

    /// Refuses what is declared by name, and leaves out what only a pattern matches.
    fn add_ineligible<'a>(&mut self, declared: &'a Declared, ineligible: Ineligible, left_out: &mut LeftOut<'a>) {
        if declared.by_name {
            self.refused.push(ineligible.into_fault(declared));
        } else {
            left_out.add(declared, ineligible);
        }
    }
}

impl<'a> LeftOut<'a> {
    pub(crate) fn add(&mut self, declared: &'a Declared, ineligible: Ineligible) {
        self.0.entry((&declared.label, ineligible.what)).or_default().insert(&declared.database);
    }

    pub(crate) fn notes(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|((label, what), databases)| {
            let names: Vec<&str> = databases.iter().take(MAX_NAMED).map(|name| name.as_str()).collect();
            let more = match databases.len().saturating_sub(MAX_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("wave {label}: {}{more} left out, because {what}", names.join(", "))
        })
    }
}

fn unknown_database(account: &Account, databases: &Databases) -> Ineligible {
    let place = format!("account {} in {}", account.settings.account, account.settings.region);
    let names: Vec<&str> = databases.keys().map(DbIdentifier::as_str).take(20).collect();
    let existing =
        if names.is_empty() { "there are none".to_owned() } else { format!("there are: {}", names.join(", ")) };
    let fix = format!("correct the name, the account or the Region; {existing}");
    Ineligible::new(format!("no such DB instance in {place}"), fix)
}
