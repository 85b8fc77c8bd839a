//! The forecast of a set of handoffs: times, storage, transfer and quotas, and their text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use protocol::{AccountId, DbIdentifier, HandoffId, Label, Region};
use serde::Serialize;

use super::text::{COLUMNS, push_wrapped};
use crate::text::estimate_in_column;

/// What the remaining work of all handoffs of an agent is expected to take.
#[derive(Debug, Clone, Serialize)]
pub struct Forecast {
    /// The handoffs, in the order in which they get slots.
    pub handoffs: Vec<Expected>,
    /// When the last handoff has landed, from now.
    #[serde(rename = "lands_seconds", serialize_with = "in_seconds")]
    pub lands: Duration,
    /// The most storage that snapshots take.
    pub storage: Vec<Storage>,
    /// The most data that is transferred between Regions.
    pub transfer: Vec<Transfer>,
    /// The quotas of this account.
    pub quotas: Vec<Quota>,
    /// The basis of the estimated times.
    pub rests_on: &'static str,
}

/// One handoff. Times are counted from now.
#[derive(Debug, Clone, Serialize)]
pub struct Expected {
    /// The position in the order, from 1.
    pub order: usize,
    /// The source database.
    pub database: DbIdentifier,
    /// The operator's name for the handoff.
    pub label: Label,
    /// The handoff's id.
    pub id: HandoffId,
    /// Account B.
    pub account: AccountId,
    /// The target Region.
    pub region: Region,
    /// Its allocated storage in GiB.
    pub size_gib: u32,
    /// A higher priority goes first.
    pub priority: i16,
    /// The remaining time, if it never waits for a slot.
    #[serde(rename = "takes_seconds", serialize_with = "in_seconds")]
    pub takes: Duration,
    /// When its copy to the target Region gets a slot.
    #[serde(rename = "copy_begins_seconds", serialize_with = "in_seconds")]
    pub copy_begins: Duration,
    /// When account B owns its copy.
    #[serde(rename = "lands_seconds", serialize_with = "in_seconds")]
    pub lands: Duration,
    /// Whether there is room for its snapshots.
    pub fits: bool,
}

/// The storage of the snapshots of all handoffs in one Region.
#[derive(Debug, Clone, Serialize)]
pub struct Storage {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// The allocated storage of their databases.
    pub gib: u64,
    /// Whether they are kept; otherwise they are deleted after landing.
    pub kept: bool,
}

/// The data of copies that are still to be made between two Regions.
#[derive(Debug, Clone, Serialize)]
pub struct Transfer {
    /// The source Region.
    pub from: Region,
    /// The target Region.
    pub to: Region,
    /// The allocated storage of their databases.
    pub gib: u64,
}

/// A quota of this account in a Region.
#[derive(Debug, Clone, Serialize)]
pub struct Quota {
    /// `manual-snapshots` or `copies-in-flight`.
    pub quota: &'static str,
    /// Its code in Service Quotas; `None` if it is not raised there.
    pub code: Option<&'static str>,
    /// The Region.
    pub region: Region,
    /// How many are used now, by anyone.
    pub used: u64,
    /// The limit of AWS or of the configuration.
    pub most: u64,
    /// How many more the handoffs need.
    pub needed: u64,
}

impl Quota {
    /// How many are left.
    pub fn left(&self) -> u64 {
        self.most.saturating_sub(self.used)
    }
}

/// The maximum width of a handoff's name in the table.
const NAME: usize = 44;

