//! All that a source snapshot or a target copy remembers of its handoff, read from its tags.

use jiff::Timestamp;

use crate::carried::Carried;
use crate::ids::{DbIdentifier, Digest, HandoffId, Label};
use crate::names::SnapshotRole;
use crate::receipt::Stage;
use crate::tags::{self, Answered, Asked, Ended, Hints, Offer, Origin, Outcome, Published, Route, Tags, Told};
use crate::terms::Terms;

/// A tag of ours that is missing or does not read: somebody has changed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tag {key} is {state}")]
pub struct TagError {
    key: &'static str,
    state: String,
}

impl TagError {
    pub(crate) fn new(key: &'static str, state: impl Into<String>) -> Self {
        Self { key, state: state.into() }
    }
}

/// The tag that records a receipt: on the source snapshot what B said, on the target copy what A was told.
pub fn stage_tag(stage: Stage) -> &'static str {
    match stage {
        Stage::Accepted => "rds-handoff:accepted",
        Stage::Landed => "rds-handoff:landed",
        Stage::Restored => "rds-handoff:restored",
        Stage::Rejected => "rds-handoff:rejected",
        Stage::Failed => "rds-handoff:failed",
    }
}

/// What account A must remember: the tags of the source snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFacts {
    /// The handoff.
    pub id: HandoffId,
    /// The operator's label.
    pub label: Label,
    /// The source database's identifier.
    pub database: DbIdentifier,
    /// Where it goes.
    pub route: Route,
    /// What the database was like.
    pub hints: Hints,
    /// The database's tags that go with it.
    pub carried: Carried,
    /// The terms that it was requested with: no configuration has them.
    pub terms: Option<Terms>,
    /// What account B was asked.
    pub hello: Option<Asked>,
    /// What it has answered last.
    pub ready: Option<Answered>,
    /// The offer, once made.
    pub offer: Option<Offer>,
    /// The message that was sent.
    pub published: Option<Published>,
    /// What B has said, at most once for each stage, in the order of [`Stage::ALL`].
    pub heard: Vec<(Stage, Told)>,
    /// Withdrawing, with its outcome.
    pub ended: Option<Ended>,
    /// Settled, with its outcome.
    pub settled: Option<Ended>,
}

/// Where a handoff stands in account A. Read before any step; no pass runs the steps of two phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// On the way to account B, or waiting for it.
    Offering,
    /// Being taken back, for this reason. The tag that says so may still have to be written.
    Withdrawing(Outcome),
    /// Nothing is open any more.
    Settled(Outcome),
}

impl SourceFacts {
    /// The facts on a snapshot; `None` when it is not a source snapshot of ours.
    ///
    /// # Errors
    /// When it is ours and a tag does not read.
    pub fn read(tags: &Tags) -> Result<Option<Self>, TagError> {
        if !is_ours(tags, SnapshotRole::Source) {
            return Ok(None);
        }
        Ok(Some(Self {
            id: required(tags, tags::ID)?,
            label: required(tags, tags::LABEL)?,
            database: required(tags, tags::DATABASE)?,
            route: required(tags, tags::ROUTE)?,
            hints: required(tags, tags::HINTS)?,
            carried: Carried::read(tags)?,
            terms: optional(tags, tags::TERMS)?,
            hello: optional(tags, tags::HELLO)?,
            ready: optional(tags, tags::READY)?,
            offer: optional(tags, tags::OFFER)?,
            published: optional(tags, tags::PUBLISHED)?,
            heard: stages(tags)?,
            ended: optional(tags, tags::ENDED)?,
            settled: optional(tags, tags::SETTLED)?,
        }))
    }

    /// The tags that the creating call writes.
    pub fn creation_tags(&self) -> Tags {
        let own = [
            pair(tags::ROLE, SnapshotRole::Source.as_str()),
            pair(tags::ID, &self.id),
            pair(tags::LABEL, &self.label),
            pair(tags::DATABASE, &self.database),
            pair(tags::ROUTE, &self.route),
            pair(tags::HINTS, &self.hints),
        ];
        let terms = self.terms.map(|terms| pair(tags::TERMS, &terms));
        self.carried.on_snapshot().chain(own).chain(terms).collect()
    }

    /// What B has said of one stage.
    pub fn heard(&self, stage: Stage) -> Option<&Told> {
        self.heard.iter().find_map(|(heard, told)| (*heard == stage).then_some(told))
    }

    /// Where the handoff stands at `now`. `ended` always wins; `landed` wins over what was said before or after it, since
    /// B then owns its copy.
    pub fn phase(&self, now: Timestamp) -> Phase {
        if let Some(settled) = &self.settled {
            return Phase::Settled(settled.outcome);
        }
        if let Some(ended) = &self.ended {
            return Phase::Withdrawing(ended.outcome);
        }
        for (stage, outcome) in [
            (Stage::Landed, Outcome::Landed),
            (Stage::Restored, Outcome::Landed),
            (Stage::Failed, Outcome::Failed),
            (Stage::Rejected, Outcome::Rejected),
        ] {
            if self.heard(stage).is_some() {
                return Phase::Withdrawing(outcome);
            }
        }
        match &self.offer {
            Some(offer) if now >= offer.access_until => Phase::Withdrawing(Outcome::Expired),
            _ => Phase::Offering,
        }
    }

