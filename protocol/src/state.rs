//! The state of a handoff, read from the tags of the source snapshot and the target copy.

pub mod carried;
mod source;
mod target;

pub use source::{Phase, SourceFacts};
pub use target::TargetFacts;

use crate::names::SnapshotRole;
use crate::tags::{self, Tags, Told};
use crate::words::Stage;

/// A tag of the agents that is missing or invalid, because somebody has changed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tag {key} is {state}")]
pub struct TagError {
    key: &'static str,
    state: String,
}

impl TagError {
    fn new(key: &'static str, state: impl Into<String>) -> Self {
        Self { key, state: state.into() }
    }
}

/// The tag that records a receipt: on the source snapshot a received one, on the target copy a sent one.
pub fn stage_tag(stage: Stage) -> &'static str {
    match stage {
        Stage::Accepted => "rds-handoff:accepted",
        Stage::Landed => "rds-handoff:landed",
        Stage::Restored => "rds-handoff:restored",
        Stage::Rejected => "rds-handoff:rejected",
        Stage::Failed => "rds-handoff:failed",
    }
}

/// Whether a snapshot has our tags with this role.
pub fn is_ours(tags: &Tags, role: SnapshotRole) -> bool {
    tags.get(tags::ROLE).is_some_and(|value| value == role.as_str()) && tags.contains_key(tags::ID)
}

/// A tag as a key-value pair.
pub fn pair(key: &str, value: &(impl ToString + ?Sized)) -> (String, String) {
    (key.to_owned(), value.to_string())
}

fn optional<T: std::str::FromStr<Err: std::fmt::Display>>(
    tags: &Tags,
    key: &'static str,
) -> Result<Option<T>, TagError> {
    tags.get(key)
        .map(|value| value.parse().map_err(|error: T::Err| TagError::new(key, format!("not readable: {error}"))))
        .transpose()
}

fn required<T: std::str::FromStr<Err: std::fmt::Display>>(tags: &Tags, key: &'static str) -> Result<T, TagError> {
    optional(tags, key)?.ok_or_else(|| TagError::new(key, "missing"))
}

fn stages(tags: &Tags) -> Result<Vec<(Stage, Told)>, TagError> {
    let mut stages = Vec::new();
    for stage in Stage::ALL {
        if let Some(told) = optional(tags, stage_tag(stage))? {
            stages.push((stage, told));
        }
    }
    Ok(stages)
}
