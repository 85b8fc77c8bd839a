//! `run`: runs the handoffs of account A on the fleet.

mod receipts;
mod requests;

use std::collections::BTreeSet;
use std::time::Duration;

use agent_runtime::aws::queue::{Received, VISIBILITY};
use agent_runtime::event::{Ending, Event, Mailbox, Sink};
use agent_runtime::fleet::agent::{Agent, Discovered};
use agent_runtime::fleet::backoff::BackoffPolicy;
use agent_runtime::fleet::drive::RunOptions;
use agent_runtime::fleet::mailbox::{Handled, MailboxSpec};
use agent_runtime::step::pass::is_blocked;
use agent_runtime::{Exit, Fault, Flow, Halt, Pass};
use protocol::tags::Outcome;
use protocol::{Phase, Reply};

use crate::account::Account;
use crate::discover;
use crate::handoff::Handoff;
use crate::offer::offer;
use crate::steps::OFFER;
use crate::withdraw::withdraw;

/// How many requests are kept in memory at once. A request whose database is not available yet counts.
const MAX_REQUESTS: usize = 100;

/// Runs until every handoff has ended or `options` says to stop.
pub(crate) async fn run(account: &Account, options: &RunOptions<'_>) -> Exit {
    let agent = SourceAgent { account, events: options.events };
    account.fleet.run(&agent, &account.clients, options).await
}

/// The agent of account A.
struct SourceAgent<'a> {
    account: &'a Account,
    events: &'a dyn Sink,
}

