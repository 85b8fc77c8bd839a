//! The state of account A: the tags of the source snapshot.

use jiff::Timestamp;

use super::carried::Carried;
use super::{TagError, is_ours, optional, pair, required, stages};
use crate::ids::{DbIdentifier, HandoffId, Label};
use crate::names::SnapshotRole;
use crate::tags::{self, Answered, Asked, Ended, Hints, Offer, Outcome, Published, Route, Tags, Told};
use crate::terms::Terms;
use crate::words::Stage;

/// The state of account A: the tags of the source snapshot.
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
    /// Properties of the source database.
    pub hints: Hints,
    /// The database's tags that are carried over.
    pub carried: Carried,
    /// The terms of a requested handoff, which no configuration contains.
    pub terms: Option<Terms>,
    /// The hello to account B.
    pub hello: Option<Asked>,
    /// The last answer to it.
    pub ready: Option<Answered>,
    /// The offer, if it was made.
    pub offer: Option<Offer>,
    /// The message that was sent.
    pub published: Option<Published>,
    /// The receipts of account B, at most one for each stage, in the order of [`Stage::ALL`].
    pub heard: Vec<(Stage, Told)>,
    /// Set when access is being revoked, with the outcome.
    pub ended: Option<Ended>,
    /// Set when all access is revoked, with the outcome.
    pub settled: Option<Ended>,
}

/// The phase of a handoff in account A. It is read before any step; no pass runs the steps of two phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The copy is being prepared for account B, or account B is waited for.
    Offering,
    /// Access is being revoked, with this outcome. The tag that records it is possibly not written yet.
    Withdrawing(Outcome),
    /// All access is revoked.
    Settled(Outcome),
}

impl SourceFacts {
    /// Reads the tags of a snapshot; `None` if it is not a source snapshot of ours.
    ///
    /// # Errors
    /// When it is ours and a tag is missing or invalid.
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

    /// The tags to write in the call that creates the snapshot.
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

    /// Account B's receipt of one stage.
    pub fn heard(&self, stage: Stage) -> Option<&Told> {
        self.heard.iter().find_map(|(heard, told)| (*heard == stage).then_some(told))
    }

    /// The phase at `now`. The `ended` tag takes precedence over receipts; `landed` takes precedence over all other
    /// receipts, since account B then owns its copy.
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

    /// Whether no hello is needed any more: account B is ready, or the handoff has an offer or has ended.
    pub fn needs_no_hello(&self) -> bool {
        let ready = self.ready.as_ref().is_some_and(|ready| ready.lack.is_none());
        ready || self.offer.is_some() || self.ended.is_some()
    }

    /// The open offer: an offer is open until the handoff ends. As long, the key policy contains account B's statement.
    pub fn open_offer(&self) -> Option<&Offer> {
        self.offer.as_ref().filter(|_| self.ended.is_none() && self.settled.is_none())
    }
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
    fn phase_depends_on_tags_and_ended_takes_precedence() {
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
    fn creation_tags_round_trip_and_are_valid_values() {
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
    fn foreign_snapshot_is_none_and_invalid_tag_is_error() {
        assert_eq!(SourceFacts::read(&Tags::from([pair("team", "orders")])), Ok(None));
        assert_eq!(SourceFacts::read(&Tags::from([pair(tags::ROLE, "shared"), pair(tags::ID, "x")])), Ok(None));
        let error = facts(&[(tags::ENDED, "yesterday")]).unwrap_err().to_string();
        assert!(error.contains("rds-handoff:ended") && error.contains("not readable"), "{error}");
    }
}
