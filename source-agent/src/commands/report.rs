//! `report`: one page that tells of every handoff what AWS still tells of it. Reads only.

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
    let (mut sources, mut notes) = account.source_snapshots(Freshness::Now).await?;
    sources.retain(|source| label.is_none_or(|label| source.facts.label == *label));
    let now = account.clock.now();
    // What is settled has no shared copy any more.
    let unsettled = sources.iter().filter(|source| !matches!(source.facts.phase(now), Phase::Settled(_)));
    let regions: BTreeSet<&Region> = unsettled.map(|source| &source.facts.route.region).collect();
    let mut there = BTreeMap::new();
    for region in regions {
        match account.cache.snapshots(region, Freshness::Now).await {
            Ok(snapshots) => drop(there.insert(region, snapshots)),
            Err(fault) => notes.push(fault.told()),
        }
    }
    let mut handoffs = Vec::new();
    for source in &sources {
        let SourceFacts { database, id, route, .. } = &source.facts;
        let name = names::snapshot(database, id, SnapshotRole::Shared);
        let shared = there.get(&route.region).and_then(|snapshots| snapshots.get(&name));
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use protocol::tags::Outcome;

    use super::bars::TIMES;
    use super::bars::{Bar, End, Work};
    use super::*;

    /// A wave of handoffs in which every text is `text`, and every phase was done.
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
    fn what_others_have_written_is_text_and_never_markup() {
        let page = page(2, "</title><script src=//x>\"'&amp;");
        let escaped = "&lt;/title&gt;&lt;script src=//x&gt;&quot;'&amp;amp;";
        assert!(page.contains(&format!("<li>{escaped}</li>")), "{page}");
        assert_eq!(page.matches("src=//x").count(), page.matches(escaped).count(), "{page}");
    }

    #[test]
    fn a_thousand_handoffs_stay_a_page_that_can_be_mailed() {
        let page = page(1_000, "customer-orders-eu-west-production");
        assert_eq!(page.matches("<g class=\"row\"").count(), 1_000);
        assert!(page.len() < 1_500_000, "{}", page.len());
    }
}
