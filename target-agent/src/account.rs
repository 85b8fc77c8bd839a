//! Account B, as this process sees it: settings, clients, and the reads that all handoffs share.

use std::rc::Rc;
use std::time::Duration;

use agent_runtime::aws::cache::Resource;
use agent_runtime::aws::copies::SnapshotLimits;
use agent_runtime::aws::queue::Queue;
use agent_runtime::aws::rds::snapshot::{SnapshotView, rds_tags};
use agent_runtime::fleet::Fleet;
use agent_runtime::step::pass::SPREADING;
use agent_runtime::{AwsResult as _, Cache, Clients, Clock, Fault, Freshness, Progress, Working};
use aws_sdk_rds::operation::describe_db_snapshots::{DescribeDBSnapshotsError, DescribeDbSnapshotsOutput};
use protocol::names::SnapshotRole;
use protocol::state::pair;
use protocol::verify::{SharedSnapshot, check_snapshot};
use protocol::{AccountId, HandoffId, SnapshotArn, TargetFacts};
use tokio::time::Instant;

use crate::config::Settings;
use crate::handoff::Handoff;

/// Above the longest stale read.
const SHOWN: Duration = Duration::from_mins(1);

/// Account B. One for each process.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) settings: Settings,
    pub(crate) clients: Clients,
    pub(crate) clock: Clock,
    pub(crate) fleet: Fleet<Handoff>,
    pub(crate) cache: Rc<Cache>,
    pub(crate) limits: SnapshotLimits,
}

/// A snapshot that another account shares with this one, or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SharedBy(SnapshotArn);

impl Resource for SharedBy {
    type View = Option<SnapshotView>;
}

/// A target copy: what RDS says of it, and what it remembers.
#[derive(Debug, Clone)]
pub(crate) struct TargetCopy {
    pub(crate) view: Rc<SnapshotView>,
    pub(crate) facts: TargetFacts,
}

impl Account {
    pub(crate) fn new(settings: Settings, clients: Clients, clock: Clock) -> Self {
        let cache = Rc::new(Cache::new(clients.clone(), &settings.pace, &clock));
        let limits = SnapshotLimits::new(&cache, settings.limits.copies_in_flight.get().into());
        let fleet = Fleet::new(&cache);
        Self { settings, clients, clock, fleet, cache, limits }
    }

    /// The target copy of a handoff, if it is there and ours.
    pub(crate) async fn target_copy(&self, handoff: &Handoff) -> Result<Option<TargetCopy>, Fault> {
        read_copy(self.cache.snapshot(&handoff.target_arn(&self.settings), Freshness::Progress).await?, handoff)
    }

    /// Is the target copy still to be restored? Asked before that is begun: another agent may have finished it, and its owner
    /// deleted it, since this process looked.
    pub(crate) async fn still_to_restore(&self, handoff: &Handoff) -> Result<bool, Fault> {
        let copy = read_copy(self.cache.snapshot(&handoff.target_arn(&self.settings), Freshness::Now).await?, handoff)?;
        Ok(copy.is_some_and(|copy| !copy.facts.is_finished()))
    }

    /// Every target copy of ours, with what could not be read.
    pub(crate) async fn target_copies(&self, freshness: Freshness) -> Result<(Vec<TargetCopy>, Vec<String>), Fault> {
        let snapshots = self.cache.snapshots(&self.settings.region, freshness).await?;
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
        let read = async || {
            let call = self.clients.rds(&arn.region).describe_db_snapshots();
            let call = call.db_snapshot_identifier(arn.to_string()).snapshot_type("shared").include_shared(true);
            let is_missing = DescribeDBSnapshotsError::is_db_snapshot_not_found_fault;
            let answer = call.send().await.missing_ok("rds:DescribeDBSnapshots", is_missing)?;
            let mut views =
                answer.iter().flat_map(DescribeDbSnapshotsOutput::db_snapshots).filter_map(SnapshotView::of);
            Ok(views.find(|view| view.arn == *arn))
        };
        let view = self.cache.get(&arn.region, &SharedBy(arn.clone()), Freshness::Now, read).await?;
        Ok(Option::clone(&view))
    }

    /// What the last read of the snapshot that a message names proves of its sender, for whoever waits for its turn.
    pub(crate) fn judge_proof(&self, handoff: &Handoff) {
        let Some(message) = &handoff.message else { return };
        let shared = &message.snapshot;
        let Some(seen) = self.cache.peek(&shared.region, &SharedBy(shared.clone())) else { return };
        let (verified, unshared) = match &*seen {
            Some(view) => (check_snapshot(message, &as_shared(view)).is_ok(), false),
            None => (false, self.clock.now().duration_since(message.issued) >= SPREADING),
        };
        let is_news = self.fleet.remember(&handoff.owner(), |memory| {
            let is_news = verified && !memory.is_verified || unshared && !memory.is_unshared;
            memory.is_verified |= verified;
            memory.is_unshared |= unshared;
            is_news
        });
        if is_news == Some(true) {
            self.fleet.admit_again();
        }
    }

    /// Since when AWS does not show the target copy, if it does not.
    pub(crate) async fn note_missing(&self, handoff: &Handoff) {
        // Any trouble with this read is the next step's to tell.
        let Ok(copy) = self.target_copy(handoff).await else { return };
        let now = Instant::now();
        self.fleet.remember(&handoff.owner(), |memory| {
            memory.missing_since = copy.is_none().then(|| memory.missing_since.unwrap_or(now));
        });
    }

    /// The target copy was there, and is not shown. A read may be as old as half a minute; a copy that is not shown for so long
    /// was deleted.
    ///
    /// # Errors
    /// When it was deleted.
    pub(crate) async fn missing<T>(&self, handoff: &Handoff) -> Result<Progress<T>, Fault> {
        let since = self.fleet.recall(&handoff.owner(), |memory| memory.missing_since).flatten();
        let waited = since.is_some_and(|since| since.elapsed() >= self.settings.pace.settle(SHOWN));
        // A listing may be older than that.
        if !waited || self.cache.snapshot(&handoff.target_arn(&self.settings), Freshness::Now).await?.is_some() {
            return Ok(Progress::Working(Working::new("waiting for AWS to show the target copy")));
        }
        Err(Fault::fatal(format!("target copy {} has gone", handoff.target_arn(&self.settings)))
            .hint("it was deleted by hand, and the handoff with it; ask the other account for another one"))
    }

    /// No step looks at what a handoff is about any more.
    pub(crate) fn forget(&self, handoff: &Handoff) {
        if let Some(message) = &handoff.message {
            self.cache.forget(&message.snapshot.region, &SharedBy(message.snapshot.clone()));
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
        answer.op("rds:AddTagsToResource").inspect_err(|_| self.cache.acted_on(copy))?;
        self.cache.tagged(copy, &tags);
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

fn read_copy(view: Option<Rc<SnapshotView>>, handoff: &Handoff) -> Result<Option<TargetCopy>, Fault> {
    let Some(view) = view else { return Ok(None) };
    let facts = TargetFacts::read(&view.tags)?;
    Ok(facts.filter(|facts| facts.id == handoff.facts.id).map(|facts| TargetCopy { view, facts }))
}
