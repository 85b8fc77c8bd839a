//! Between steps 1 and 2: asks account B whether it is ready, so that what is missing there is known before hours of
//! copying.

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

use super::offering::engine_word;
use crate::account::Account;
use crate::handoff::Handoff;

/// For this long the same hello is sent again. After that a new one is written.
const RESEND_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The step that sends the hello to account B.
pub(crate) const HELLO: StepId = StepId("hello");

/// The hello of a handoff, which asks account B whether it is ready.
pub(crate) fn hello_message(
    of: &Handoff,
    engine: &str,
    version: &str,
    size_gib: u32,
    issued: Timestamp,
    nonce: Nonce,
) -> HelloMessage {
    HelloMessage {
        database_arn: of.database.clone(),
        engine: engine_word(engine),
        engine_version: engine_word(version),
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

/// Sends a hello, and is ready when account B has answered that it is ready.
pub(crate) struct SayHello<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    pub(crate) snapshot: &'a SnapshotView,
}

impl SayHello<'_> {
    /// The hello, a pure function of the tags and of the snapshot in AWS.
    fn message(&self, asked: &Asked) -> HelloMessage {
        let SnapshotView { engine, engine_version, size_gib, .. } = self.snapshot;
        hello_message(self.of, engine, engine_version, *size_gib, asked.issued, asked.nonce.clone())
    }

    /// The hello recorded on the source snapshot, unless it is too old to be sent again. Account B rejects a hello that
    /// is older than this plus the retention period of a queue.
    fn recorded(&self, asked: Option<Asked>) -> Option<Asked> {
        let now = self.account.clock.now();
        asked.filter(|asked| {
            self.message(asked).digest() == asked.digest && now.duration_since(asked.issued) < RESEND_FOR
        })
    }

    /// Whether this process recorded the hello and could not send it.
    fn is_unsent(&self) -> bool {
        self.account.fleet.recall(&self.of.owner(), |memory| memory.hello_unsent).unwrap_or(false)
    }

    /// Whether it is time to send the hello again. It depends only on times recorded in AWS, so that several processes
    /// together do not send more often than one. This also covers a hello that was recorded and not sent because the
    /// process died in between.
    fn is_due(&self, asked: &Asked, answered: Option<&Answered>) -> bool {
        let since = |then: Option<Timestamp>| {
            let passed = then.map(|then| self.account.clock.now().duration_since(then));
            passed.and_then(|passed| Duration::try_from(passed).ok()).unwrap_or_default()
        };
        let waited = since(Some(asked.sent));
        let (first, ceiling) = BackoffPolicy::Hello.bounds();
        let first = self.account.settings.schedule.settle(first);
        let interval = match answered {
            Some(answered) if answered.at >= asked.sent => first,
            _ => (since(self.snapshot.created).saturating_sub(waited) / 2).clamp(first, ceiling.max(first)),
        };
        waited >= interval
    }
}

impl Step for SayHello<'_> {
    type Output = ();
    const VERB: Verb = Verb::Send;
    /// Longer than a read can be stale: a hello that is written twice is sent twice.
    const PROPAGATION_DELAY: Duration = Duration::from_secs(30);
    const STALL_HINT: &'static str =
        "ask the other account whether its agent runs; an agent too old to answer a hello needs `run --no-hello`";

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
        if source.facts.hello.is_some() && !source.facts.needs_no_hello() {
            let recent = self.account.source_as_of(self.of, Freshness::Recent).await?;
            let Some(now) = recent else { return Ok(Observed::Todo) };
            source = now;
        }
        // A copy that has begun needs no hello.
        if source.facts.needs_no_hello() || self.account.shared_copy(self.of).await?.is_some() {
            return Ok(Observed::Ready(()));
        }
        let (asked, answered) = (source.facts.hello, source.facts.ready);
        let Some(asked) = self.recorded(asked) else { return Ok(Observed::Todo) };
        if self.is_unsent() || self.is_due(&asked, answered.as_ref()) {
            return Ok(Observed::Todo);
        }
        let account = &self.of.route.account;
        match answered.and_then(|answered| answered.lack) {
            Some(lack) => Err(Fault::blocked(format!("account {account} is not ready: {}", lack.meaning())).hint(
                "its operators see details with `target-agent check`; the hello is sent again at least every hour, and the \
                 handoff continues when the account is ready",
            )),
            None => Ok(Observed::Working(Working {
                since: self.snapshot.created,
                ..Working::waiting_for(format!("account {account} to say whether it is ready"))
            })),
        }
    }

    /// Records the digest before the hello is sent, because the answer may arrive within the same second.
    async fn act(&self) -> Result<Acted, Fault> {
        let source = self.account.source_snapshot(self.of).await?;
        let sent = self.account.clock.now();
        let new = || Asked { issued: sent, sent, nonce: self.account.nonce(), digest: Digest::of(b"") };
        // The same bytes are sent again, so that an answer to either message counts.
        let asked = self.recorded(source.and_then(|source| source.facts.hello)).unwrap_or_else(new);
        let message = self.message(&asked);
        let asked = Asked { sent, digest: message.digest(), ..asked };
        self.account.tag(&self.of.source_arn(), tags::HELLO, &asked).await?;
        let unsent = |is| self.account.fleet.remember(&self.of.owner(), |memory| memory.hello_unsent = is);
        unsent(true);
        Queue::new(&self.account.clients, &self.of.inbox).send(&message.encode()).await?;
        unsent(false);
        Ok(Acted::Done)
    }

    fn planned_output(&self) {}
}
