//! `plan` and `status`: passes over the steps of `run` that never act.

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

/// Prints every step that `run` would take, of all handoffs or of the one that is asked for.
pub(crate) async fn plan(
    account: &Account,
    screen: &Screen,
    caller: String,
    asked: Option<&(DbIdentifier, Option<Label>)>,
) -> Exit {
    report(account, screen, caller, Mode::Plan, asked).await
}

/// Prints the state of each handoff.
pub(crate) async fn status(account: &Account, screen: &Screen, caller: String) -> Exit {
    report(account, screen, caller, Mode::Status, None).await
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
        screen.print_error(&format!("no handoff of {database} that --handoff names is declared or under way"), None);
        return Exit::Usage;
    }
    let mut handoffs = Vec::new();
    // The access of a handoff that cannot be read may be open. `run` exits with the same code.
    let mut exit = if found.unreadable.is_empty() { Exit::Settled } else { Exit::Blocked };
    for of in &found.all {
        let (entry, entry_exit) = walk(account, of, mode).await;
        handoffs.push(entry);
        exit = exit.max(entry_exit);
    }
    let mut notes = found.unreadable;
    notes.extend(found.notes);
    notes.extend(found.all.iter().filter(|of| !of.not_carried.is_empty()).map(|of| {
        let (keys, subject) = (of.not_carried.join(", "), of.subject());
        format!(
            "{subject}: these tags cannot be carried over: {keys} (30 at most, of letters, digits, spaces and _.:/=+-@)"
        )
    }));
    notes.extend(existing_keys(&found.all));
    let (mut expected, mut over_quota) = (None, Vec::new());
    if mode == Mode::Status {
        match unused_keys(account).await {
            Ok(keys) => notes.extend(keys),
            Err(fault) => notes.push(fault.told()),
        }
    } else {
        match forecast(account, &found.all, &handoffs).await {
            Ok((forecast, faults)) => {
                notes.extend(forecast.as_ref().map(quotas_of_others));
                (expected, over_quota) = (forecast, faults);
            }
            Err(fault) => notes.push(format!("there is no forecast: {}", fault.told())),
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
    found.refused.iter().chain(&over_quota).for_each(|fault| screen.refuse(fault));
    match (found.refused.is_empty(), over_quota.is_empty()) {
        (false, _) => Exit::Usage,
        (_, false) => exit.max(Exit::Blocked),
        _ => exit,
    }
}

/// One handoff: its row of the report, and the exit code that it leads to.
async fn walk(account: &Account, of: &Handoff, mode: Mode) -> (Entry, Exit) {
    let owner = of.owner();
    let pass = account.fleet.look(mode, &owner);
    let (phase, fault) = match account.phase(of).await {
        Ok(phase) => (Some(phase), fault_of(steps(account, &pass, of, phase).await)),
        Err(fault) => (None, Some(fault)),
    };
    let source = account.source_snapshot(of).await.ok().flatten();
    let exit = match (&fault, phase) {
        (Some(fault), _) if fault.kind == agent_runtime::FaultKind::Fatal => Exit::Failed,
        (Some(_), _) => Exit::Blocked,
        (None, Some(Phase::Settled(Outcome::Landed | Outcome::Revoked))) => Exit::Settled,
        (None, Some(Phase::Settled(_))) => Exit::Failed,
        (None, _) => Exit::Pending,
    };
    let begun = match phase {
        Some(Phase::Offering) => of.begun,
        phase => phase.is_some(),
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
        since: source.as_ref().and_then(|source| match phase? {
            Phase::Offering => source.view.created,
            Phase::Withdrawing(_) => Some(source.facts.ended.as_ref()?.at),
            Phase::Settled(_) => Some(source.facts.settled.as_ref()?.at),
        }),
        waits_for: waits_for(&steps),
        access: facts.and_then(|facts| access(facts, account.clock.now())),
        phase: match phase {
            Some(Phase::Offering) if of.begun => "offering".to_owned(),
            Some(Phase::Offering) => "not begun".to_owned(),
            Some(Phase::Withdrawing(outcome)) => format!("withdrawing, {outcome}"),
            Some(Phase::Settled(outcome)) => format!("settled, {outcome}{}", restore_reported(source.as_ref())),
            None => "unknown".to_owned(),
        },
        steps,
        fault: fault.as_ref().map(Trouble::from),
    };
    (entry, exit)
}

/// Walks the steps of the phase. A plan continues with the steps of withdrawing.
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

/// Notes about keys of ours that no alias names. They are left when two agents each created a key at the same time.
async fn unused_keys(account: &Account) -> Result<Vec<String>, Fault> {
    let settings = &account.settings;
    let mut notes = Vec::new();
    let managed = settings.targets.iter().filter(|target| target.key_mode == KeyMode::Managed);
    let accounts: BTreeSet<_> = managed.map(|target| &target.account).collect();
    for target in accounts {
        let alias = names::key_alias(&settings.region, target);
        let named = account.keys.describe(&settings.region, &alias).await?;
        let ours = account.keys.ours(&settings.region, &settings.account, &key_tags(&settings.region, target)).await?;
        for key in ours.iter().filter(|key| named.as_ref().is_some_and(|named| named.arn != key.arn)) {
            notes.push(format!(
                "key {} is ours and not used, because {alias} names another key; schedule its deletion",
                key.arn
            ));
        }
    }
    Ok(notes)
}

/// Notes about existing keys, whose policies stay open after handoffs are settled: only administrators change them.
fn existing_keys(handoffs: &[Handoff]) -> Vec<String> {
    let existing: BTreeSet<&Route> =
        handoffs.iter().map(|of| &of.route).filter(|route| route.key == KeyMode::Existing).collect();
    let note = |Route { account, region, .. }: &Route| {
        format!(
            "the key for account {account} in {region} is an existing one: its policy allows that account to use it until an \
             administrator removes the account. A handoff adds and removes only the share of a copy"
        )
    };
    existing.into_iter().map(note).collect()
}

/// A note that quotas of the target accounts are not part of the forecast.
fn quotas_of_others(forecast: &Forecast) -> String {
    let accounts: BTreeSet<&str> = forecast.handoffs.iter().map(|of| of.account.as_str()).collect();
    let accounts: Vec<&str> = accounts.into_iter().collect();
    format!(
        "the quotas of account {} cannot be read from here: `source-agent hello` asks for them, `target-agent check` shows them",
        accounts.join(" or ")
    )
}

/// Account B's access, from the offer until the end of the handoff.
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

/// Whether account B has reported its restore, which may continue after the handoff is settled here.
fn restore_reported(source: Option<&SourceSnapshot>) -> String {
    let restored = source.and_then(|source| source.facts.heard(Stage::Restored));
    restored.map_or_else(|| ", restore not reported".to_owned(), |receipt| format!(", restored {}", minute(receipt.at)))
}

fn fault_of(flow: Result<(), Halt>) -> Option<Fault> {
    match flow {
        Err(Halt::Fault(fault)) => Some(fault),
        _ => None,
    }
}
