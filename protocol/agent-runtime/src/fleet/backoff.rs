//! Backoff: the delay before a retry after a failure.

use std::time::Duration;

use tokio::time::Instant;

/// What has failed. [`bounds`](Self::bounds) is the one table of all parameters: the first delay, which doubles with
/// each failure, and its ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackoffPolicy {
    /// A pass met a transient fault.
    Transient,
    /// A pass met a fault that needs operator action.
    Blocked,
    /// SQS did not answer for a queue that delivers work, or for the command `hello`.
    Mailbox,
    /// SQS did not answer for a receipts queue: the handoffs that wait for it are blocked meanwhile.
    Receipts,
    /// Account B was not ready or did not answer a hello.
    Hello,
}

impl BackoffPolicy {
    /// The first delay and the ceiling.
    pub const fn bounds(self) -> (Duration, Duration) {
        match self {
            Self::Transient => (Duration::from_secs(1), Duration::from_mins(1)),
            Self::Blocked => (Duration::from_secs(15), Duration::from_mins(15)),
            Self::Mailbox => (Duration::from_secs(15), Duration::from_secs(15)),
            Self::Receipts => (Duration::from_secs(15), Duration::from_mins(5)),
            Self::Hello => (Duration::from_mins(5), Duration::from_hours(1)),
        }
    }
}

/// The backoff state: failures since the last success.
#[derive(Debug, Default)]
pub struct Backoff {
    since: Option<Instant>,
    last: Option<(BackoffPolicy, Duration)>,
}

impl Backoff {
    /// Records a failure and returns the delay before the retry. A failure of another kind starts with its own first
    /// delay.
    pub fn failed(&mut self, policy: BackoffPolicy) -> Duration {
        self.since.get_or_insert_with(Instant::now);
        let (first, ceiling) = policy.bounds();
        let wait = match self.last {
            Some((last, wait)) if last == policy => (wait * 2).min(ceiling),
            _ => first,
        };
        self.last = Some((policy, wait));
        wait
    }

    /// Records a success: resets the backoff.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// How long it has been failing; `None` after a success.
    pub fn lasts(&self) -> Option<Duration> {
        self.since.map(|since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn delay_doubles_to_ceiling_and_restarts_for_another_policy() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..8).map(|_| backoff.failed(BackoffPolicy::Blocked).as_secs()).collect();
        assert_eq!(waits, [15, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(backoff.failed(BackoffPolicy::Transient).as_secs(), 1);
        assert_eq!(backoff.failed(BackoffPolicy::Blocked).as_secs(), 15);
        tokio::time::sleep(Duration::from_secs(7)).await;
        assert_eq!(backoff.lasts(), Some(Duration::from_secs(7)));
        backoff.succeeded();
        assert_eq!((backoff.lasts(), backoff.failed(BackoffPolicy::Receipts).as_secs()), (None, 15));
    }
}
