//! Freshness: how old cached data may be. This is the one table of the age limits and their users.
//! | freshness | maximum age | used for |
//! |---|---|---|
//! | [`Now`](Freshness::Now) | 5 s | calls that replace a value (a key policy, the offer, the end), or that a change by another agent or person could have made wrong (a share, a restore); a snapshot that another account shares; the first read for a command, a request or a receipt; `plan`, `status` and `report` |
//! | [`Recent`](Freshness::Recent) | for a listing: 1.5 s for each further active handoff, from 5 s to 150 s; otherwise 1 min | the slot queue and the daily share; the existing databases; whether account B has answered a hello; answers to hellos that arrive together (quotas, the own key) |
//! | [`Progress`](Freshness::Progress) | an eighth of the remaining time; for a completed resource 2 h, or 6 h if it was read individually | waits for snapshots and copies, and for keys that are being created; groups and engine versions, which do not change |
//! | [`Create`](Freshness::Create) | as `Progress`, but 2 h if the resource is absent | steps that create a snapshot, and all reads of a database: AWS refuses a second resource of the same name |
//! | [`Ceiling`](Freshness::Ceiling) | 20 min | waits for the other account: another agent may have received its message |
//! | [`Slow`](Freshness::Slow) | 1 h; for a listing 2 h | data that only our own calls or a person change: shares, policies, quotas, listings used for counting |
//! | [`Since`](Freshness::Since) | read after that time | checks after the propagation delay: the end of an offer, two agents that may have raced |
//! | [`Anew`](Freshness::Anew) | read after the query | outdated data that caused a refused call: the listing and the quota, after AWS refused a call for a limit |
//!
//! Data from before this process's own call on a resource is never returned. The ages are those of the default
//! `[polling]`; 5 s and 1 min are fixed.

use std::time::Duration;

use jiff::Timestamp;

use crate::aws::cache::Moment;
use crate::poll::schedule::PollSchedule;

/// How old cached data may be. The table of the [module](self) says which is used for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Read in about the same pass.
    Now,
    /// Shared by all queries at about the same time.
    Recent,
    /// Depends on the time that AWS still needs for the resource.
    Progress,
    /// As [`Progress`](Self::Progress), but an absent resource is read again as rarely as with [`Slow`](Self::Slow).
    Create,
    /// As old as the ceiling of the poll schedule.
    Ceiling,
    /// Read again rarely.
    Slow,
    /// Read after this time, and no older than with [`Slow`](Self::Slow).
    Since(Timestamp),
    /// Read after the query was made.
    Anew,
}

/// The usual maximum time in a pass between a read and the call that follows it.
const ONE_PASS: Duration = Duration::from_secs(5);
/// Queries within this time are answered from one read.
const TOGETHER: Duration = Duration::from_mins(1);

/// What the ages depend on, besides the resource.
#[derive(Debug)]
pub(super) struct Ages<'a> {
    pub(super) schedule: &'a PollSchedule,
    /// The number of active handoffs.
    pub(super) active: usize,
    pub(super) now: Timestamp,
    /// Whether the data comes from a listing, which serves all handoffs.
    pub(super) listed: bool,
}

/// The state of a resource in a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Absent,
    /// AWS is working on it, for about this long; zero if unknown.
    Busy(Duration),
    /// It exists, and no work is in progress.
    Idle,
}

impl Ages<'_> {
    /// Whether a read made at `read`, with the result `shown`, can answer a query made at `asked`.
    pub(super) fn serves(&self, freshness: Freshness, read: Moment, asked: Moment, shown: Shown) -> bool {
        match freshness {
            Freshness::Anew => read > asked,
            _ => read.elapsed() <= self.oldest(freshness, shown),
        }
    }

    /// The maximum age of a read with the result `shown`.
    fn oldest(&self, freshness: Freshness, shown: Shown) -> Duration {
        match freshness {
            Freshness::Now => ONE_PASS,
            Freshness::Recent if self.listed => self.soon(),
            Freshness::Recent => TOGETHER,
            Freshness::Progress | Freshness::Create => match shown {
                Shown::Busy(left) => self.soon().max(left / 8),
                Shown::Absent if freshness == Freshness::Progress => self.soon(),
                Shown::Idle if !self.listed => self.schedule.ceiling() * 18,
                Shown::Absent | Shown::Idle => self.schedule.idle(),
            },
            Freshness::Ceiling => self.schedule.ceiling().max(self.schedule.spacing(self.active)),
            Freshness::Slow if self.listed => self.schedule.idle(),
            Freshness::Slow => self.schedule.ceiling() * 3,
            // The clock has whole seconds.
            Freshness::Since(time) => {
                let since = Duration::try_from(self.now.duration_since(time)).unwrap_or_default();
                (since + Duration::from_secs(1)).min(self.oldest(Freshness::Slow, shown))
            }
            Freshness::Anew => Duration::ZERO,
        }
    }

    /// The minimum time between two reads.
    fn soon(&self) -> Duration {
        let soon = self.schedule.floor() / 2;
        if self.listed { soon.max(self.schedule.spacing(self.active)) } else { soon }
    }
}
