//! The permits that a handoff of account B needs: one for its copy, within the daily limits, and one for its restore.

use std::cmp::Reverse;
use std::rc::Rc;
use std::time::Duration;

use agent_runtime::aws::rds::database::{DatabaseStatus, Databases};
use agent_runtime::gate::{Bound, Claim, PermitKind, Rank, Retry, Supply};
use agent_runtime::text::minute;
use agent_runtime::{Fault, Freshness, StepId};
use jiff::{SignedDuration, Timestamp};
use protocol::verify::estimate;
use protocol::{DbIdentifier, HandoffMessage, Stage};

use crate::account::Account;
use crate::config::Limits;
use crate::handoff::Handoff;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The wait for the target copy, which releases the permit of the copy.
pub(crate) const COPY: StepId = StepId("copy");
/// The step that restores the database, and the wait for it, which releases the permit of the restore.
pub(crate) const RESTORE: StepId = StepId("restore");

/// The claim for one copy in flight. It is made again at the latest when the message has expired.
pub(crate) fn copy(account: &Account, handoff: &Handoff, of: &HandoffMessage) -> Claim {
    let end = of.access_until.checked_sub(estimate(of.size_gib)).unwrap_or(of.start_by).min(of.start_by);
    let left = Duration::try_from(end.duration_since(account.clock.now())).unwrap_or_default();
    Claim {
        released_by: COPY.0,
        claims_again_within: Some(left + Duration::from_secs(1)),
        ..claim(
            handoff,
            PermitKind::Copy(account.settings.region.clone()),
            handoff.target_arn(&account.settings).snapshot.to_string(),
            of.size_gib,
        )
    }
}

/// The claim for one restore in flight.
pub(crate) fn restore(account: &Account, handoff: &Handoff, name: &DbIdentifier, size_gib: u32) -> Claim {
    Claim {
        released_by: RESTORE.0,
        ..claim(handoff, PermitKind::Restore(account.settings.region.clone()), name.to_string(), size_gib)
    }
}

fn claim(handoff: &Handoff, kind: PermitKind, resource: String, size_gib: u32) -> Claim {
    Claim {
        kind,
        resource,
        sender: handoff.facts.origin.account.clone(),
        rank: Rank {
            priority: Reverse(0),
            size_gib: Reverse(size_gib),
            database: handoff.facts.database.clone(),
            handoff: handoff.id().clone(),
        },
        source: handoff.facts.origin.identity.resource.clone(),
        released_by: "",
        after: None,
        claims_again_within: None,
    }
}

/// How many restores are in flight, and how many may be.
#[derive(Debug)]
struct RestoreSupply {
    databases: Rc<Databases>,
    creating: usize,
    limit: usize,
}

/// The supply of restores, from the listing of databases that waiting handoffs share.
pub(crate) async fn restores(account: &Account) -> Result<Box<dyn Supply>, Fault> {
    let databases = account.cache.databases(&account.settings.region).await?;
    let creating = DatabaseStatus::Working("creating".to_owned());
    Ok(Box::new(RestoreSupply {
        creating: databases.values().filter(|database| database.status == creating).count(),
        databases,
        limit: usize::from(account.settings.limits.restores_in_flight.get()),
    }))
}

impl Supply for RestoreSupply {
    fn in_use(&self) -> usize {
        self.creating
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn shows(&self, resource: &str) -> bool {
        self.databases.contains_key(resource)
    }

    /// RDS reports no progress of a restore, so the first handoff in the queue polls on the schedule of a restore.
    fn next_free(&self, _: &dyn Fn(&str) -> bool) -> Retry {
        Retry::Scheduled
    }
}

/// What the daily limits leave for a database of this size, computed from the tags of the target copies.
pub(crate) async fn daily_limit(account: &Account, size_gib: u32, now: Timestamp) -> Result<Option<Bound>, Fault> {
    let Limits { per_day_count, per_day_gib, .. } = account.settings.limits;
    if per_day_count.is_none() && per_day_gib.is_none() {
        return Ok(None);
    }
    if let Some(most) = per_day_gib.filter(|most| size_gib > most.get()) {
        let what = format!("the database has {size_gib} GiB, and at most {most} GiB are accepted per day");
        return Err(Fault::blocked(what).hint(format!("raise per_day_gib under [limits] to {size_gib} or more")));
    }
    let (copies, _) = account.target_copies(Freshness::Recent).await?;
    // A copy that has begun, and whose receipt is not recorded yet, counts as accepted now.
    let accepted = copies.iter().map(|copy| (copy.facts.told(Stage::Accepted).map_or(now, |told| told.at), copy));
    let today: Vec<_> = accepted.filter(|(at, _)| now.duration_since(*at) < DAY).collect();
    let gib: u32 = today.iter().map(|(_, copy)| copy.view.size_gib).sum();
    let oldest = today.iter().map(|(at, _)| *at).min().unwrap_or(now);
    let by_count = per_day_count.map(|most| {
        let (count, most) = (today.len(), usize::from(most.get()));
        (most.saturating_sub(count), format!("{count} of {most}"))
    });
    // At most one at a time, since the size of the next database is known only when it makes its claim.
    let by_size = per_day_gib.map(|most| (usize::from(gib + size_gib <= most.get()), format!("{gib} of {most} GiB")));
    let tightest = [by_count, by_size].into_iter().flatten().min_by_key(|(left, _)| *left);
    Ok(tightest.map(|(left, of)| Bound {
        left: Some(left),
        words: format!("the daily limit: {of} accepted since {}", minute(oldest)),
        retry_after: (DAY - now.duration_since(oldest)).try_into().unwrap_or_default(),
    }))
}
