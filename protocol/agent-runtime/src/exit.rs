//! Exit codes.

use std::process::ExitCode;

/// How a command ended: the worst result of all its handoffs. The numbers are a stable interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything is settled: landed, or revoked.
    Settled = 0,
    /// The command line or the configuration is wrong; nothing new was started.
    Usage = 2,
    /// Work is pending: the next run continues.
    Pending = 3,
    /// Operator action is needed.
    Blocked = 4,
    /// A handoff has failed, was rejected, or has expired.
    Failed = 5,
    /// A bug in the agent.
    Bug = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
