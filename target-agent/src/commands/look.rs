//! `plan` and `status`: the same steps as `run`, in passes that never act. They read no queue, since receiving a
//! message hides it from `run`.

use std::io::Read as _;
use std::path::Path;

use agent_runtime::event::Trouble;
use agent_runtime::ui::plan::{Entry, Report, waits_for};
use agent_runtime::ui::standing::Standing;
use agent_runtime::ui::{Format, Screen};
use agent_runtime::{Exit, Fault, FaultKind, Freshness, Halt, Mode};
use protocol::{Message, Reason, Refusal, Stage};

use crate::accept::accept;
use crate::account::Account;
use crate::handoff::Handoff;
use crate::profile::MasterPassword;

/// Prints every step that `run` would take.
pub(crate) async fn plan(account: &Account, screen: &Screen, caller: String, message: Option<&Path>) -> Exit {
    let handoff = match message.map(read).transpose() {
        Ok(body) => body.map(|body| {
            let message = match Message::decode(body.trim_end_matches(['\r', '\n']))? {
                Message::Handoff(message) => *message,
                Message::Hello(_) => {
                    return Err(Refusal::because(
                        Reason::Malformed,
                        "a hello begins no handoff, so there is nothing to plan",
                    ));
                }
            };
            account.settings.receiver.check(&message).map(|()| Handoff::begun_by(message))
        }),
        Err(error) => {
            screen.print_error(&format!("cannot read the message: {error}"), None);
            return Exit::Usage;
        }
    };
    match handoff.transpose() {
        Ok(handoff) => report(account, screen, caller, "plan", Mode::Plan, handoff).await,
        Err(refusal) => {
            screen.print_error(&format!("the message would be refused: {refusal}"), None);
            Exit::Failed
        }
    }
}

/// Prints the state of each handoff.
pub(crate) async fn status(account: &Account, screen: &Screen, caller: String) -> Exit {
    report(account, screen, caller, "status", Mode::Status, None).await
}

fn read(path: &Path) -> std::io::Result<String> {
    if path == Path::new("-") {
        let mut body = String::new();
        std::io::stdin().read_to_string(&mut body)?;
        return Ok(body);
    }
    std::fs::read_to_string(path)
}

async fn report(
    account: &Account,
    screen: &Screen,
    caller: String,
    command: &'static str,
    mode: Mode,
    planned: Option<Handoff>,
) -> Exit {
    let (copies, mut notes) = match account.target_copies(Freshness::Now).await {
        Ok(found) => found,
        Err(fault) => {
            screen.refuse(&fault);
            return Exit::Blocked;
        }
    };
    let finished =
        |handoff: &Handoff| copies.iter().any(|copy| copy.facts.id == *handoff.id() && copy.facts.is_finished());
    let mut handoffs: Vec<Handoff> = planned.into_iter().collect();
    for copy in &copies {
        if !handoffs.iter().any(|handoff| handoff.id() == &copy.facts.id) {
            handoffs.push(Handoff::found(copy.facts.clone()));
        }
    }
    let mut exit = Exit::Settled;
    let mut entries = Vec::new();
    for handoff in &handoffs {
        let (entry, status) = walk(account, handoff, mode, finished(handoff)).await;
        entries.push(entry);
        exit = exit.max(status);
    }
    if mode == Mode::Plan {
        match account.offered().await {
            Ok(offered) => notes.extend(offered.iter().map(|view| {
                format!(
                    "{}, {} {}, {} GiB, is shared with this account: `run` copies it after it has received and verified \
                     its message; pass the message with --message to see each step",
                    view.arn, view.engine, view.engine_version, view.size_gib
                )
            })),
            Err(fault) => notes.push(fault.told()),
        }
    }
    let keep = |handoff: &&Handoff| handoff.profile(&account.settings).master_password() == MasterPassword::Keep;
    notes.extend(handoffs.iter().filter(|_| mode == Mode::Plan).filter(keep).map(|handoff| {
        let name = handoff.subject();
        format!("risk: the master password of {name} stays as it is: everyone who has it at the source has it here")
    }));
    let settings = &account.settings;
    let (account, region) = (settings.account.to_string(), settings.region.to_string());
    let summary = entries.iter().map(|entry| entry.standing).collect();
    let report =
        Report { command, caller, account, region, handoffs: entries, summary, forecast: None, brief: false, notes };
    screen.print(&if screen.format() == Format::Json { report.json() } else { report.text() });
    exit
}

async fn walk(account: &Account, handoff: &Handoff, mode: Mode, finished: bool) -> (Entry, Exit) {
    let owner = handoff.owner();
    let pass = account.fleet.look(mode, &owner);
    let flow = if finished { Ok(()) } else { accept(account, &pass, handoff).await };
    let steps = pass.into_rows();
    let (phase, exit, fault) = match flow {
        _ if finished => ("restored", Exit::Settled, None),
        Err(Halt::Fault(fault)) => {
            let exit = if fault.kind == FaultKind::Fatal { Exit::Failed } else { Exit::Blocked };
            ("in trouble", exit, Some(fault))
        }
        _ if handoff.facts.told(Stage::Failed).is_some() => ("failed; the next run resumes it", Exit::Failed, None),
        _ => ("accepting", Exit::Pending, None),
    };
    let origin = &handoff.facts.origin;
    // The last receipt that account A was sent.
    let told = handoff.facts.told.iter().map(|(_, told)| told).max_by_key(|told| told.at);
    let entry = Entry {
        handoff: handoff.subject().to_string(),
        id: Some(handoff.id().to_string()),
        route: format!("{} {} -> {}", origin.account, origin.region, account.settings.region),
        standing: match exit {
            Exit::Settled => Standing::Settled,
            Exit::Failed => Standing::Failed,
            Exit::Blocked => Standing::Blocked,
            _ if handoff.message.is_some() => Standing::NotBegun,
            _ => Standing::of(&steps).unwrap_or(Standing::Blocked),
        },
        phase: phase.to_owned(),
        since: told.map(|told| told.at),
        waits_for: waits_for(&steps),
        access: None,
        steps,
        fault: fault.as_ref().map(|fault: &Fault| Trouble::from(fault)),
    };
    (entry, exit)
}
