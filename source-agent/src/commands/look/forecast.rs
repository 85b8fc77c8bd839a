//! The forecast of `plan`: expected times, storage, transfer and quotas of the handoffs in the phase
//! `Offering`.

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

/// The assumptions of [`remaining`], for the operator.
const RESTS_ON: &str = "the snapshot, the copy to the target Region and account B's own copy are each assumed to take an hour and \
                        10 s for each GiB, or as long as their progress indicates; blocked handoffs, to continue now; account B, \
                        to begin at once. AWS promises no time. GiB are of allocated storage. Quotas are computed as if all shared \
                        copies existed at the same time";
/// The quota of manual snapshots of a Region (RDS User Guide, Quotas and constraints for Amazon RDS).
const MANUAL_SNAPSHOTS: &str = "L-272F1212";
/// The sort key of shared copies in [`sums`].
const SHARED: u8 = 1;

/// A handoff in the phase `Offering`, and the remaining time of its slow steps.
struct Upcoming<'a> {
    of: &'a Handoff,
    has_shared_copy: bool,
    snapshot: Duration,
    copy: Duration,
    /// Its copy is in flight already.
    is_copying: bool,
    landing: Duration,
}

/// The forecast, and a fault for each quota that is too small. `None` if nothing is still to be offered.
pub(crate) async fn forecast(
    account: &Account,
    all: &[Handoff],
    entries: &[Entry],
) -> Result<(Option<Forecast>, Vec<Fault>), Fault> {
    let mut upcoming = Vec::new();
    for (of, entry) in all.iter().zip(entries) {
        if entry.standing != Standing::Failed && account.phase(of).await? == Phase::Offering {
            let snapshots = account.cache.snapshots(&of.route.region, Freshness::Now).await?;
            let has_shared_copy = snapshots.contains_key(&of.snapshot(SnapshotRole::Shared));
            upcoming.push(Upcoming::new(of, &entry.steps, has_shared_copy));
        }
    }
    if upcoming.is_empty() {
        return Ok((None, Vec::new()));
    }
    upcoming.sort_by(|one, other| one.of.rank().cmp(&other.of.rank()));
    let regions: BTreeSet<&Region> = upcoming.iter().map(|it| &it.of.route.region).collect();
    let mut begins = BTreeMap::new();
    let mut quotas = vec![snapshots(account, &account.settings.region, &upcoming).await?];
    for region in regions {
        quotas.push(snapshots(account, region, &upcoming).await?);
        let others = copies_of_others(account, region, &upcoming).await?;
        let copies: Vec<&Upcoming<'_>> = upcoming.iter().filter(|it| it.of.route.region == *region).collect();
        let limit = account.settings.limits.copies_in_flight.get();
        let in_flight = others.len() + copies.iter().filter(|it| it.is_copying).count();
        quotas.push(Quota {
            quota: "copies-in-flight",
            code: None,
            region: region.clone(),
            used: widen(in_flight),
            most: limit.into(),
            needed: widen(copies.iter().filter(|it| !it.is_copying && !it.copy.is_zero()).count()),
        });
        let starts = copy_starts(limit.into(), others, &copies);
        begins.extend(copies.iter().map(|it| &it.of.id).zip(starts));
    }
    let mut room: BTreeMap<&Region, u64> =
        quotas.iter().filter(|quota| quota.code.is_some()).map(|quota| (&quota.region, quota.left())).collect();
    let mut handoffs = Vec::new();
    for (index, one) in upcoming.iter().enumerate() {
        let of = one.of;
        let copy_begins = begins.get(&of.id).copied().unwrap_or_default();
        let mut fits = true;
        for region in one.new_snapshots(&account.settings.region) {
            let room = room.entry(region).or_default();
            fits &= *room > 0;
            *room = room.saturating_sub(1);
        }
        handoffs.push(Expected {
            order: index + 1,
            database: of.database.database.clone(),
            label: of.label.clone(),
            id: of.id.clone(),
            account: of.route.account.clone(),
            region: of.route.region.clone(),
            size_gib: of.size_gib,
            priority: of.terms.priority,
            takes: one.snapshot + one.copy + one.landing,
            copy_begins,
            lands: copy_begins.max(one.snapshot) + one.copy + one.landing,
            fits,
        });
    }
    let refused = quotas
        .iter()
        .filter(|quota| quota.code.is_some() && quota.needed > quota.left())
        .map(quota_too_small)
        .collect();
    let (storage, transfer) = sums(account, &upcoming);
    let lands = handoffs.iter().map(|of| of.lands).max().unwrap_or_default();
    Ok((Some(Forecast { handoffs, lands, storage, transfer, quotas, rests_on: RESTS_ON }), refused))
}

impl<'a> Upcoming<'a> {
    fn new(of: &'a Handoff, rows: &[Row], has_shared_copy: bool) -> Self {
        let row = |step: StepId| rows.iter().find(|row| row.step == step.0);
        let remaining = |step| remaining(row(step), of.size_gib);
        let is_copying = row(COPY).is_some_and(|row| row.state == RowState::Working && !row.waits);
        Self {
            of,
            has_shared_copy,
            snapshot: remaining(SNAPSHOT),
            copy: remaining(COPY),
            is_copying,
            landing: remaining(AWAIT_LANDING),
        }
    }

