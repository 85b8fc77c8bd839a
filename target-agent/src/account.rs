//! Account B, as this process sees it: settings, clients, and the reads that all handoffs share.

use std::rc::Rc;
use std::time::Duration;

use agent_runtime::copies::SnapshotLimits;
use agent_runtime::gate::Gate;
use agent_runtime::queue::Queue;
use agent_runtime::quotas::AccountQuotas;
use agent_runtime::shared::Shared;
use agent_runtime::snapshot::{SnapshotView, rds_tags};
use agent_runtime::step::pass::SPREADING;
use agent_runtime::step::write_log::WriteLog;
use agent_runtime::{AwsResult as _, Clients, Clock, Fault, Inventory, PassContext};
use aws_sdk_rds::operation::describe_db_snapshots::{DescribeDBSnapshotsError, DescribeDbSnapshotsOutput};
use protocol::names::SnapshotRole;
use protocol::state::pair;
use protocol::verify::{SharedSnapshot, check_snapshot};
use protocol::{AccountId, HandoffId, KeyArn, Region, SnapshotArn, TargetFacts};
use tokio::sync::Notify;

use crate::config::Settings;
use crate::job::Job;

/// Hellos that come together are answered from one look at this account.
pub(crate) const A_MOMENT: Duration = Duration::from_mins(1);

/// Account B. One for each process.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) settings: Settings,
    pub(crate) clients: Clients,
    pub(crate) clock: Clock,
    pub(crate) writes: WriteLog,
    pub(crate) gate: Gate,
    pub(crate) inventory: Inventory,
    pub(crate) limits: SnapshotLimits,
    /// A message has proved true: another one of its sender's may be looked at.
    pub(crate) verified: Notify,
    shared: Shared<SnapshotArn, Option<SnapshotView>>,
    /// What RDS told of groups and engine versions, by kind and name.
    pub(crate) told: Shared<(&'static str, String), (String, String)>,
    /// The own key was usable.
    pub(crate) usable: Shared<KeyArn, ()>,
    quotas: Shared<Region, AccountQuotas>,
}

/// A target copy: what RDS says of it, and what it remembers.
#[derive(Debug, Clone)]
pub(crate) struct TargetCopy {
    pub(crate) view: Rc<SnapshotView>,
    pub(crate) facts: TargetFacts,
}

impl Account {
    pub(crate) fn new(settings: Settings, clients: Clients, clock: Clock) -> Self {
        let inventory = Inventory::new(clients.clone(), &settings.pace, &clock);
        let most = usize::from(settings.limits.copies_in_flight.get());
        let limits = SnapshotLimits::new(clients.clone(), &settings.pace, most);
        let gate = Gate::new(settings.pace.settle_factor);
        Self {
            settings,
            clients,
            clock,
            writes: WriteLog::default(),
            gate,
            inventory,
            limits,
            verified: Notify::new(),
            shared: Shared::new(),
            told: Shared::new(),
            usable: Shared::new(),
            quotas: Shared::new(),
        }
    }

