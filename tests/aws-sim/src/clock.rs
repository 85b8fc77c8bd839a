//! The simulated clock.

use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use jiff::Timestamp;
use tokio::time::Instant;

/// The simulated clock: an epoch plus the time elapsed on tokio's clock.
///
/// On a paused tokio runtime it is paused too. It is also the time source of the SDK clients, so that both sides agree
/// about signatures and expiry.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: SystemTime,
    origin: Instant,
}

impl Clock {
    /// A clock that shows `epoch` now.
    pub fn starting_at(epoch: SystemTime) -> Self {
        Self { epoch, origin: Instant::now() }
    }

    /// The present, truncated to milliseconds: the precision in which AWS writes times, so that they survive a round
    /// trip.
    pub(crate) fn timestamp(&self) -> Timestamp {
        let now = Timestamp::try_from(TimeSource::now(self)).unwrap_or(Timestamp::MAX);
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        self.epoch + self.origin.elapsed()
    }
}

/// `time` plus `duration`, at most the latest timestamp.
pub(crate) fn later(time: Timestamp, duration: Duration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// `time` minus `duration`, at least the earliest timestamp.
pub(crate) fn earlier(time: Timestamp, duration: Duration) -> Timestamp {
    time.checked_sub(duration).unwrap_or(Timestamp::MIN)
}

/// The duration from `earlier` to `later`; zero when `later` is before `earlier`.
pub(crate) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}

/// ISO 8601 in UTC with milliseconds, as the query APIs write times.
pub(crate) fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Seconds since 1970 with milliseconds as a JSON number, as the JSON APIs write times.
pub(crate) fn epoch_seconds(time: Timestamp) -> serde_json::Value {
    let millis = time.as_millisecond();
    let text = format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000));
    serde_json::from_str(&text).unwrap_or(serde_json::Value::Null)
}

/// `count` days.
pub(crate) fn days(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(0) * 86_400)
}
