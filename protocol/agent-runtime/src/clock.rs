//! The one clock: the time source of the SDK configuration.

use aws_smithy_async::time::SharedTimeSource;
use jiff::{Timestamp, TimestampArithmetic};

/// The time that is later by so much, or the last one that there is.
pub fn later(time: Timestamp, by: impl Into<TimestampArithmetic>) -> Timestamp {
    time.saturating_add(by).unwrap_or(time)
}

/// Tells the wall-clock time. Tests give it their own; below `main` nothing else does.
#[derive(Debug, Clone)]
pub struct Clock(SharedTimeSource);

impl Clock {
    /// A clock over this source.
    pub fn new(source: SharedTimeSource) -> Self {
        Self(source)
    }

    /// Now, to the second: what tags and messages hold.
    pub fn now(&self) -> Timestamp {
        let now = Timestamp::try_from(self.0.now()).unwrap_or(Timestamp::UNIX_EPOCH);
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }
}
