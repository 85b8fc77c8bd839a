//! `plan` and `status`: the same steps as `run`, walked by passes that never act.

mod forecast;

use std::collections::BTreeSet;

use agent_runtime::event::Trouble;
use agent_runtime::text::minute;
use agent_runtime::ui::forecast::Forecast;
use agent_runtime::ui::plan::{Access, Entry, FEW, Report, waits_for};
use agent_runtime::ui::standing::{Standing, Tally};
use agent_runtime::ui::{Format, Screen};
use agent_runtime::{Exit, Fault, Halt, Mode, Pass};
use jiff::Timestamp;
use protocol::tags::{KeyMode, Outcome, Route};
use protocol::{DbIdentifier, Label, Phase, SourceFacts, Stage, names};

use crate::account::Account;
use crate::discover;
use crate::handoff::{Handoff, SourceSnapshot};
use crate::keys::key_tags;
use crate::offer::offer;
use crate::withdraw::withdraw;
use forecast::forecast;

/// Every step that `run` would take; of one handoff where it is asked for.
pub(crate) async fn plan(
    account: &Account,
    screen: &Screen,
    caller: String,
    asked: Option<&(DbIdentifier, Option<Label>)>,
) -> Exit {
    report(account, screen, caller, Mode::Plan, asked).await
}

/// Where each handoff stands.
pub(crate) async fn status(account: &Account, screen: &Screen, caller: String) -> Exit {
    report(account, screen, caller, Mode::Look, None).await
}

async fn report(
    account: &Account,
    screen: &Screen,
    caller: String,
    mode: Mode,
    asked: Option<&(DbIdentifier, Option<Label>)>,
) -> Exit {
    let found = match discover::find(account).await {
        Ok(found) => found,
        Err(fault) => {
            screen.refuse(&fault);
            return Exit::Blocked;
        }
    };
    let is_asked = |of: &Handoff| {
        asked.is_none_or(|(database, label)| {
            *database == of.database.database && label.as_ref().is_none_or(|label| *label == of.label)
        })
    };
    if let (Some((database, _)), false) = (asked, found.all.iter().any(is_asked)) {
        screen.complain(&format!("no handoff of {database} is declared or under way as --handoff has it"), None);
        return Exit::Usage;
    }
    let mut handoffs = Vec::new();
    // What cannot be read may be open: `run` says the same of it.
    let mut exit = if found.unreadable.is_empty() { Exit::Settled } else { Exit::Blocked };
    for of in &found.all {
        let (entry, stands) = walk(account, of, mode).await;
        handoffs.push(entry);
        exit = exit.max(stands);
    }
    let mut notes = found.unreadable;
    notes.extend(found.notes);
    notes.extend(found.all.iter().filter(|of| !of.left_behind.is_empty()).map(|of| {
        let (keys, subject) = (of.left_behind.join(", "), of.subject());
        format!(
            "{subject}: these tags cannot be carried over: {keys} (30 at most, of letters, digits, spaces and _.:/=+-@)"
        )
    }));
    notes.extend(existing_keys(&found.all));
    let (mut expected, mut no_room) = (None, Vec::new());
    if mode == Mode::Look {
        match leftovers(account).await {
            Ok(keys) => notes.extend(keys),
            Err(fault) => notes.push(fault.told()),
        }
    } else {
        match forecast(account, &found.all, &handoffs).await {
            Ok((forecast, faults)) => {
                notes.extend(forecast.as_ref().map(room_of_others));
                (expected, no_room) = (forecast, faults);
            }
            Err(fault) => notes.push(format!("what it takes cannot be told: {}", fault.told())),
        }
    }
    let settings = &account.settings;
    let summary: Tally = handoffs.iter().map(|entry| entry.standing).collect();
    let report = Report {
        command: if mode == Mode::Plan { "plan" } else { "status" },
        caller,
        account: settings.account.to_string(),
        region: settings.region.to_string(),
        brief: mode == Mode::Plan && asked.is_none() && handoffs.len() > FEW,
        handoffs: handoffs.into_iter().zip(&found.all).filter(|(_, of)| is_asked(of)).map(|(entry, _)| entry).collect(),
        summary,
        forecast: expected,
        notes,
    };
    screen.print(&if screen.format() == Format::Json { report.json() } else { report.text() });
    found.refused.iter().chain(&no_room).for_each(|fault| screen.refuse(fault));
    match (found.refused.is_empty(), no_room.is_empty()) {
        (false, _) => Exit::Usage,
        (_, false) => exit.max(Exit::Blocked),
        _ => exit,
    }
}

