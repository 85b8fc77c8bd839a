//! What a wave is expected to take: figures, and how they are told.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use protocol::{AccountId, DbIdentifier, HandoffId, Label, Region};
use serde::Serialize;

use super::text::{COLUMNS, push_wrapped};
use crate::text::estimate_in_column;

/// What is still to come of all handoffs of an agent.
#[derive(Debug, Clone, Serialize)]
pub struct Forecast {
    /// What goes first where not all can go at once stands first.
    pub handoffs: Vec<Expected>,
    /// The last one has landed.
    #[serde(rename = "lands_seconds", serialize_with = "in_seconds")]
    pub lands: Duration,
    /// Of snapshots, at most.
    pub storage: Vec<Storage>,
    /// Between Regions, at most.
    pub transfer: Vec<Transfer>,
    /// Of this account.
    pub quotas: Vec<Quota>,
    /// What the times rest on.
    pub rests_on: &'static str,
}

/// One handoff. Times are counted from now.
#[derive(Debug, Clone, Serialize)]
pub struct Expected {
    /// From 1.
    pub order: usize,
    /// The database at the source.
    pub database: DbIdentifier,
    /// The operator's name for the move.
    pub label: Label,
    /// The handoff's id.
    pub id: HandoffId,
    /// Account B.
    pub account: AccountId,
    /// The target Region.
    pub region: Region,
    /// Allocated storage.
    pub size_gib: u32,
    /// The higher goes first.
    pub priority: i16,
    /// What is left of it, if it waits for no place.
    #[serde(rename = "takes_seconds", serialize_with = "in_seconds")]
    pub takes: Duration,
    /// There is a place for its copy to the target Region.
    #[serde(rename = "copy_begins_seconds", serialize_with = "in_seconds")]
    pub copy_begins: Duration,
    /// Account B owns its copy.
    #[serde(rename = "lands_seconds", serialize_with = "in_seconds")]
    pub lands: Duration,
    /// There is room for its snapshots.
    pub fits: bool,
}

/// Snapshots of all handoffs together.
#[derive(Debug, Clone, Serialize)]
pub struct Storage {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub region: Region,
    /// Allocated storage of their databases.
    pub gib: u64,
    /// Whether they stay, or are deleted again.
    pub kept: bool,
}

/// Copies that are still to be made.
#[derive(Debug, Clone, Serialize)]
pub struct Transfer {
    /// The source Region.
    pub from: Region,
    /// The target Region.
    pub to: Region,
    /// Allocated storage of their databases.
    pub gib: u64,
}

/// A quota of this account in a Region.
#[derive(Debug, Clone, Serialize)]
pub struct Quota {
    /// `manual-snapshots` or `copies-in-flight`.
    pub quota: &'static str,
    /// What Service Quotas calls it; `None` for one that is not raised there.
    pub code: Option<&'static str>,
    /// Where.
    pub region: Region,
    /// Now, by whomever.
    pub used: u64,
    /// As AWS has it, or the configuration.
    pub most: u64,
    /// How many more the handoffs make.
    pub needed: u64,
}

impl Quota {
    /// How many more there may be.
    pub fn left(&self) -> u64 {
        self.most.saturating_sub(self.used)
    }
}

/// How wide a handoff's name may be in the table.
const NAME: usize = 44;

impl Forecast {
    /// For a person: a table for each target, and the sums.
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

/// `database/label`; of a long one, the database's name is cut.
fn name(of: &Expected) -> String {
    let (database, label) = (of.database.as_str(), of.label.as_str());
    let room = NAME - 1 - label.len();
    if database.len() <= room { format!("{database}/{label}") } else { format!("{}…/{label}", &database[..room - 1]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_table_fits() {
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