impl Agent for SourceAgent<'_> {
    type Handoff = Handoff;
    type Done = Outcome;

    async fn discover(&self) -> Result<Discovered<Handoff>, Fault> {
        let found = discover::find(self.account).await?;
        for note in &found.notes {
            tracing::warn!("{note}");
        }
        self.events.take(&Event::Listed(found.all.iter().map(Handoff::subject).collect()));
        let mut exit = Exit::Settled;
        for what in found.unreadable {
            self.events.take(&Event::Unreadable(what));
            exit = Exit::Blocked;
        }
        // If one declaration cannot be carried out no new handoff begins, declared or requested. Those under way
        // continue, above all so that open access is revoked.
        let mut handoffs = found.all;
        let takes_more = found.refused.is_empty();
        if !takes_more {
            found.refused.iter().for_each(|fault| self.events.take(&Event::Refused(fault.into())));
            handoffs.retain(|of| of.begun);
            exit = exit.max(Exit::Usage);
        }
        Ok(Discovered { handoffs, exit, takes_more })
    }

    async fn handle(&self, mailbox: &MailboxSpec, message: &Received) -> Result<Handled<Handoff>, Fault> {
        match mailbox.kind {
            Mailbox::Requests => requests::handle(self.account, self.events, message).await,
            Mailbox::Receipts | Mailbox::Inbox => receipts::handle(self.account, self.events, mailbox, message).await,
        }
    }

    /// Runs the steps of the phase that the handoff is in. No pass runs the steps of two phases.
    async fn walk(&self, pass: &Pass<'_>, of: &Handoff) -> Flow<Outcome> {
        let account = self.account;
        requests::delete_begun(account, self.events, of).await;
        let source = account.source_snapshot(of).await;
        let phase = source
            .as_ref()
            .map(|source| source.as_ref().map_or(Phase::Offering, |source| source.facts.phase(account.clock.now())));
        let offer_made = source.as_ref().ok().and_then(Option::as_ref).map(|source| source.facts.offer.is_some());
        if offer_made == Some(false) {
            pass.absent(OFFER);
        }
        match &phase {
            Ok(Phase::Settled(_)) => account.set_open(of, None),
            Ok(Phase::Withdrawing(_)) => account.set_open(of, Some(true)),
            Ok(Phase::Offering) => account.set_open(of, offer_made.filter(|made| *made).map(|_| false)),
            Err(_) => {}
        }
        let is_offering = matches!(phase, Ok(Phase::Offering));
        if !is_offering {
            pass.release_permits();
        }
        let flow = match phase {
            Ok(Phase::Settled(outcome)) => Ok(outcome),
            Ok(Phase::Withdrawing(outcome)) => withdraw(account, pass, of, outcome).await.map(|()| outcome),
            // Account B has landed: the next pass is in the phase `Withdrawing`.
            Ok(Phase::Offering) => offer(account, pass, of).await.and(Err(Halt::Acted)),
            Err(_) => Err(source.err().map_or(Halt::NotReady, Halt::Fault)),
        };
        if !is_offering && is_blocked(&flow) {
            // Another handoff may close the key without waiting for this one.
            account.set_open(of, None);
        }
        flow
    }

    /// The requests of a handoff that has failed before its source snapshot are moved to the dead-letter queue, as the
    /// answer to their sender.
    async fn report_failure(&self, _: &Pass<'_>, of: &Handoff, fault: &Fault) -> Flow<()> {
        requests::reject(self.account, self.events, of, fault).await;
        Ok(())
    }

    fn mailboxes(&self) -> Vec<MailboxSpec> {
        // Targets in several Regions of one account may share a receipts queue.
        let settings = &self.account.settings;
        let receipts: BTreeSet<_> = settings.targets.iter().map(|target| &target.receipts).collect();
        let receipts = receipts.into_iter().map(|queue| MailboxSpec {
            kind: Mailbox::Receipts,
            queue: queue.clone(),
            brings_work: false,
            most_held: None,
            keep_for: VISIBILITY,
            backoff: BackoffPolicy::Receipts,
            ends_with_fatal_fault: false,
            rejections_fail: false,
        });
        let requests = settings.requests.iter().map(|queue| MailboxSpec {
            kind: Mailbox::Requests,
            queue: queue.clone(),
            brings_work: true,
            most_held: Some(MAX_REQUESTS),
            keep_for: VISIBILITY,
            backoff: BackoffPolicy::Mailbox,
            ends_with_fatal_fault: false,
            rejections_fail: true,
        });
        receipts.chain(requests).collect()
    }

    /// Groups messages by handoff. Receipts of one group are recorded one after the other, each after the tag of the
    /// previous one.
    fn group(&self, message: &Received) -> String {
        Reply::decode(&message.body).map_or_else(|_| message.id.clone(), |reply| reply.handoff().to_string())
    }

    fn ended(&self, _: &Handoff, outcome: Outcome) -> (Exit, Ending) {
        let exit = match outcome {
            Outcome::Landed | Outcome::Revoked => Exit::Settled,
            Outcome::Expired | Outcome::Rejected | Outcome::Failed => Exit::Failed,
        };
        (exit, Ending::Settled(outcome))
    }

    fn forget(&self, of: &Handoff) {
        self.account.forget(of);
    }

    fn repeats_after(&self, exit: Exit, elapsed: Duration) -> Option<Duration> {
        let schedule = &self.account.settings.schedule;
        Some(match exit {
            // Between two runs nobody receives requests, so the ceiling counts from the start of the last one.
            _ if self.account.settings.requests.is_some() => schedule.ceiling().saturating_sub(elapsed),
            Exit::Settled => schedule.idle(),
            _ => schedule.ceiling(),
        })
    }
}

/// What the process remembers of a handoff.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Whether it uses the managed key: `Some(false)` while offering, `Some(true)` while withdrawing.
    pub(crate) open: Option<bool>,
    /// Its hello was recorded but could not be sent.
    pub(crate) hello_unsent: bool,
}

impl agent_runtime::fleet::tracked::Tracked for Handoff {
    type Memory = Memory;

    fn owner(&self) -> agent_runtime::gate::Owner {
        Handoff::owner(self)
    }

    fn subject(&self) -> agent_runtime::Subject {
        self.subject()
    }

    fn other_side(&self) -> String {
        format!("{} {}", self.route.account, self.route.region)
    }

    fn first_claim(&self) -> Option<agent_runtime::gate::Claim> {
        (!self.begun).then(|| crate::admission::under_way(self))
    }
}
