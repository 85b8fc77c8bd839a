//! Step 7: publishes the message, then waits for account B.

use agent_runtime::aws::queue::Queue;
use agent_runtime::event::Verb;
use agent_runtime::{Acted, Fault, Freshness, Observed, Progress, Step, StepId, Wait, Working};
use protocol::tags::{self, Published};
use protocol::{HandoffMessage, Stage};

use crate::account::Account;
use crate::handoff::Handoff;

/// Sends the message to account B's inbox. Sending cannot be observed, so the message is sent first and recorded
/// afterwards. After a crash between the two the same bytes are sent again, and the receiver treats them as a
/// duplicate.
pub(crate) struct Publish<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    pub(crate) message: &'a HandoffMessage,
}

impl Step for Publish<'_> {
    type Output = ();
    const VERB: Verb = Verb::Send;

    fn id(&self) -> StepId {
        StepId("publish")
    }

    fn resource(&self) -> String {
        self.of.source_arn().to_string()
    }

    fn describe(&self) -> String {
        format!("message to {}", self.of.inbox)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let source = self.account.source_snapshot(self.of).await?;
        let published = source.and_then(|source| source.facts.published);
        Ok(if published.is_some_and(|published| published.digest == self.message.digest()) {
            Observed::Ready(())
        } else {
            Observed::Todo
        })
    }

    async fn act(&self) -> Result<Acted, Fault> {
        Queue::new(&self.account.clients, &self.of.inbox).send(&self.message.encode()).await?;
        let published = Published { at: self.account.clock.now(), digest: self.message.digest() };
        self.account.tag(&self.of.source_arn(), tags::PUBLISHED, &published).await.map(|()| Acted::Done)
    }

    fn planned_output(&self) {}
}

/// The wait for account B.
pub(crate) const AWAIT_LANDING: StepId = StepId("await-landing");

/// Waits until account B owns its own copy. Its receipts are handled by `run`, and change the phase.
pub(crate) struct AwaitLanding<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
}

impl Wait for AwaitLanding<'_> {
    type Output = ();
    const STALL_HINT: &'static str =
        "ask the other account whether its agent runs, and what `target-agent status` says of this handoff";

    fn id(&self) -> StepId {
        AWAIT_LANDING
    }

    fn resource(&self) -> String {
        self.of.source_arn().to_string()
    }

    fn describe(&self) -> String {
        format!("account {} owns a copy of its own: landed", self.of.route.account)
    }

    async fn observe(&self) -> Result<Progress<()>, Fault> {
        let Some(source) = self.account.source_as_of(self.of, Freshness::Ceiling).await? else {
            return Err(Fault::fatal(format!("source snapshot {} does not exist any more", self.of.source_arn()))
                .hint("somebody deleted it, which ends the handoff; move the database under another label"));
        };
        if let Some(trouble) = self.account.fleet.unreachable(&self.of.receipts) {
            let allow_reading =
                || format!("allow this agent to read queue {}: account B's receipts are in it", self.of.receipts);
            return Err(Fault::blocked(format!("receipts cannot be received: {}", trouble.what))
                .hint(trouble.fix.unwrap_or_else(allow_reading))
                .answered(trouble.answer.clone()));
        }
        let account = &self.of.route.account;
        let working = match (source.facts.heard(Stage::Landed), source.facts.heard(Stage::Accepted)) {
            (Some(_), _) => return Ok(Progress::Ready(())),
            (None, Some(accepted)) => Working {
                since: Some(accepted.at),
                ..Working::new(format!("account {account} has begun its own copy"))
            },
            (None, None) => Working {
                since: source.facts.published.map(|published| published.at),
                ..Working::waiting_for(format!("account {account} to begin"))
            },
        };
        Ok(Progress::Working(working))
    }

    fn planned_output(&self) {}
}
