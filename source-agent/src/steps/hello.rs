//! Between step 1 and the first key: account B is asked whether it is ready. What is missing there is better known in seconds
//! than after hours of copying.

use std::time::Duration;

use agent_runtime::aws::queue::Queue;
use agent_runtime::aws::rds::snapshot::SnapshotView;
use agent_runtime::event::Verb;
use agent_runtime::fleet::backoff::BackoffPolicy;
use agent_runtime::{Acted, Fault, Freshness, Observed, Step, StepId, Working};
use jiff::{SignedDuration, Timestamp};
use protocol::tags::{self, Answered, Asked};
use protocol::wire::hello::HelloKind;
use protocol::{Digest, HelloMessage, Nonce, VERSION};

use super::offering::word;
use crate::account::Account;
use crate::handoff::Handoff;

/// A hello is sent again for so long, and then made anew.
const FRESH: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The step that asks account B.
pub(crate) const HELLO: StepId = StepId("hello");

/// Is account B ready for this handoff?
pub(crate) fn ask(
    of: &Handoff,
    engine: &str,
    version: &str,
    size_gib: u32,
    issued: Timestamp,
    nonce: Nonce,
) -> HelloMessage {
    HelloMessage {
        database_arn: of.database.clone(),
        engine: word(engine),
        engine_version: word(version),
        handoff: of.id.clone(),
        issued,
        kind: HelloKind::Hello,
        label: of.label.clone(),
        nonce,
        resource: of.resource.clone(),
        size_gib,
        target_account: of.route.account.clone(),
        target_region: of.route.region.clone(),
        version: VERSION,
    }
}

/// Account B has answered that it is ready.
pub(crate) struct SayHello<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    pub(crate) snapshot: &'a SnapshotView,
}

impl SayHello<'_> {
    /// A pure function of the tags and of the snapshot in AWS.
    fn message(&self, asked: &Asked) -> HelloMessage {
        let SnapshotView { engine, engine_version, size_gib, .. } = self.snapshot;
        ask(self.of, engine, engine_version, *size_gib, asked.issued, asked.nonce.clone())
    }

    /// The hello that stands on the source snapshot. Account B refuses one that is older than this and what a queue keeps.
    fn standing(&self, asked: Option<Asked>) -> Option<Asked> {
        let now = self.account.clock.now();
        asked.filter(|asked| self.message(asked).digest() == asked.digest && now.duration_since(asked.issued) < FRESH)
    }

    /// It was recorded, and this process could not send it.
    fn is_unsent(&self) -> bool {
        self.account.fleet.recall(&self.of.owner(), |memory| memory.hello_unsent).unwrap_or(false)
    }

    /// Is it time to ask again? By AWS's record alone, so that however many processes look, an account is asked as seldom. What
    /// was written and never sent, since its process died between the two, is sent likewise.
    fn is_due(&self, asked: &Asked, answered: Option<&Answered>) -> bool {
        let since = |then: Option<Timestamp>| {
            let passed = then.map(|then| self.account.clock.now().duration_since(then));
            passed.and_then(|passed| Duration::try_from(passed).ok()).unwrap_or_default()
        };
        let waited = since(Some(asked.sent));
        let (again, ceiling) = BackoffPolicy::Hello.bounds();
        let again = self.account.settings.pace.settle(again);
        let seldom = match answered {
            Some(answered) if answered.at >= asked.sent => again,
            _ => (since(self.snapshot.created).saturating_sub(waited) / 2).clamp(again, ceiling.max(again)),
        };
        waited >= seldom
    }
}

impl Step for SayHello<'_> {
    type Output = ();
    const VERB: Verb = Verb::Send;
    /// Above the longest stale read: what is written twice is asked twice.
    const SETTLE: Duration = Duration::from_secs(30);
    const STALL_HINT: &'static str = "ask the other account whether its agent runs; one that is older than the hello does not answer it: run with --no-hello";

    fn id(&self) -> StepId {
        HELLO
    }

    fn resource(&self) -> String {
        self.of.source_arn().to_string()
    }

    fn describe(&self) -> String {
        format!("ask account {} whether it is ready", self.of.route.account)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let Some(mut source) = self.account.source_snapshot(self.of).await? else { return Ok(Observed::Todo) };
        if source.facts.hello.is_some() && !source.facts.asks_no_more() {
            let recent = self.account.source_as_of(self.of, Freshness::Recent).await?;
            let Some(now) = recent else { return Ok(Observed::Todo) };
            source = now;
        }
        // Nor does what is being copied.
        if source.facts.asks_no_more() || self.account.shared_copy(self.of).await?.is_some() {
            return Ok(Observed::Ready(()));
        }
        let (asked, answered) = (source.facts.hello, source.facts.ready);
        let Some(asked) = self.standing(asked) else { return Ok(Observed::Todo) };
        if self.is_unsent() || self.is_due(&asked, answered.as_ref()) {
            return Ok(Observed::Todo);
        }
        let account = &self.of.route.account;
        match answered.and_then(|answered| answered.lack) {
            Some(lack) => Err(Fault::blocked(format!("account {account} is not ready: {}", lack.meaning())).hint(
                "its operators see more by `target-agent check`; it is asked again, each hour at least, and the handoff goes \
                 on when it is ready",
            )),
            None => Ok(Observed::Working(Working {
                since: self.snapshot.created,
                ..Working::waiting_for(format!("account {account} to say whether it is ready"))
            })),
        }
    }

    /// The digest is remembered before the hello is sent: the answer may come within the same second.
    async fn act(&self) -> Result<Acted, Fault> {
        let source = self.account.source_snapshot(self.of).await?;
        let sent = self.account.clock.now();
        let new = || Asked { issued: sent, sent, nonce: self.account.nonce(), digest: Digest::of(b"") };
        // The same bytes again: whichever is answered, it is the answer.
        let asked = self.standing(source.and_then(|source| source.facts.hello)).unwrap_or_else(new);
        let message = self.message(&asked);
        let asked = Asked { sent, digest: message.digest(), ..asked };
        self.account.tag(&self.of.source_arn(), tags::HELLO, &asked).await?;
        let unsent = |is| self.account.fleet.remember(&self.of.owner(), |memory| memory.hello_unsent = is);
        unsent(true);
        Queue::new(&self.account.clients, &self.of.inbox).send(&message.encode()).await?;
        unsent(false);
        Ok(Acted::Done)
    }

    fn foresee(&self) {}
}
