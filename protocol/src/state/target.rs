//! What account B remembers: the tags of the target copy.

use super::carried::Carried;
use super::{TagError, is_ours, pair, required, stages};
use crate::ids::{DbIdentifier, Digest, HandoffId, Label};
use crate::names::SnapshotRole;
use crate::tags::{self, Hints, Origin, Tags, Told};
use crate::words::Stage;

/// What account B must remember: the tags of the target copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFacts {
    /// The handoff.
    pub id: HandoffId,
    /// The operator's label, of account A.
    pub label: Label,
    /// The source database's identifier.
    pub database: DbIdentifier,
    /// What the database was like.
    pub hints: Hints,
    /// The database's tags that went with it.
    pub carried: Carried,
    /// The message that was acted on.
    pub digest: Digest,
    /// Where it came from.
    pub origin: Origin,
    /// What account A has been told.
    pub told: Vec<(Stage, Told)>,
}

impl TargetFacts {
    /// The facts on a snapshot; `None` when it is not a target copy of ours.
    ///
    /// # Errors
    /// When it is ours and a tag does not read.
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

    /// The tags that the creating call writes.
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

    /// What A has been told of one stage.
    pub fn told(&self, stage: Stage) -> Option<&Told> {
        self.told.iter().find_map(|(told, when)| (*told == stage).then_some(when))
    }

    /// Once `restored` was told no step runs, whatever became of the database: it is its owner's now.
    pub fn is_finished(&self) -> bool {
        self.told(Stage::Restored).is_some()
    }
}
