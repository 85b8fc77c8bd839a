//! How old a read of AWS may be: the one table of who needs which freshness.
//!
//! | freshness | age | who asks with it |
//! |---|---|---|
//! | [`Now`](Freshness::Now) | 5 s | an act that replaces what is there (a key policy, the offer, the end), or that another agent or a person may have made wrong meanwhile (a share, a restore); a snapshot that another account shares; what a command, a request or a receipt begins with; `plan`, `status` and `report` |
//! | [`Recent`](Freshness::Recent) | of a listing: 1.5 s for each further active handoff, from 5 s to 150 s; else 1 min | the queue for slots and the day's share; the databases that are there; whether account B has answered a hello; answers to hellos that come together (quotas, the own key) |
//! | [`Progress`](Freshness::Progress) | an eighth of the time that is left; of what is complete 2 h, and 6 h if it was read alone | waits for snapshots and copies, and for keys that are being made; groups and engine versions, which stay |
//! | [`Create`](Freshness::Create) | as `Progress`, but 2 h when it is absent | steps that create a snapshot, and whoever asks for a database: AWS refuses a second resource of one name |
//! | [`Ceiling`](Freshness::Ceiling) | 20 min | what the other account is waited for: another agent may have heard of it |
//! | [`Slow`](Freshness::Slow) | 1 h; of a listing 2 h | what changes only by our own acts or a person's: shares, policies, quotas, listings that only count |
//! | [`Since`](Freshness::Since) | read after that time | what is checked once more after AWS must show it: the end of an offer, two agents that may have raced |
//! | [`Anew`](Freshness::Anew) | read after the question | what has misled a call: the listing and the quota, after AWS has refused one for a limit |
//!
//! A resource is never shown as it was before this process's own act on it. The ages are those of the usual `[polling]`; 5 s and 1 min are
//! fixed.

use std::time::Duration;

use jiff::Timestamp;

use crate::aws::cache::Moment;
use crate::poll::schedule::PollSchedule;

/// How old a read may be. The table of the [module](self) says who asks with which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Read by the same pass.
    Now,
    /// Shared by all who ask at about the same time.
    Recent,
    /// By how long AWS is still at work on it.
    Progress,
    /// As [`Progress`](Self::Progress), but a resource that is absent is read again as seldom as with [`Slow`](Self::Slow).
    Create,
    /// As old as the latest poll of work may be.
    Ceiling,
    /// Read again only now and then.
    Slow,
    /// Read after this time, and not longer ago than with [`Slow`](Self::Slow).
    Since(Timestamp),
    /// Read after the question.
    Anew,
}

/// A pass seldom takes longer from a read to the act that follows it.
const ONE_PASS: Duration = Duration::from_secs(5);
/// Questions of this distance are answered from one read.
const TOGETHER: Duration = Duration::from_mins(1);

/// What the ages depend on, besides the resource.
#[derive(Debug)]
pub(super) struct Ages<'a> {
    pub(super) schedule: &'a PollSchedule,
    /// How many handoffs share what is read.
    pub(super) active: usize,
    pub(super) now: Timestamp,
    /// It is one of a listing, which serves all.
    pub(super) listed: bool,
}

/// What a read showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Absent,
    /// AWS is at work on it, for about this long: zero when that cannot be told.
    Busy(Duration),
    Still,
}

impl Ages<'_> {
    /// Whether a read of that moment that showed this answers a question of a moment.
    pub(super) fn serves(&self, freshness: Freshness, read: Moment, asked: Moment, shown: Shown) -> bool {
        match freshness {
            Freshness::Anew => read > asked,
            _ => read.elapsed() <= self.oldest(freshness, shown),
        }
    }

    /// How old a read that showed this may be.
    fn oldest(&self, freshness: Freshness, shown: Shown) -> Duration {
        match freshness {
            Freshness::Now => ONE_PASS,
            Freshness::Recent if self.listed => self.soon(),
            Freshness::Recent => TOGETHER,
            Freshness::Progress | Freshness::Create => match shown {
                Shown::Busy(left) => self.soon().max(left / 8),
                Shown::Absent if freshness == Freshness::Progress => self.soon(),
                Shown::Still if !self.listed => self.schedule.ceiling() * 18,
                Shown::Absent | Shown::Still => self.schedule.idle(),
            },
            Freshness::Ceiling => self.schedule.ceiling().max(self.schedule.spacing(self.active)),
            Freshness::Slow if self.listed => self.schedule.idle(),
            Freshness::Slow => self.schedule.ceiling() * 3,
            // The clock tells whole seconds.
            Freshness::Since(time) => {
                let since = Duration::try_from(self.now.duration_since(time)).unwrap_or_default();
                (since + Duration::from_secs(1)).min(self.oldest(Freshness::Slow, shown))
            }
            Freshness::Anew => Duration::ZERO,
        }
    }

    /// Never read again sooner than this.
    fn soon(&self) -> Duration {
        let soon = self.schedule.floor() / 2;
        if self.listed { soon.max(self.schedule.spacing(self.active)) } else { soon }
    }
}
