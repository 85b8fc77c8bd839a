//! The state of account B: the tags of the target copy.

use super::carried::Carried;
use super::{TagError, is_ours, pair, required, stages};
use crate::ids::{DbIdentifier, Digest, HandoffId, Label};
use crate::names::SnapshotRole;
use crate::tags::{self, Hints, Origin, Tags, Told};
use crate::words::Stage;

/// The state of account B: the tags of the target copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFacts {
    /// The handoff.
    pub id: HandoffId,
    /// The label, chosen by account A's operator.
    pub label: Label,
    /// The source database's identifier.
    pub database: DbIdentifier,
    /// Properties of the source database.
    pub hints: Hints,
    /// The database's tags that were carried over.
    pub carried: Carried,
    /// The digest of the message that was acted on.
    pub digest: Digest,
    /// Where it came from.
    pub origin: Origin,
    /// The receipts that were sent to account A.
    pub told: Vec<(Stage, Told)>,
}

impl TargetFacts {
    /// Reads the tags of a snapshot; `None` if it is not a target copy of ours.
    ///
    /// # Errors
    /// When it is ours and a tag is missing or invalid.
    pub fn read(tags: &Tags) -> Result<Option<Self>, TagError> {
        if !is_ours(tags, SnapshotRole::Target) {
            return Ok(None);
        }
        Ok(Some(Self {
            id: required(tags, tags::ID)?,
            label: required(tags, tags::LABEL)?,
            database: required(tags, tags::DATABASE)?,
            hints: required(tags, tags::HINTS)?,
            carried: Carried::read(tags)?,
            digest: required(tags, tags::DIGEST)?,
            origin: required(tags, tags::SOURCE)?,
            told: stages(tags)?,
        }))
    }

    /// The tags to write in the call that creates the copy.
    pub fn creation_tags(&self) -> Tags {
        let own = [
            pair(tags::ROLE, SnapshotRole::Target.as_str()),
            pair(tags::ID, &self.id),
            pair(tags::LABEL, &self.label),
            pair(tags::DATABASE, &self.database),
            pair(tags::HINTS, &self.hints),
            pair(tags::DIGEST, &self.digest),
            pair(tags::SOURCE, &self.origin),
        ];
        self.carried.on_snapshot().chain(own).collect()
    }

    /// The sent receipt of one stage.
    pub fn told(&self, stage: Stage) -> Option<&Told> {
        self.told.iter().find_map(|(told, when)| (*told == stage).then_some(when))
    }

    /// Whether the receipt `restored` was sent. Then no step runs any more, whatever the state of the database: it
    /// belongs to its owners.
    pub fn is_finished(&self) -> bool {
        self.told(Stage::Restored).is_some()
    }
}
