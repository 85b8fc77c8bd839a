//! What account B takes on: copies and restores in flight, and how much it accepts within a day. Senders take turns.

use std::cmp::Reverse;
use std::time::Duration;

use agent_runtime::copies::{Bound, Copies, CopyKey, behind};
use agent_runtime::database::DatabaseStatus;
use agent_runtime::line::{Claim, Line, Places, Turn};
use agent_runtime::snapshot::SnapshotView;
use agent_runtime::ui::text::minute;
use agent_runtime::{Clients, Fault, Working};
use jiff::{SignedDuration, Timestamp};
use protocol::trust::estimate;
use protocol::{DbIdentifier, Handoff, HandoffId, Stage};

use crate::account::Account;
use crate::config::{Limits, Settings};
use crate::job::Job;

/// The largest first, so that a wave ends early.
type Rank = (Reverse<u32>, HandoffId);

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// One for each process.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) copies: Copies<Rank>,
    restores: Line<DbIdentifier, Rank>,
}

impl Admission {
    pub(crate) fn new(clients: &Clients, settings: &Settings) -> Self {
        let most = usize::from(settings.limits.copies_in_flight.get());
        Self { copies: Copies::new(clients.clone(), &settings.pace, most), restores: Line::new() }
    }

    /// May this message's copy begin? Else it waits, but no longer than it may.
    pub(crate) async fn copies(&self, account: &Account, job: &Job, of: &Handoff) -> Result<Option<Working>, Fault> {
        let (settings, now) = (&account.settings, account.clock.now());
        let there = account.inventory.recent(&settings.region).await?;
        let share = share(account, of.size_gib, now).await?;
        let key = key(account, job);
        let claim = claim(job, of.size_gib);
        let waits = self.copies.ask(&there, &settings.region, &key, claim, share, now).await?;
        let end = of.access_until.checked_sub(estimate(of.size_gib)).unwrap_or(of.start_by).min(of.start_by);
        let end = end.checked_add(SignedDuration::from_secs(1)).unwrap_or(end);
        Ok(waits.map(|waits| Working { until: waits.until.map(|until| until.min(end)), ..waits }))
    }

    /// The copy is there; complete or not.
    pub(crate) async fn copying(&self, account: &Account, copy: &SnapshotView) -> Result<(), Fault> {
        if !self.copies.watch(copy) {
            return Ok(());
        }
        let region = &account.settings.region;
        let there = account.inventory.known(region).await?;
        self.copies.look(&there, region, account.clock.now()).await
    }

    /// What a refusal of the copy means.
    pub(crate) async fn refused(&self, account: &Account, job: &Job, fault: Fault) -> Fault {
        let region = &account.settings.region;
        let meant = match account.inventory.snapshots(region, Duration::ZERO).await {
            Ok(there) => {
                self.copies.refused(&there, region, Some(&key(account, job)), fault, account.clock.now()).await
            }
            Err(fault) => Err(fault),
        };
        meant.unwrap_or_else(|fault| fault)
    }

    /// May this database be restored? Else it waits.
    pub(crate) async fn restores(
        &self,
        account: &Account,
        job: &Job,
        name: &DbIdentifier,
        size_gib: u32,
    ) -> Result<Option<Working>, Fault> {
        let turn = self.restoring(account, |places| match self.copies.acts.get() {
            true => self.restores.ask(name, claim(job, size_gib), places),
            false if self.restores.free(places) == 0 => Turn::Behind { before: 0, room: false },
            false => Turn::In,
        });
        let Turn::Behind { before, .. } = turn.await? else { return Ok(None) };
        // A restore tells no progress: who is first looks as often as who restores.
        let until = (before > 0).then_some(Timestamp::MAX);
        Ok(Some(Working { until, ..Working::waiting_for(behind("a restore slot", before)) }))
    }

    /// A restore goes on, or is over.
    pub(crate) async fn restored(&self, account: &Account) -> Result<(), Fault> {
        if self.restores.is_empty() {
            return Ok(());
        }
        self.restoring(account, |places| self.restores.look(places)).await
    }

    async fn restoring<T>(
        &self,
        account: &Account,
        of: impl FnOnce(&Places<'_, DbIdentifier>) -> T,
    ) -> Result<T, Fault> {
        let databases = account.inventory.databases(&account.settings.region).await?;
        let creating = DatabaseStatus::Working("creating".to_owned());
        Ok(of(&Places {
            in_flight: databases.values().filter(|database| database.status == creating).count(),
            most: usize::from(account.settings.limits.restores_in_flight.get()),
            room: usize::MAX,
            shown: &|name| databases.contains_key(name),
            busy: &|_| false,
        }))
    }

    /// A pass has ended, perhaps with a fault that somebody must mend.
    pub(crate) fn walked(&self, account: &Account, job: &Job, blocked: bool) {
        self.copies.walked(&account.settings.region, &key(account, job), blocked);
        if let Ok(name) = job.restored(account) {
            self.restores.walked(&name, blocked);
        }
    }
}

/// What is left of the day's share for a database of this size: by what the target copies remember, so that any process knows it.
async fn share(account: &Account, size_gib: u32, now: Timestamp) -> Result<Option<Bound>, Fault> {
    let Limits { per_day_count, per_day_gib, .. } = account.settings.limits;
    if per_day_count.is_none() && per_day_gib.is_none() {
        return Ok(None);
    }
    if let Some(most) = per_day_gib.filter(|most| size_gib > most.get()) {
        let what = format!("the database has {size_gib} GiB, and {most} GiB are accepted per day");
        return Err(Fault::blocked(what).hint("raise per_day_gib under [limits], or ask for a smaller one"));
    }
    let (copies, _) = account.target_copies(account.inventory.soon()).await?;
    // One that was begun and not told of yet is accepted now.
    let accepted = copies.iter().map(|copy| (copy.facts.told(Stage::Accepted).map_or(now, |told| told.at), copy));
    let today: Vec<_> = accepted.filter(|(at, _)| now.duration_since(*at) < DAY).collect();
    let gib: u32 = today.iter().map(|(_, copy)| copy.view.size_gib).sum();
    let first = today.iter().map(|(at, _)| *at).min().unwrap_or(now);
    let counted = per_day_count.map(|most| {
        let (count, most) = (today.len(), usize::from(most.get()));
        (most.saturating_sub(count), format!("{count} of {most}"))
    });
    // One after the other: how large the next one is, is known when it asks.
    let weighed = per_day_gib.map(|most| (usize::from(gib + size_gib <= most.get()), format!("{gib} of {most} GiB")));
    let tightest = [counted, weighed].into_iter().flatten().min_by_key(|(left, _)| *left);
    Ok(tightest.map(|(left, of)| Bound {
        left,
        words: format!("tomorrow's share: {of} accepted since {}", minute(first)),
        until: first.checked_add(DAY).unwrap_or(Timestamp::MAX),
    }))
}

fn key(account: &Account, job: &Job) -> CopyKey {
    (job.target_arn(account).snapshot, Some(job.digest().clone()))
}

fn claim(job: &Job, size_gib: u32) -> Claim<Rank> {
    Claim {
        sender: job.facts.origin.account.clone(),
        rank: (Reverse(size_gib), job.id().clone()),
        source: job.facts.origin.identity.resource.clone(),
        wake: job.wake.clone(),
    }
}
