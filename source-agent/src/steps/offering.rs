//! The offer: one tag of the source snapshot, written before anything is shared.

use std::time::Duration;

use agent_runtime::aws::rds::snapshot::SnapshotView;
use agent_runtime::clock::later;
use agent_runtime::event::Verb;
use agent_runtime::text::setting;
use agent_runtime::{Acted, Fault, Freshness, NextPoll, Observed, Step, StepId, Working};
use jiff::Timestamp;
use protocol::tags::{self, Offer};
use protocol::wire::handoff::{EngineWord, HandoffMessage, Kind};
use protocol::{Digest, SourceFacts};

use crate::account::Account;
use crate::handoff::Handoff;

/// After this long two agents that made offers at the same time read the same one. The second may not have seen the
/// first one's offer as long as a read is stale (30 s) or cached (5 s of [`Freshness::Now`]), and the first may not see
/// the second one's for another 30 s.
const OFFER_VISIBLE_AFTER: Duration = Duration::from_secs(75);
/// Times of the next poll are rounded up to this, so that one listing serves all offers made at about the same time.
const ROUND_UP_TO: Duration = Duration::from_secs(10);

/// The step that makes the offer.
pub(crate) const OFFER: StepId = StepId("offer");

/// Writes number, times, nonce and digest of the message. With this tag and the snapshots every later pass renders the
/// same bytes.
pub(crate) struct MakeOffer<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    pub(crate) snapshot: &'a SnapshotView,
    pub(crate) copy: &'a SnapshotView,
}

impl Step for MakeOffer<'_> {
    type Output = HandoffMessage;
    const VERB: Verb = Verb::Record;
    /// Longer than a read is stale in practice: an offer made twice would have two digests.
    const PROPAGATION_DELAY: Duration = Duration::from_secs(30);
    const OBSERVE_TWICE: bool = true;

    fn id(&self) -> StepId {
        OFFER
    }

    fn resource(&self) -> String {
        self.of.source_arn().to_string()
    }

    fn describe(&self) -> String {
        let Handoff { terms, .. } = self.of;
        format!("offer: start within {}, access for {}", setting(terms.start_within), setting(terms.access_for))
    }

    async fn observe(&self) -> Result<Observed<HandoffMessage>, Fault> {
        let Some(facts) = self.account.source_snapshot(self.of).await?.map(|source| source.facts) else {
            return Ok(Observed::Todo);
        };
        let Some(mut offer) = facts.offer else { return self.made_by_another().await };
        if facts.published.is_none() {
            // Two agents may have made one offer each at the same time. The later tag stays, and both wait until they
            // can read it.
            let (now, schedule) = (self.account.clock.now(), &self.account.settings.schedule);
            let visible = later(offer.issued, schedule.settle(OFFER_VISIBLE_AFTER));
            let round = i64::try_from(schedule.settle(ROUND_UP_TO).as_secs()).unwrap_or(1).max(1);
            let poll_at = Timestamp::from_second((visible.as_second() + round - 1).div_euclid(round) * round);
            let poll_at = poll_at.unwrap_or(visible);
            if now < poll_at {
                let working = Working {
                    next: NextPoll::At(poll_at),
                    ..Working::new("waiting until the offer is visible to every agent of this account")
                };
                return Ok(Observed::Working(working));
            }
            let source = self.account.source_as_of(self.of, Freshness::Since(visible)).await?;
            offer = source.and_then(|source| source.facts.offer).unwrap_or(offer);
        }
        let message = self.message(&offer)?;
        if message.digest() != offer.digest {
            return Err(Fault::fatal(format!(
                "the message of {} does not have the digest of its offer: a snapshot or its tags were changed",
                self.of.subject()
            ))
            .hint("revoke this handoff, and move the database under another label"));
        }
        Ok(Observed::Ready(message))
    }

    async fn act(&self) -> Result<Acted, Fault> {
        let issued = self.account.clock.now();
        let mut offer = Offer {
            number: 1,
            issued,
            start_by: later(issued, self.of.terms.start_within),
            access_until: later(issued, self.of.terms.access_for),
            nonce: self.account.nonce(),
            digest: Digest::of(b""),
        };
        offer.digest = self.message(&offer)?.digest();
        self.account.tag(&self.snapshot.arn, tags::OFFER, &offer).await.map(|()| Acted::Done)
    }

    fn planned_output(&self) -> HandoffMessage {
        let placeholder = Offer {
            number: 1,
            issued: Timestamp::UNIX_EPOCH,
            start_by: Timestamp::UNIX_EPOCH,
            access_until: Timestamp::UNIX_EPOCH,
            nonce: [0; 8].into(),
            digest: Digest::of(b""),
        };
        self.body(&placeholder, &self.of.facts(), "unknown", "unknown", Timestamp::UNIX_EPOCH)
    }
}

/// The name of an engine or of a version as the message has it: `unknown` if the grammar does not allow it.
#[expect(clippy::expect_used, reason = "the grammar allows `unknown`")]
pub(crate) fn engine_word(text: &str) -> EngineWord {
    text.parse().or_else(|_| "unknown".parse()).expect("`unknown` is a word")
}

impl MakeOffer<'_> {
    /// Another agent of this account may have made the offer since the last read. If it were overwritten account B's
    /// receipts, which have the digest of the first, would match no offer.
    async fn made_by_another(&self) -> Result<Observed<HandoffMessage>, Fault> {
        let source = self.account.source_as_of(self.of, Freshness::Now).await?;
        Ok(match source.and_then(|source| source.facts.offer) {
            Some(_) => Observed::Working(Working::new("another agent has made the offer")),
            None => Observed::Todo,
        })
    }

    /// The message, a pure function of the tags and of the snapshots in AWS.
    fn message(&self, offer: &Offer) -> Result<HandoffMessage, Fault> {
        let created = self
            .snapshot
            .original
            .ok_or_else(|| Fault::fatal(format!("snapshot {} has no OriginalSnapshotCreateTime", self.snapshot.arn)))?;
        let facts = SourceFacts::read(&self.snapshot.tags)?.unwrap_or_else(|| self.of.facts());
        Ok(self.body(offer, &facts, &self.snapshot.engine, &self.snapshot.engine_version, created))
    }

    #[expect(clippy::expect_used, reason = "the previous step has checked the key of the copy")]
    fn body(
        &self,
        offer: &Offer,
        facts: &SourceFacts,
        engine: &str,
        version: &str,
        created: Timestamp,
    ) -> HandoffMessage {
        let key = self.copy.key.clone().expect("a shared copy is under the handoff key");
        HandoffMessage {
            access_until: offer.access_until,
            database_arn: self.of.database.clone(),
            engine: engine_word(engine),
            engine_version: engine_word(version),
            handoff: self.of.id.clone(),
            hints: facts.hints.clone(),
            identity: protocol::Identity { created, resource: self.of.resource.clone() },
            issued: offer.issued,
            key,
            kind: Kind::Handoff,
            label: self.of.label.clone(),
            nonce: offer.nonce.clone(),
            offer: offer.number,
            size_gib: self.copy.size_gib,
            snapshot: self.copy.arn.clone(),
            start_by: offer.start_by,
            tags: facts.carried.clone(),
            target_account: self.of.route.account.clone(),
            target_region: self.of.route.region.clone(),
            version: HandoffMessage::version_with(&facts.carried),
        }
    }
}