impl Forecast {
    /// Appends the text form: a table for each target, and the totals.
    pub fn push(&self, text: &mut String) {
        let mut targets: BTreeMap<_, Vec<&Expected>> = BTreeMap::new();
        for of in &self.handoffs {
            targets.entry((&of.account, &of.region)).or_default().push(of);
        }
        for ((account, region), handoffs) in &targets {
            let gib: u64 = handoffs.iter().map(|of| u64::from(of.size_gib)).sum();
            let lands = handoffs.iter().map(|of| of.lands).max().unwrap_or_default();
            let what =
                format!("{}, {gib} GiB, landed after about {}", count(handoffs.len()), estimate_in_column(lands));
            push_wrapped(text, COLUMNS, &format!("\nto account {account} in {region}: "), &what);
            let names: Vec<String> = handoffs.iter().map(|of| name(of)).collect();
            let wide = names.iter().map(|name| name.chars().count()).max().unwrap_or_default().clamp(7, NAME);
            let _ = writeln!(
                text,
                "{:>5}  {:<wide$}  {:>6}  {:>6}  {:>7}  {:>11}  {:>8}",
                "#", "handoff", "GiB", "prio", "takes", "copy begins", "lands"
            );
            for (of, name) in handoffs.iter().zip(names) {
                let (begins, lands) = if of.fits {
                    (format!("+{}", estimate_in_column(of.copy_begins)), format!("+{}", estimate_in_column(of.lands)))
                } else {
                    ("no room".to_owned(), String::new())
                };
                let Expected { order, size_gib, priority, takes, .. } = of;
                let takes = estimate_in_column(*takes);
                let row = format!(
                    "{order:>5}  {name:<wide$}  {size_gib:>6}  {priority:>6}  {takes:>7}  {begins:>11}  {lands:>8}"
                );
                let _ = writeln!(text, "{}", row.trim_end());
            }
        }
        text.push('\n');
        if targets.len() > 1 {
            let what = format!("{}, landed after about {}", count(self.handoffs.len()), estimate_in_column(self.lands));
            push_wrapped(text, COLUMNS, "together  ", &what);
        }
        push_wrapped(text, COLUMNS, "estimate  ", self.rests_on);
        for Storage { account, region, gib, kept } in &self.storage {
            let kept = if *kept { "kept" } else { "until each has landed" };
            let what = format!("{gib} GiB of snapshots at most in {region} of account {account}, {kept}");
            push_wrapped(text, COLUMNS, "storage   ", &what);
        }
        for Transfer { from, to, gib } in &self.transfer {
            push_wrapped(text, COLUMNS, "transfer  ", &format!("{gib} GiB at most from {from} to {to}"));
        }
        for quota @ Quota { region, most, needed, code, .. } in &self.quotas {
            let what = match code {
                Some(code) => format!("manual snapshots in {region} ({code})"),
                None => format!("copies in flight to {region}"),
            };
            let what = format!("{what}: {} of {most} left; {needed} to be made", quota.left());
            push_wrapped(text, COLUMNS, "quota     ", &what);
        }
    }
}

pub(crate) fn in_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

fn count(handoffs: usize) -> String {
    format!("{handoffs} handoff{}", if handoffs == 1 { "" } else { "s" })
}

/// Formats `database/label`; a long database name is shortened.
fn name(of: &Expected) -> String {
    let (database, label) = (of.database.as_str(), of.label.as_str());
    let room = NAME - 1 - label.len();
    if database.len() <= room { format!("{database}/{label}") } else { format!("{}…/{label}", &database[..room - 1]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widest_table_fits_the_maximum_line_width() {
        let row = |database: &str, fits| Expected {
            order: 10_000,
            database: database.parse().unwrap(),
            label: "a-label-as-long-as-it-is".parse().unwrap(),
            id: "0123456789abcdef".parse().unwrap(),
            account: "222222222222".parse().unwrap(),
            region: "ap-southeast-3".parse().unwrap(),
            size_gib: 65_536,
            priority: i16::MIN,
            takes: Duration::from_hours(549),
            copy_begins: Duration::from_hours(1999),
            lands: Duration::from_mins(120_001),
            fits,
        };
        let forecast = Forecast {
            handoffs: vec![row(&"x".repeat(63), true), row("orders", false)],
            lands: Duration::from_secs(1),
            storage: Vec::new(),
            transfer: Vec::new(),
            quotas: Vec::new(),
            rests_on: "nothing",
        };
        let mut text = String::new();
        forecast.push(&mut text);
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert!(text.contains("xxx…/a-label-as-long-as-it-is") && text.contains("+2000h01m\n"), "{text}");
        assert!(text.contains("549h00m      no room\n"), "{text}");
    }
}
