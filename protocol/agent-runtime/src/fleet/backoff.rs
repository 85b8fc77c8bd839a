//! Back-off: how long after a failure something is tried again.

use std::time::Duration;

use tokio::time::Instant;

/// What has failed. One table of all parameters: the first wait, which doubles with each failure, and the ceiling of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackoffPolicy {
    /// A pass met a fault that passes by itself.
    Transient,
    /// A pass met a fault that somebody must fix.
    Blocked,
    /// A queue that brings work, or the command `hello`, was not answered by SQS.
    Mailbox,
    /// A queue of receipts was not answered by SQS: the handoffs that wait for it are blocked meanwhile.
    Receipts,
    /// Account B was not ready, or did not answer a hello.
    Hello,
}

impl BackoffPolicy {
    /// The first wait, and the ceiling.
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

/// Failures since the last success.
#[derive(Debug, Default)]
pub struct Backoff {
    since: Option<Instant>,
    last: Option<(BackoffPolicy, Duration)>,
}

impl Backoff {
    /// It has failed once more: the wait until it is tried again. A failure of another kind begins with its own first wait.
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

    /// It has succeeded.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// For how long it has been failing.
    pub fn lasts(&self) -> Option<Duration> {
        self.since.map(|since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn wait_doubles_up_to_the_ceiling_and_begins_anew_with_another_kind() {
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
