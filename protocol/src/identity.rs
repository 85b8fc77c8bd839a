//! What makes two snapshots the same data.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{DbiResourceId, ParseError};

/// Identity of content: the database that a snapshot was taken of, and when. RDS keeps both on every copy
/// (`OriginalSnapshotCreateTime`: "doesn't change when the snapshot is copied", RDS API Reference, `DBSnapshot`).
/// The same name with another identity is other data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// `OriginalSnapshotCreateTime`, to the millisecond that RDS reports.
    pub created: Timestamp,
    /// `DbiResourceId` of the source database.
    pub resource: DbiResourceId,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.resource, self.created)
    }
}

impl FromStr for Identity {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parse = || {
            let (resource, created) = text.split_once(' ')?;
            Some(Self { resource: resource.parse().ok()?, created: created.parse().ok()? })
        };
        parse().ok_or_else(|| ParseError::new(text, "an identity of content (DbiResourceId and creation time)"))
    }
}