    /// The Regions in which it will still create a manual snapshot of this account.
    fn new_snapshots<'r>(&'r self, home: &'r Region) -> impl Iterator<Item = &'r Region> {
        let source = (!self.of.begun).then_some(home);
        source.into_iter().chain((!self.has_shared_copy).then_some(&self.of.route.region))
    }
}

/// How long a step still takes. AWS promises no time for the three that take hours. A step without a
/// reported progress is assumed to take [`estimate`], which is generous.
fn remaining(row: Option<&Row>, size_gib: u32) -> Duration {
    match row {
        Some(row) if row.state.is_ready() => Duration::ZERO,
        Some(Row { remaining: Some(remaining), .. }) => *remaining,
        _ => estimate(size_gib).unsigned_abs(),
    }
}

/// When each copy begins. Copies in flight have begun. When a slot becomes free, the first handoff in the order whose
/// snapshot is complete begins its copy.
fn copy_starts(limit: usize, others: Vec<Duration>, upcoming: &[&Upcoming<'_>]) -> Vec<Duration> {
    let mut begins = vec![Duration::ZERO; upcoming.len()];
    let mut busy: BinaryHeap<Reverse<Duration>> = others.into_iter().map(Reverse).collect();
    busy.extend(upcoming.iter().filter(|it| it.is_copying).map(|it| Reverse(it.copy)));
    let waiting = upcoming.iter().enumerate().filter(|(_, it)| !it.is_copying && !it.copy.is_zero());
    let mut later: BTreeSet<(Duration, usize)> = waiting.map(|(index, it)| (it.snapshot, index)).collect();
    let (mut ready, mut now) = (BTreeSet::new(), Duration::ZERO);
    loop {
        while let Some(&(when, index)) = later.first()
            && when <= now
        {
            later.pop_first();
            ready.insert(index);
        }
        while busy.peek().is_some_and(|Reverse(end)| *end <= now) {
            busy.pop();
        }
        while busy.len() < limit {
            let Some(index) = ready.pop_first() else { break };
            begins[index] = now;
            busy.push(Reverse(now + upcoming[index].copy));
        }
        let next = later.first().map(|(when, _)| *when);
        let free = busy.peek().filter(|_| !ready.is_empty()).map(|Reverse(end)| *end);
        match next.into_iter().chain(free).min() {
            Some(time) => now = time,
            None => return begins,
        }
    }
}

/// How long the other copies to a Region are assumed to hold their slots, estimated from their size.
async fn copies_of_others(
    account: &Account,
    region: &Region,
    upcoming: &[Upcoming<'_>],
) -> Result<Vec<Duration>, Fault> {
    let ours: BTreeSet<SnapshotId> = upcoming.iter().map(|it| it.of.snapshot(SnapshotRole::Shared)).collect();
    let snapshots = account.cache.snapshots(region, Freshness::Now).await?;
    let others = snapshots.iter().filter(|(name, view)| is_copy_in_flight(view) && !ours.contains(*name));
    Ok(others.map(|(_, view)| estimate(view.size_gib).unsigned_abs()).collect())
}

/// The quota of manual snapshots in a Region, and how many are needed. Shared copies are deleted again, but all are
/// counted: account B may copy none before the last one is created.
async fn snapshots(account: &Account, region: &Region, upcoming: &[Upcoming<'_>]) -> Result<Quota, Fault> {
    let quotas = account.cache.quotas(region, Freshness::Now).await?;
    let Some(found) = quotas.get(QuotaName::ManualSnapshots) else {
        return Err(Fault::blocked(format!("RDS reports no quota of manual snapshots in {region}")));
    };
    let home = &account.settings.region;
    Ok(Quota {
        quota: "manual-snapshots",
        code: Some(MANUAL_SNAPSHOTS),
        region: region.clone(),
        used: found.used,
        most: found.max,
        needed: widen(
            upcoming.iter().flat_map(|it| it.new_snapshots(home)).filter(|in_region| *in_region == region).count(),
        ),
    })
}

/// The fault of a quota that does not allow all snapshots.
fn quota_too_small(quota: &Quota) -> Fault {
    let Quota { region, used, most, needed, .. } = quota;
    let left = quota.left();
    let what = format!(
        "{needed} manual snapshots are to be created in {region}, but the quota {MANUAL_SNAPSHOTS} has room for {left}: {used} of \
         {most} exist. Shared copies are deleted again, but account B may copy none before the last one is created"
    );
    let fix = format!(
        "delete some, or raise the quota; `run` moves those that fit anyway:\n\
         aws service-quotas request-service-quota-increase --region {region} --service-code rds \\\n    \
         --quota-code {MANUAL_SNAPSHOTS} --desired-value {}",
        used + needed
    );
    Fault::blocked(what).hint(fix)
}

/// Storage by account and Region, and transfer between Regions, of all handoffs.
fn sums(account: &Account, upcoming: &[Upcoming<'_>]) -> (Vec<Storage>, Vec<Transfer>) {
    let (us, home) = (&account.settings.account, &account.settings.region);
    let mut sizes: BTreeMap<(u8, &AccountId, &Region), u64> = BTreeMap::new();
    let mut crossing: BTreeMap<&Region, u64> = BTreeMap::new();
    for one in upcoming {
        let (to, gib) = (&one.of.route, u64::from(one.of.size_gib));
        for place in [(0, us, home), (SHARED, us, &to.region), (2, &to.account, &to.region)] {
            *sizes.entry(place).or_default() += gib;
        }
        if !one.copy.is_zero() {
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
