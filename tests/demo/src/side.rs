//! The two sides of the handoff: account A and account B.

use std::fmt;

/// The database that is handed off.
pub(crate) const DATABASE: &str = "orders";
/// The label of the handoff.
pub(crate) const LABEL: &str = "cutover-1";
/// The name of the restored database: account B's `restore.identifier`, by default `{database}-{label}`.
pub(crate) const RESTORED: &str = "orders-cutover-1";

/// An account, with the agent that runs in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// Account A, which hands the database off.
    A,
    /// Account B, which restores it.
    B,
}

impl Side {
    /// The account's id.
    pub(crate) fn account(self) -> &'static str {
        match self {
            Self::A => "111111111111",
            Self::B => "222222222222",
        }
    }

    /// The Region of the account's database.
    pub(crate) fn region(self) -> &'static str {
        match self {
            Self::A => "ap-northeast-1",
            Self::B => "us-west-2",
        }
    }

    /// The name of the agent, which is also a subcommand of this binary.
    pub(crate) fn agent(self) -> &'static str {
        match self {
            Self::A => "source-agent",
            Self::B => "target-agent",
        }
    }

    /// The role that the agent runs as.
    pub(crate) fn role(self) -> &'static str {
        match self {
            Self::A => "rds-handoff-source-agent",
            Self::B => "rds-handoff-target-agent",
        }
    }

    /// The queue that this account reads and the other account may send to.
    pub(crate) fn queue(self) -> &'static str {
        match self {
            Self::A => "rds-handoff-receipts-222222222222",
            Self::B => "rds-handoff-inbox",
        }
    }

    /// The ARN of the account's database: the original, or the restored one.
    pub(crate) fn database(self) -> String {
        let name = if self == Self::A { DATABASE } else { RESTORED };
        format!("arn:aws:rds:{}:{}:db:{name}", self.region(), self.account())
    }

    /// The other side.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} {}", self.account())
    }
}
