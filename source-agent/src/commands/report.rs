//! `report`: writes an HTML page about every handoff that AWS still shows. Read-only in AWS.

mod bars;
mod html;
mod timeline;
mod wave;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::rc::Rc;

use agent_runtime::ui::Screen;
use agent_runtime::{Exit, Fault, Freshness};
use protocol::names::{self, SnapshotRole};
use protocol::{Label, Phase, Region, SourceFacts, state};
use tempfile::NamedTempFile;

use crate::account::Account;
use wave::{HandoffReport, Wave};

/// Writes the report of all handoffs, or of those under one label, to `file`; `-` is standard output.
pub(crate) async fn report(
    account: &Account,
    screen: &Screen,
    caller: String,
    file: &Path,
    label: Option<&Label>,
) -> Exit {
    let refuse = |error: &io::Error| {
        screen
            .print_error(&format!("{} cannot be written: {error}", file.display()), Some("choose another --html FILE"));
        Exit::Usage
    };
    // Fails before AWS is called if the file cannot be written.
    let temporary = match (file != Path::new("-")).then(|| temporary_file(file)).transpose() {
        Ok(temporary) => temporary,
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
        screen.print_error(
            &format!("no handoff has the label {label}"),
            Some("`source-agent report` without --label shows all"),
        );
        return Exit::Usage;
    }
    let page = html::page(&wave);
    match temporary {
        None => screen.print(&page),
        Some(temporary) => {
            if let Err(error) = replace(temporary, file, &page) {
                return refuse(&error);
            }
        }
    }
    // The access of a handoff that cannot be read may be open. The page has the notes too.
    if wave.notes.is_empty() { Exit::Settled } else { Exit::Blocked }
}

async fn wave(account: &Account, caller: String, label: Option<&Label>) -> Result<Wave, Fault> {
    let (mut sources, mut notes) = account.source_snapshots(Freshness::Now).await?;
    sources.retain(|source| label.is_none_or(|label| source.facts.label == *label));
    let now = account.clock.now();
    // A settled handoff has no shared copy any more.
    let unsettled = sources.iter().filter(|source| !matches!(source.facts.phase(now), Phase::Settled(_)));
    let regions: BTreeSet<&Region> = unsettled.map(|source| &source.facts.route.region).collect();
    let mut by_region = BTreeMap::new();
    for region in regions {
        match account.cache.snapshots(region, Freshness::Now).await {
            Ok(snapshots) => drop(by_region.insert(region, snapshots)),
            Err(fault) => notes.push(fault.told()),
        }
    }
    let mut handoffs = Vec::new();
    for source in &sources {
        let SourceFacts { database, id, route, .. } = &source.facts;
        let name = names::snapshot(database, id, SnapshotRole::Shared);
        let shared = by_region.get(&route.region).and_then(|snapshots| snapshots.get(&name));
        let ours = shared.filter(|view| state::is_ours(&view.tags, SnapshotRole::Shared));
        handoffs.push(HandoffReport::of(source, ours.map(Rc::as_ref), now));
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

/// Creates a temporary file in the folder of `file`. It is deleted on drop. Fails if `file` exists and is no regular
/// file.
fn temporary_file(file: &Path) -> io::Result<NamedTempFile> {
    if std::fs::metadata(file).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(io::Error::other("it exists and is not a regular file; `-` is standard output"));
    }
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder)
}

/// Writes the page and renames the file. If this fails the old file is left as it was.
fn replace(mut temporary: NamedTempFile, file: &Path, page: &str) -> io::Result<()> {
    temporary.write_all(page.as_bytes())?;
    temporary.as_file().sync_all()?;
    temporary.persist(file).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use protocol::tags::Outcome;

    use super::bars::TIMES;
    use super::bars::{Bar, End, Work};
    use super::*;

    /// The page of a wave in which every text is `text`. All phases of all handoffs but the first are complete.
    fn page(count: i64, text: &str) -> String {
        let at = |minute: i64| Timestamp::from_second(1_795_255_200 + minute * 67).unwrap();
        let handoff = |nth: i64| HandoffReport {
            id: text.to_owned(),
            database: text.to_owned(),
            label: text.to_owned(),
            to_account: text.to_owned(),
            to_region: text.to_owned(),
            engine: text.to_owned(),
            size_gib: 16_384,
            standing: if nth == 0 { Phase::Offering } else { Phase::Settled(Outcome::Landed) },
            times: [0; TIMES.len()].map(|minute| Some(at(nth + minute))),
            access_until: Some(at(nth)),
            trouble: (nth == 0).then(|| (protocol::Stage::Failed, Some(text.to_owned()), at(nth))),
            copying: Some(text.to_owned()),
            bars: (0..)
                .zip(Work::ALL)
                .map(|(phase, work)| Bar {
                    first: work,
                    last: work,
                    from: at(nth + phase * 71),
                    end: if nth == 0 { End::Open } else { End::Reached(at(nth + phase * 71 + 71)) },
                })
                .collect(),
        };
        html::page(&Wave {
            account: text.to_owned(),
            region: text.to_owned(),
            caller: text.to_owned(),
            label: Some(text.to_owned()),
            now: at(count + 600),
            handoffs: (0..count).map(handoff).collect(),
            notes: vec![text.to_owned()],
        })
    }

    #[test]
    fn names_from_aws_are_escaped_and_never_markup() {
        let page = page(2, "</title><script src=//x>\"'&amp;");
        let escaped = "&lt;/title&gt;&lt;script src=//x&gt;&quot;'&amp;amp;";
        assert!(page.contains(&format!("<li>{escaped}</li>")), "{page}");
        assert_eq!(page.matches("src=//x").count(), page.matches(escaped).count(), "{page}");
    }

    #[test]
    fn page_of_a_thousand_handoffs_is_below_one_and_a_half_megabytes() {
        let page = page(1_000, "customer-orders-eu-west-production");
        assert_eq!(page.matches("<g class=\"row\"").count(), 1_000);
        assert!(page.len() < 1_500_000, "{}", page.len());
    }
}
