//! What a command works on: what is under way is found by its tags, what is to begin by its declaration. The tags come first, so that
//! a deleted database or a removed declaration stops nothing after the snapshot was taken.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use agent_runtime::aws::rds::database::Databases;
use agent_runtime::{Fault, Freshness};
use protocol::tags::Route;
use protocol::{DbIdentifier, HandoffId, Label, Phase};

use crate::account::Account;
use crate::config::{Declared, Key, key_of};
use crate::handoff::{Handoff, Obstacle, SourceSnapshot};

/// What a command works on.
#[derive(Debug, Default)]
pub(crate) struct Handoffs {
    /// What must be taken back, what is under way otherwise, and what is to begin; each of them by rank.
    pub(crate) all: Vec<Handoff>,
    /// Declared by name, but impossible.
    pub(crate) refused: Vec<Fault>,
    /// What is ours and cannot be read: it may be open, and nobody takes it back.
    pub(crate) unreadable: Vec<String>,
    /// What a person should know.
    pub(crate) notes: Vec<String>,
}

/// Databases that a pattern takes and that cannot be moved, by label and obstacle.
#[derive(Default)]
pub(crate) struct LeftOut<'a>(BTreeMap<(&'a Label, String), BTreeSet<&'a DbIdentifier>>);

/// How many of them a note names.
const NAMED: usize = 50;

/// Finds what there is to do. One look at the databases serves all declarations.
pub(crate) async fn find(account: &Account) -> Result<Handoffs, Fault> {
    let (sources, unreadable) = account.source_snapshots(Freshness::Now).await?;
    let mut found = Handoffs { unreadable, ..Handoffs::default() };
    let now = account.clock.now();
    let ending = |source: &SourceSnapshot| matches!(source.facts.phase(now), Phase::Withdrawing(_));
    let mut under_way: BTreeMap<Key<'_>, &SourceSnapshot> = BTreeMap::new();
    for source in &sources {
        under_way.entry(key_of(&source.facts)).or_insert(source);
    }
    let databases = if account.settings.declares_something() {
        account.cache.databases(&account.settings.region).await?
    } else {
        Rc::default()
    };
    let (declared, notes) = account.settings.declared(&databases);
    found.notes.extend(notes);
    let mut left_out = LeftOut::default();
    for one in &declared {
        match under_way.get(&one.key()) {
            Some(source) => found.add_known(account, one, source, &databases, &mut left_out),
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
        if !account.settings.knows(&source.facts.route) && !ending(source) {
            let Route { account: to, region, .. } = &source.facts.route;
            found.notes.push(format!(
                "{}/{} is under way to account {to} in {region}, which is no [[target]] here: it is left alone until its \
                 access ends",
                source.facts.database, source.facts.label
            ));
            continue;
        }
        match Handoff::under_way(&account.settings, source, account.settings.terms_of(&source.facts)) {
            Ok(one) => found.all.push(one),
            Err(fault) => found.unreadable.push(fault.told()),
        }
    }
    let ending: BTreeSet<&HandoffId> = sources.iter().filter(|it| ending(it)).map(|it| &it.facts.id).collect();
    found.all.sort_by(|one, other| {
        let place = |of: &Handoff| (!ending.contains(&of.id), !of.begun);
        place(one).cmp(&place(other)).then_with(|| one.rank().cmp(&other.rank()))
    });
    Ok(found)
}

/// What a request asks for.
pub(crate) async fn requested(account: &Account, declared: &Declared) -> Result<Handoff, Fault> {
    let (sources, _) = account.source_snapshots(Freshness::Now).await?;
    let databases = account.cache.databases(&account.settings.region).await?;
    let (mut found, mut left_out) = (Handoffs::default(), LeftOut::default());
    match sources.iter().find(|source| key_of(&source.facts) == declared.key()) {
        Some(source) => found.add_known(account, declared, source, &databases, &mut left_out),
        None => found.add_new(account, declared, &databases, &mut left_out),
    }
    let refused = found.refused.pop();
    found.all.pop().ok_or_else(|| refused.unwrap_or_else(|| Fault::fatal("it is neither begun nor refused")))
}

impl Handoffs {
    /// A handoff that has no source snapshot yet.
    fn add_new<'a>(
        &mut self,
        account: &Account,
        declared: &'a Declared,
        databases: &Databases,
        left_out: &mut LeftOut<'a>,
    ) {
        let Some(database) = databases.get(&declared.database) else {
            let absent = unknown_database(account, databases);
            return self.refused.push(absent.refuses(declared));
        };
        match Handoff::new(&account.settings, declared, database) {
            Ok(one) => self.all.push(one),
            Err(obstacle) => self.impossible(declared, obstacle, left_out),
        }
    }

    /// A handoff under its label once moved one database. A database made anew under the same name is another one; what is still
    /// open of the first one is finished, and taken back, all the same.
    fn add_known<'a>(
        &mut self,
        account: &Account,
        declared: &'a Declared,
        source: &SourceSnapshot,
        databases: &Databases,
        left_out: &mut LeftOut<'a>,
    ) {
        let over = matches!(source.facts.phase(account.clock.now()), Phase::Settled(_));
        let today = databases.get(&declared.database).and_then(|database| database.resource.as_ref());
        if let (true, Some(today), Some(then)) = (over, today, &source.view.resource)
            && today != then
        {
            let what = format!("this label has moved another database of that name ({then}; today's is {today})");
            let obstacle = Obstacle::new(what, "move today's database under a new label");
            return self.impossible(declared, obstacle, left_out);
        }
        match Handoff::under_way(&account.settings, source, declared.terms) {
            Ok(one) => self.all.push(one),
            Err(fault) if declared.by_name => self.refused.push(fault),
            Err(fault) => self.unreadable.push(fault.told()),
        }
    }

    /// What is asked for by name is refused, what a pattern takes is left out.
    fn impossible<'a>(&mut self, declared: &'a Declared, obstacle: Obstacle, left_out: &mut LeftOut<'a>) {
        if declared.by_name {
            self.refused.push(obstacle.refuses(declared));
        } else {
            left_out.add(declared, obstacle);
        }
    }
}

impl<'a> LeftOut<'a> {
    pub(crate) fn add(&mut self, declared: &'a Declared, obstacle: Obstacle) {
        self.0.entry((&declared.label, obstacle.what)).or_default().insert(&declared.database);
    }

    pub(crate) fn notes(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|((label, what), databases)| {
            let names: Vec<&str> = databases.iter().take(NAMED).map(|name| name.as_str()).collect();
            let more = match databases.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("wave {label}: {}{more} left out, because {what}", names.join(", "))
        })
    }
}

fn unknown_database(account: &Account, there: &Databases) -> Obstacle {
    let place = format!("account {} in {}", account.settings.account, account.settings.region);
    let names: Vec<&str> = there.keys().map(DbIdentifier::as_str).take(20).collect();
    let there = if names.is_empty() { "there are none".to_owned() } else { format!("there are: {}", names.join(", ")) };
    let fix = format!("correct the name, the account or the Region; {there}");
    Obstacle::new(format!("no such DB instance in {place}"), fix)
}
