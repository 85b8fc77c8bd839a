//! `report`: one page that tells of every handoff what AWS still tells of it. Reads only.

mod html;
mod timeline;
mod wave;
mod words;

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use agent_runtime::events::Screen;
use agent_runtime::{Exit, Fault};
use protocol::names::{self, SnapshotRole};
use protocol::{Label, Phase, facts};
use tempfile::NamedTempFile;

use crate::account::Account;
use wave::{Handoff, Wave};

/// Writes the report of all handoffs, or of those under one label, to `file`; `-` is standard output.
pub(crate) async fn report(
    account: &Account,
    screen: &Screen,
    caller: String,
    file: &Path,
    label: Option<&Label>,
) -> Exit {
    let refuse = |error: &io::Error| {
        screen.complain(&format!("{} cannot be written: {error}", file.display()), Some("choose another --html FILE"));
        Exit::Usage
    };
    // Whether it can be written is known before AWS is asked.
    let beside = match (file != Path::new("-")).then(|| beside(file)).transpose() {
        Ok(beside) => beside,
        Err(error) => return refuse(&error),
    };
    let wave = match wave(account, caller, label).await {
        Ok(wave) => wave,
        Err(fault) => {
            screen.refuse(&fault);
            return Exit::Blocked;
        }
    };
    if let (Some(label), true) = (label, wave.handoffs.is_empty()) {
        screen.complain(
            &format!("no handoff has the label {label}"),
            Some("`source-agent report` without --label shows all"),
        );
        return Exit::Usage;
    }
    let page = html::page(&wave);
    match beside {
        None => screen.print(&page),
        Some(beside) => {
            if let Err(error) = replace(beside, file, &page) {
                return refuse(&error);
            }
        }
    }
    // The page says so too: what cannot be read may be open.
    if wave.notes.is_empty() { Exit::Settled } else { Exit::Blocked }
}

async fn wave(account: &Account, caller: String, label: Option<&Label>) -> Result<Wave, Fault> {
    let (mut sources, notes) = account.source_snapshots().await?;
    sources.retain(|source| label.is_none_or(|label| source.facts.label == *label));
    let now = account.clock.now();
    let mut handoffs = Vec::new();
    for source in &sources {
        let facts = &source.facts;
        let name = names::snapshot(&facts.database, &facts.id, SnapshotRole::Shared);
        // What is settled has no shared copy any more.
        let shared = if matches!(facts.phase(now), Phase::Settled(_)) {
            None
        } else {
            let snapshots = account.inventory.snapshots(&facts.route.region).await?;
            snapshots.get(&name).filter(|view| facts::is_ours(&view.tags, SnapshotRole::Shared)).cloned()
        };
        handoffs.push(Handoff::of(source, shared.as_ref(), now));
    }
    handoffs.sort_by_key(|handoff| (handoff.began(), handoff.subject()));
    let settings = &account.settings;
    Ok(Wave {
        account: settings.account.to_string(),
        region: settings.region.to_string(),
        caller,
        label: label.map(ToString::to_string),
        now,
        handoffs,
        notes,
    })
}

/// An empty file in the same folder, which goes away by itself. Devices and pipes are not replaced by a file.
fn beside(file: &Path) -> io::Result<NamedTempFile> {
    if std::fs::metadata(file).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("it is there, and no regular file; `-` is standard output"));
    }
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder)
}

/// The page stands there as a whole, or what was there before does.
fn replace(mut beside: NamedTempFile, file: &Path, page: &str) -> io::Result<()> {
    beside.write_all(page.as_bytes())?;
    beside.as_file().sync_all()?;
    beside.persist(file).map(drop).map_err(|error| error.error)
}
