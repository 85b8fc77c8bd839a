//! What the handoffs that are still to be offered will take, as far as that can be known before.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use agent_runtime::aws::copies::is_copy_in_flight;
use agent_runtime::aws::quotas::QuotaName;
use agent_runtime::event::{Row, RowState};
use agent_runtime::ui::forecast::{Expected, Forecast, Quota, Storage, Transfer};
use agent_runtime::ui::plan::Entry;
use agent_runtime::ui::standing::Standing;
use agent_runtime::{Fault, Freshness, StepId};
use protocol::names::SnapshotRole;
use protocol::verify::estimate;
use protocol::{AccountId, Phase, Region, SnapshotId};

use crate::account::Account;
use crate::admission::COPY;
use crate::handoff::Handoff;
use crate::steps::{AWAIT_LANDING, SNAPSHOT};

/// What [`left`] does, in words.
const RESTS_ON: &str = "the snapshot, the copy to the target Region and account B's own copy are each taken to last an hour and \
                        10 s for each GiB, or as long as their progress says; what is blocked, to go on now; account B, to begin \
                        at once. AWS promises no time. GiB are of allocated storage. Quotas are judged as if all shared copies \
                        were there at once";
/// The quota of manual snapshots of a Region (RDS User Guide, Quotas and constraints for Amazon RDS).
const MANUAL_SNAPSHOTS: &str = "L-272F1212";
/// Where shared copies stand among [`sums`].
const SHARED: u8 = 1;

/// A handoff that is still to be offered, and what is left of it.
struct Job<'a> {
    of: &'a Handoff,
    has_shared_copy: bool,
    snapshot: Duration,
    copy: Duration,
    /// It holds a place already.
    copies: bool,
    landing: Duration,
}

/// What is to come, and why not all of it can. `None` when nothing is.
pub(crate) async fn forecast(
    account: &Account,
    moves: &[Handoff],
    entries: &[Entry],
) -> Result<(Option<Forecast>, Vec<Fault>), Fault> {
    let mut jobs = Vec::new();
    for (of, entry) in moves.iter().zip(entries) {
        if entry.standing != Standing::Failed && account.phase(of).await? == Phase::Offering {
            let there = account.cache.snapshots(&of.route.region, Freshness::Now).await?;
            let has_shared_copy = there.contains_key(&of.snapshot(SnapshotRole::Shared));
            jobs.push(Job::new(of, &entry.steps, has_shared_copy));
        }
    }
    if jobs.is_empty() {
        return Ok((None, Vec::new()));
    }
    jobs.sort_by(|one, other| one.of.rank().cmp(&other.of.rank()));
    let regions: BTreeSet<&Region> = jobs.iter().map(|job| &job.of.route.region).collect();
    let mut begins = BTreeMap::new();
    let mut quotas = vec![snapshots(account, &account.settings.region, &jobs).await?];
    for region in regions {
        quotas.push(snapshots(account, region, &jobs).await?);
        let others = copies_of_others(account, region, &jobs).await?;
        let copies: Vec<&Job<'_>> = jobs.iter().filter(|job| job.of.route.region == *region).collect();
        let most = account.settings.limits.copies_in_flight.get();
        let in_flight = others.len() + copies.iter().filter(|job| job.copies).count();
        quotas.push(Quota {
            quota: "copies-in-flight",
            code: None,
            region: region.clone(),
            used: widen(in_flight),
            most: most.into(),
            needed: widen(copies.iter().filter(|job| !job.copies && !job.copy.is_zero()).count()),
        });
        let places = places(most.into(), others, &copies);
        begins.extend(copies.iter().map(|job| &job.of.id).zip(places));
    }
    let mut room: BTreeMap<&Region, u64> =
        quotas.iter().filter(|quota| quota.code.is_some()).map(|quota| (&quota.region, quota.left())).collect();
    let mut handoffs = Vec::new();
    for (at, job) in jobs.iter().enumerate() {
        let of = job.of;
        let copy_begins = begins.get(&of.id).copied().unwrap_or_default();
        let mut fits = true;
        for region in job.makes(&account.settings.region) {
            let room = room.entry(region).or_default();
            fits &= *room > 0;
            *room = room.saturating_sub(1);
        }
        handoffs.push(Expected {
            order: at + 1,
            database: of.database.database.clone(),
            label: of.label.clone(),
            id: of.id.clone(),
            account: of.route.account.clone(),
            region: of.route.region.clone(),
            size_gib: of.size_gib,
            priority: of.terms.priority,
            takes: job.snapshot + job.copy + job.landing,
            copy_begins,
            lands: copy_begins.max(job.snapshot) + job.copy + job.landing,
            fits,
        });
    }
    let refused =
        quotas.iter().filter(|quota| quota.code.is_some() && quota.needed > quota.left()).map(too_small).collect();
    let (storage, transfer) = sums(account, &jobs);
    let lands = handoffs.iter().map(|of| of.lands).max().unwrap_or_default();
    Ok((Some(Forecast { handoffs, lands, storage, transfer, quotas, rests_on: RESTS_ON }), refused))
}

impl<'a> Job<'a> {
    fn new(of: &'a Handoff, rows: &[Row], has_shared_copy: bool) -> Self {
        let row = |step: StepId| rows.iter().find(|row| row.step == step.0);
        let left = |step| left(row(step), of.size_gib);
        let copies = row(COPY).is_some_and(|row| row.state == RowState::Working && !row.waits);
        Self { of, has_shared_copy, snapshot: left(SNAPSHOT), copy: left(COPY), copies, landing: left(AWAIT_LANDING) }
    }

