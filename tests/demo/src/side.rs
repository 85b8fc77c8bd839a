//! The two sides of the move.

use std::fmt;

/// The database that moves.
pub(crate) const DATABASE: &str = "orders";
/// The operator's name for the move.
pub(crate) const LABEL: &str = "cutover-1";
/// What account B calls the database: the agreed pattern.
pub(crate) const RESTORED: &str = "orders-cutover-1";

/// An account, with the agent that runs in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// Account A, which gives the database away.
    A,
    /// Account B, which takes it over.
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

    /// The Region in which the account's database stands.
    pub(crate) fn region(self) -> &'static str {
        match self {
            Self::A => "ap-northeast-1",
            Self::B => "us-west-2",
        }
    }

    /// The agent: a subcommand of this binary.
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

    /// The queue that the account reads, and the other one may send to.
    pub(crate) fn queue(self) -> &'static str {
        match self {
            Self::A => "rds-handoff-receipts-222222222222",
            Self::B => "rds-handoff-inbox",
        }
    }

    /// The account's database: the original, or the restored one.
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
