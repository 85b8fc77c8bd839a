//! The one clock: the time source of the SDK configuration.

use aws_smithy_async::time::SharedTimeSource;
use jiff::{Timestamp, TimestampArithmetic};

/// Adds a duration to a time; returns the maximum timestamp on overflow.
pub fn later(time: Timestamp, by: impl Into<TimestampArithmetic>) -> Timestamp {
    time.saturating_add(by).unwrap_or(time)
}

/// The wall clock. Tests replace it; no code below `main` reads the time in another way.
#[derive(Debug, Clone)]
pub struct Clock(SharedTimeSource);

impl Clock {
    /// A clock over this source.
    pub fn new(source: SharedTimeSource) -> Self {
        Self(source)
    }

    /// The current time in whole seconds, the precision of tags and messages.
    pub fn now(&self) -> Timestamp {
        let now = Timestamp::try_from(self.0.now()).unwrap_or(Timestamp::UNIX_EPOCH);
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }
}