    /// What all passes share.
    pub(crate) fn passes(&self) -> PassContext<'_> {
        PassContext { writes: &self.writes, gate: &self.gate, schedule: &self.settings.pace, clock: &self.clock }
    }

    /// The account's quotas, at most a minute old.
    pub(crate) async fn quotas(&self) -> Result<Rc<AccountQuotas>, Fault> {
        let region = &self.settings.region;
        self.quotas.get(region, |_| A_MOMENT, async || AccountQuotas::read(&self.clients, region).await).await
    }

    /// The target copy of a handoff, if it is there and ours.
    pub(crate) async fn target_copy(&self, job: &Job) -> Result<Option<TargetCopy>, Fault> {
        read_copy(self.inventory.snapshot(&job.target_arn(self)).await?, job)
    }

    /// Is the target copy still to be restored? Asked before that is begun: another agent may have finished it, and its owner
    /// deleted it, since this process looked.
    pub(crate) async fn still_to_restore(&self, job: &Job) -> Result<bool, Fault> {
        let copy = read_copy(self.inventory.snapshot_now(&job.target_arn(self)).await?, job)?;
        Ok(copy.is_some_and(|copy| !copy.facts.is_finished()))
    }

    /// Every target copy of ours, as it was at most this long ago, with what could not be read.
    pub(crate) async fn target_copies(&self, oldest: Duration) -> Result<(Vec<TargetCopy>, Vec<String>), Fault> {
        let snapshots = self.inventory.snapshots(&self.settings.region, oldest).await?;
        let (mut read, mut unreadable) = (Vec::new(), Vec::new());
        for view in snapshots.values() {
            match TargetFacts::read(&view.tags) {
                Ok(Some(facts))
                    if protocol::names::snapshot(&facts.database, &facts.id, SnapshotRole::Target)
                        != view.arn.snapshot =>
                {
                    unreadable.push(format!("snapshot {} is left alone: it carries the tags of another", view.arn));
                }
                Ok(Some(facts)) => read.push(TargetCopy { view: view.clone(), facts }),
                Ok(None) => {}
                Err(error) => unreadable.push(format!("snapshot {} is left alone: {error}", view.arn)),
            }
        }
        Ok((read, unreadable))
    }

    /// A snapshot that another account shares with this one; `None` while it is not to be seen. It is seen by its ARN alone
    /// (RDS API Reference, `DescribeDBSnapshots`: `IncludeShared`).
    pub(crate) async fn shared_snapshot(&self, arn: &SnapshotArn) -> Result<Option<SnapshotView>, Fault> {
        let fresh = self.settings.pace.floor() / 2;
        let view = self.shared.get(
            arn,
            |_| fresh,
            async || {
                let call = self.clients.rds(&arn.region).describe_db_snapshots();
                let call = call.db_snapshot_identifier(arn.to_string()).snapshot_type("shared").include_shared(true);
                let answer = call.send().await;
                let answer = answer
                    .missing_ok("rds:DescribeDBSnapshots", DescribeDBSnapshotsError::is_db_snapshot_not_found_fault)?;
                let views =
                    answer.iter().flat_map(DescribeDbSnapshotsOutput::db_snapshots).filter_map(SnapshotView::of);
                Ok(views.into_iter().find(|view| view.arn == *arn))
            },
        );
        Ok(Option::clone(&*view.await?))
    }

    /// What the last read of the snapshot that a message names proves of its sender, for whoever waits for its turn.
    pub(crate) fn judge_proof(&self, job: &Job) {
        let Some(message) = &job.message else { return };
        let Some((_, seen)) = self.shared.peek(&message.snapshot) else { return };
        let (cell, is_so) = match &*seen {
            Some(view) => (&job.sender_verified, check_snapshot(message, &as_shared(view)).is_ok()),
            None => (&job.unshared, self.clock.now().duration_since(message.issued) >= SPREADING),
        };
        if is_so && !cell.replace(true) {
            self.verified.notify_one();
        }
    }

    /// No step looks at what a job is about any more.
    pub(crate) fn forget(&self, job: &Job) {
        self.writes.forget(job.id());
        if let Some(message) = &job.message {
            self.shared.forget(&message.snapshot);
        }
    }

    /// Snapshots that configured senders share with this account and that look like a handoff's.
    pub(crate) async fn offered(&self) -> Result<Vec<SnapshotView>, Fault> {
        let call = self.clients.rds(&self.settings.region).describe_db_snapshots();
        let pages = call.snapshot_type("shared").include_shared(true).into_paginator();
        let listed = pages.items().send().try_collect().await.op("rds:DescribeDBSnapshots")?;
        let views = listed.iter().filter_map(SnapshotView::of);
        let ours = |view: &SnapshotView| {
            let name = view.arn.snapshot.as_str();
            let sender = &view.arn.account;
            self.settings.receiver.senders.contains_key(sender)
                && name.starts_with("rds-handoff-")
                && name.ends_with("-shared")
        };
        Ok(views.filter(ours).collect())
    }

    /// Writes one fact on the target copy.
    pub(crate) async fn tag(&self, copy: &SnapshotArn, key: &str, value: &impl ToString) -> Result<(), Fault> {
        let tags = [pair(key, value)].into();
        let call = self.clients.rds(&copy.region).add_tags_to_resource();
        let answer = call.resource_name(copy.to_string()).set_tags(Some(rds_tags(&tags))).send().await;
        answer.op("rds:AddTagsToResource").inspect_err(|_| self.inventory.acted_on_snapshot(copy))?;
        self.inventory.tagged(copy, &tags);
        Ok(())
    }

    /// The queue for receipts to an account: the configured one, never one that a message names.
    pub(crate) fn receipts(&self, to: &AccountId, of: &HandoffId) -> Result<Queue, Fault> {
        let sender = self.settings.receiver.senders.get(to).ok_or_else(|| {
            Fault::blocked(format!("handoff {of} comes from account {to}, which is not under [[from]] any more"))
                .hint("put it back until the handoff is finished")
        })?;
        Ok(Queue::new(&self.clients, &sender.receipts))
    }
}

/// What a shared snapshot shows of itself.
pub(crate) fn as_shared(view: &SnapshotView) -> SharedSnapshot {
    SharedSnapshot {
        encrypted: view.encrypted,
        key: view.key.clone(),
        identity: view.identity(),
        engine: view.engine.clone(),
        size_gib: view.size_gib,
    }
}

fn read_copy(view: Option<Rc<SnapshotView>>, job: &Job) -> Result<Option<TargetCopy>, Fault> {
    let Some(view) = view else { return Ok(None) };
    let facts = TargetFacts::read(&view.tags)?;
    Ok(facts.filter(|facts| facts.id == job.facts.id).map(|facts| TargetCopy { view, facts }))
}