async fn walk(account: &Account, of: &Handoff, mode: Mode) -> (Entry, Exit) {
    let owner = of.owner();
    let pass = account.fleet.look(mode, &owner);
    let (stands, fault) = match account.phase(of).await {
        Ok(phase) => (Some(phase), halted(steps(account, &pass, of, phase).await)),
        Err(fault) => (None, Some(fault)),
    };
    let source = account.source_snapshot(of).await.ok().flatten();
    let exit = match (&fault, stands) {
        (Some(fault), _) if fault.kind == agent_runtime::FaultKind::Fatal => Exit::Failed,
        (Some(_), _) => Exit::Blocked,
        (None, Some(Phase::Settled(Outcome::Landed | Outcome::Revoked))) => Exit::Settled,
        (None, Some(Phase::Settled(_))) => Exit::Failed,
        (None, _) => Exit::Pending,
    };
    let begun = match stands {
        Some(Phase::Offering) => of.begun,
        stands => stands.is_some(),
    };
    let steps = pass.into_rows();
    let facts = source.as_ref().map(|source| &source.facts);
    let entry = Entry {
        handoff: of.subject().to_string(),
        id: Some(of.id.to_string()),
        route: format!("{} -> {} {}", of.database.region, of.route.account, of.route.region),
        standing: match exit {
            Exit::Settled => Standing::Settled,
            Exit::Failed => Standing::Failed,
            Exit::Blocked => Standing::Blocked,
            _ if begun => Standing::of(&steps).unwrap_or(Standing::Blocked),
            _ => Standing::NotBegun,
        },
        since: source.as_ref().and_then(|source| match stands? {
            Phase::Offering => source.view.created,
            Phase::Withdrawing(_) => Some(source.facts.ended.as_ref()?.at),
            Phase::Settled(_) => Some(source.facts.settled.as_ref()?.at),
        }),
        waits_for: waits_for(&steps),
        access: facts.and_then(|facts| access(facts, account.clock.now())),
        phase: match stands {
            Some(Phase::Offering) if of.begun => "offering".to_owned(),
            Some(Phase::Offering) => "not begun".to_owned(),
            Some(Phase::Withdrawing(outcome)) => format!("withdrawing, {outcome}"),
            Some(Phase::Settled(outcome)) => format!("settled, {outcome}{}", heard(source.as_ref())),
            None => "unknown".to_owned(),
        },
        steps,
        fault: fault.as_ref().map(Trouble::from),
    };
    (entry, exit)
}

/// A plan shows what follows the landing too.
async fn steps(account: &Account, pass: &Pass<'_>, of: &Handoff, phase: Phase) -> Result<(), Halt> {
    match phase {
        Phase::Settled(_) => Ok(()),
        Phase::Withdrawing(outcome) => withdraw(account, pass, of, outcome).await,
        Phase::Offering => {
            offer(account, pass, of).await?;
            pass.describe_the_rest();
            withdraw(account, pass, of, Outcome::Landed).await
        }
    }
}

/// Keys of ours that no alias names: two agents made one each at the same instant, and one of them was not needed.
async fn leftovers(account: &Account) -> Result<Vec<String>, Fault> {
    let settings = &account.settings;
    let mut notes = Vec::new();
    let managed = settings.targets.iter().filter(|target| target.key_mode == KeyMode::Managed);
    let accounts: BTreeSet<_> = managed.map(|target| &target.account).collect();
    for target in accounts {
        let alias = names::key_alias(&settings.region, target);
        let named = account.keys.describe(&settings.region, &alias).await?;
        let ours = account.keys.ours(&settings.region, &settings.account, &key_tags(&settings.region, target)).await?;
        for key in ours.iter().filter(|key| named.as_ref().is_some_and(|named| named.arn != key.arn)) {
            notes.push(format!("key {} is ours, and not used: {alias} names another; schedule its deletion", key.arn));
        }
    }
    Ok(notes)
}

/// Reports what settled handoffs leave open: the policy of an existing key belongs to the administrators.
fn existing_keys(moves: &[Handoff]) -> Vec<String> {
    let existing: BTreeSet<&Route> =
        moves.iter().map(|of| &of.route).filter(|it| it.key == KeyMode::Existing).collect();
    let note = |Route { account, region, .. }: &Route| {
        format!(
            "the key to account {account} in {region} is an existing one: its policy lets that account use it until an administrator \
             takes the account out. The share of a copy is what a handoff opens and takes back"
        )
    };
    existing.into_iter().map(note).collect()
}

/// A quota of another account.
fn room_of_others(forecast: &Forecast) -> String {
    let accounts: BTreeSet<&str> = forecast.handoffs.iter().map(|of| of.account.as_str()).collect();
    let accounts: Vec<&str> = accounts.into_iter().collect();
    format!(
        "what account {} has room for cannot be seen from here: `source-agent hello` asks, and `target-agent check` tells it",
        accounts.join(" or ")
    )
}

/// From the offer until the end of the handoff.
fn access(facts: &SourceFacts, now: Timestamp) -> Option<Access> {
    let offer = facts.offer.as_ref()?;
    let until = facts.ended.as_ref().map(|ended| ended.at);
    Some(Access {
        to: match facts.route.key {
            KeyMode::Managed => &["share", "key"],
            KeyMode::Existing => &["share"],
        },
        from: offer.issued,
        until,
        until_latest: offer.access_until,
        lasts: until.unwrap_or(now).duration_since(offer.issued).try_into().unwrap_or_default(),
    })
}

/// What account B has told since: its restore goes on after everything is settled here.
fn heard(source: Option<&SourceSnapshot>) -> String {
    let restored = source.and_then(|source| source.facts.heard(Stage::Restored));
    restored.map_or_else(|| ", restore not heard of".to_owned(), |told| format!(", restored {}", minute(told.at)))
}

fn halted(flow: Result<(), Halt>) -> Option<Fault> {
    match flow {
        Err(Halt::Fault(fault)) => Some(fault),
        _ => None,
    }
}