    /// Where it still makes a manual snapshot of this account.
    fn makes<'r>(&'r self, home: &'r Region) -> impl Iterator<Item = &'r Region> {
        let source = (!self.of.begun).then_some(home);
        source.into_iter().chain((!self.has_shared_copy).then_some(&self.of.route.region))
    }
}

/// How long a step still takes. Of the three that take hours AWS promises nothing: so each is taken to last as long as the trust
/// rules allow for account B's copy.
fn left(row: Option<&Row>, size_gib: u32) -> Duration {
    match row {
        Some(row) if row.state.is_ready() => Duration::ZERO,
        Some(Row { remaining: Some(remaining), .. }) => *remaining,
        _ => estimate(size_gib).unsigned_abs(),
    }
}

/// When each copy begins: those that are in flight now, and then whichever is ready and comes first in the order.
fn places(most: usize, others: Vec<Duration>, jobs: &[&Job<'_>]) -> Vec<Duration> {
    let mut begins = vec![Duration::ZERO; jobs.len()];
    let mut busy: BinaryHeap<Reverse<Duration>> = others.into_iter().map(Reverse).collect();
    busy.extend(jobs.iter().filter(|job| job.copies).map(|job| Reverse(job.copy)));
    let to_come = jobs.iter().enumerate().filter(|(_, job)| !job.copies && !job.copy.is_zero());
    let mut later: BTreeSet<(Duration, usize)> = to_come.map(|(at, job)| (job.snapshot, at)).collect();
    let (mut ready, mut now) = (BTreeSet::new(), Duration::ZERO);
    loop {
        while let Some(&(when, at)) = later.first()
            && when <= now
        {
            later.pop_first();
            ready.insert(at);
        }
        while busy.peek().is_some_and(|Reverse(end)| *end <= now) {
            busy.pop();
        }
        while busy.len() < most {
            let Some(at) = ready.pop_first() else { break };
            begins[at] = now;
            busy.push(Reverse(now + jobs[at].copy));
        }
        let next = later.first().map(|(when, _)| *when);
        let free = busy.peek().filter(|_| !ready.is_empty()).map(|Reverse(end)| *end);
        match next.into_iter().chain(free).min() {
            Some(time) => now = time,
            None => return begins,
        }
    }
}

/// How long copies to a Region that are none of these may hold their slots: nothing is known of them but their size.
async fn copies_of_others(account: &Account, region: &Region, jobs: &[Job<'_>]) -> Result<Vec<Duration>, Fault> {
    let ours: BTreeSet<SnapshotId> = jobs.iter().map(|job| job.of.snapshot(SnapshotRole::Shared)).collect();
    let there = account.cache.snapshots(region, Freshness::Now).await?;
    let others = there.iter().filter(|(name, view)| is_copy_in_flight(view) && !ours.contains(*name));
    Ok(others.map(|(_, view)| estimate(view.size_gib).unsigned_abs()).collect())
}

/// The quota of manual snapshots in a Region. Shared copies are deleted again, but counted as if account B took none before the
/// last one is made: that it is quicker is not ours to promise.
async fn snapshots(account: &Account, region: &Region, jobs: &[Job<'_>]) -> Result<Quota, Fault> {
    let quotas = account.cache.quotas(region, Freshness::Now).await?;
    let Some(found) = quotas.get(QuotaName::ManualSnapshots) else {
        return Err(Fault::blocked(format!("RDS tells no quota of manual snapshots in {region}")));
    };
    let home = &account.settings.region;
    Ok(Quota {
        quota: "manual-snapshots",
        code: Some(MANUAL_SNAPSHOTS),
        region: region.clone(),
        used: found.used,
        most: found.max,
        needed: widen(jobs.iter().flat_map(|job| job.makes(home)).filter(|there| *there == region).count()),
    })
}

fn too_small(quota: &Quota) -> Fault {
    let Quota { region, used, most, needed, .. } = quota;
    let left = quota.left();
    let what = format!(
        "{needed} manual snapshots are to be made in {region}, and the quota {MANUAL_SNAPSHOTS} has room for {left}: {used} of \
         {most} are there. Shared copies are deleted again, but account B may take none before the last one is made"
    );
    let fix = format!(
        "delete some, or raise it; `run` moves those that fit all the same:\n\
         aws service-quotas request-service-quota-increase --region {region} --service-code rds \\\n    \
         --quota-code {MANUAL_SNAPSHOTS} --desired-value {}",
        used + needed
    );
    Fault::blocked(what).hint(fix)
}

/// What is kept of all handoffs, for how long, and what crosses between the Regions.
fn sums(account: &Account, jobs: &[Job<'_>]) -> (Vec<Storage>, Vec<Transfer>) {
    let (us, home) = (&account.settings.account, &account.settings.region);
    let mut sizes: BTreeMap<(u8, &AccountId, &Region), u64> = BTreeMap::new();
    let mut crossing: BTreeMap<&Region, u64> = BTreeMap::new();
    for job in jobs {
        let (to, gib) = (&job.of.route, u64::from(job.of.size_gib));
        for place in [(0, us, home), (SHARED, us, &to.region), (2, &to.account, &to.region)] {
            *sizes.entry(place).or_default() += gib;
        }
        if !job.copy.is_zero() {
            *crossing.entry(&to.region).or_default() += gib;
        }
    }
    let storage = sizes.into_iter().map(|((kind, account, region), gib)| Storage {
        account: account.clone(),
        region: region.clone(),
        gib,
        kept: kind != SHARED,
    });
    let transfer = crossing.into_iter().map(|(to, gib)| Transfer { from: home.clone(), to: to.clone(), gib });
    (storage.collect(), transfer.collect())
}

fn widen(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