    /// Account B has said that it is ready, or more than that has happened.
    pub fn asks_no_more(&self) -> bool {
        let ready = self.ready.as_ref().is_some_and(|ready| ready.lack.is_none());
        ready || self.offer.is_some() || self.ended.is_some()
    }

    /// An offer is open from its making until the handoff ends: so long B's statement stands in the key policy.
    pub fn open_offer(&self) -> Option<&Offer> {
        self.offer.as_ref().filter(|_| self.ended.is_none() && self.settled.is_none())
    }
}

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

/// Does a snapshot carry our tags in this role?
pub fn is_ours(tags: &Tags, role: SnapshotRole) -> bool {
    tags.get(tags::ROLE).is_some_and(|value| value == role.as_str()) && tags.contains_key(tags::ID)
}

/// One tag.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(extra: &[(&str, &str)]) -> Result<Option<SourceFacts>, TagError> {
        let mut tags = Tags::from([
            pair(tags::ROLE, "source"),
            pair(tags::ID, "0123456789abcdef"),
            pair(tags::LABEL, "cutover-1"),
            pair(tags::DATABASE, "orders"),
            pair(tags::ROUTE, "account=222222222222 region=us-west-2 key=managed"),
            pair(tags::HINTS, "class=db.m6g.large multi-az=true port=5432 storage=gp3"),
        ]);
        tags.extend(extra.iter().map(|(key, value)| pair(key, value)));
        SourceFacts::read(&tags)
    }

    const OFFER: (&str, &str) = (
        tags::OFFER,
        "number=1 issued=2026-11-21T10:00:00Z start-by=2026-11-22T10:00:00Z access-until=2026-11-28T10:00:00Z \
         nonce=0123456789abcdef sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );

    fn phase(extra: &[(&str, &str)], now: &str) -> Phase {
        facts(extra).unwrap().unwrap().phase(now.parse().unwrap())
    }

    #[test]
    fn a_phase_is_read_from_tags_alone_and_ended_always_wins() {
        let (early, late) = ("2026-11-21T11:00:00Z", "2026-11-28T10:00:00Z");
        let landed = ("rds-handoff:landed", "2026-11-21T12:00:00Z");
        let failed = ("rds-handoff:failed", "2026-11-21T12:30:00Z copy-failed");
        let revoked = (tags::ENDED, "revoked/2026-11-21T12:00:00Z");
        let settled = (tags::SETTLED, "revoked/2026-11-21T13:00:00Z");
        assert_eq!(phase(&[], late), Phase::Offering);
        assert_eq!(phase(&[OFFER], early), Phase::Offering);
        assert_eq!(phase(&[OFFER], late), Phase::Withdrawing(Outcome::Expired));
        assert_eq!(phase(&[OFFER, landed], early), Phase::Withdrawing(Outcome::Landed));
        assert_eq!(phase(&[OFFER, failed], early), Phase::Withdrawing(Outcome::Failed));
        assert_eq!(phase(&[OFFER, failed, landed], late), Phase::Withdrawing(Outcome::Landed));
        assert_eq!(phase(&[OFFER, landed, revoked], late), Phase::Withdrawing(Outcome::Revoked));
        assert_eq!(phase(&[OFFER, landed, revoked, settled], late), Phase::Settled(Outcome::Revoked));
        assert!(facts(&[OFFER]).unwrap().unwrap().open_offer().is_some());
        assert!(facts(&[OFFER, revoked]).unwrap().unwrap().open_offer().is_none());
    }

    #[test]
    fn creation_tags_read_back_and_are_tag_values() {
        let facts = facts(&[
            ("rds-handoff:tag:team", "payments"),
            ("team", "backup"),
            (tags::TERMS, "start-within=PT6H access-for=PT48H priority=-5"),
        ])
        .unwrap()
        .unwrap();
        let tags = facts.creation_tags();
        assert_eq!(tags.get("team"), None, "only what the agent wrote is carried");
        assert!(tags.values().all(|value| tags::is_value(value)));
        assert_eq!(SourceFacts::read(&tags).unwrap().unwrap(), facts);
    }

    #[test]
    fn what_is_not_ours_is_none_and_what_was_tampered_with_is_an_error() {
        assert_eq!(SourceFacts::read(&Tags::from([pair("team", "orders")])), Ok(None));
        assert_eq!(SourceFacts::read(&Tags::from([pair(tags::ROLE, "shared"), pair(tags::ID, "x")])), Ok(None));
        let error = facts(&[(tags::ENDED, "yesterday")]).unwrap_err().to_string();
        assert!(error.contains("rds-handoff:ended") && error.contains("not readable"), "{error}");
    }
}
