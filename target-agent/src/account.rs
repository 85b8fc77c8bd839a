//! Account B in this process: settings, clients, and the reads that all handoffs share.

use std::rc::Rc;
use std::time::Duration;

use agent_runtime::aws::cache::Resource;
use agent_runtime::aws::copies::SnapshotLimits;
use agent_runtime::aws::queue::Queue;
use agent_runtime::aws::rds::snapshot::{SnapshotView, rds_tags};
use agent_runtime::fleet::Fleet;
use agent_runtime::step::pass::MAX_PROPAGATION_DELAY;
use agent_runtime::{AwsResult as _, Cache, Clients, Clock, Fault, Freshness, Progress, Working};
use aws_sdk_rds::operation::describe_db_snapshots::{DescribeDBSnapshotsError, DescribeDbSnapshotsOutput};
use protocol::names::SnapshotRole;
use protocol::state::pair;
use protocol::verify::{SharedSnapshot, check_snapshot};
use protocol::{AccountId, HandoffId, SnapshotArn, TargetFacts};
use tokio::time::Instant;

use crate::config::Settings;
use crate::handoff::Handoff;

/// How long AWS must not show a target copy before it counts as deleted: above the age of the stalest read.
const MISSING_FOR: Duration = Duration::from_mins(1);

/// Account B. Each process has one.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) settings: Settings,
    pub(crate) clients: Clients,
    pub(crate) clock: Clock,
    pub(crate) fleet: Fleet<Handoff>,
    pub(crate) cache: Rc<Cache>,
    pub(crate) limits: SnapshotLimits,
}

/// The key of the read cache for a snapshot that another account shares with this one, or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SharedBy(SnapshotArn);

impl Resource for SharedBy {
    type View = Option<SnapshotView>;
}

/// A target copy: its description by RDS, and the facts in its tags.
#[derive(Debug, Clone)]
pub(crate) struct TargetCopy {
    pub(crate) view: Rc<SnapshotView>,
    pub(crate) facts: TargetFacts,
}

impl Account {
    pub(crate) fn new(settings: Settings, clients: Clients, clock: Clock) -> Self {
        let cache = Rc::new(Cache::new(clients.clone(), &settings.polling, &clock));
        let limits = SnapshotLimits::new(&cache, settings.limits.copies_in_flight.get().into());
        let fleet = Fleet::new(&cache);
        Self { settings, clients, clock, fleet, cache, limits }
    }

    /// The target copy of a handoff, if it exists and carries the handoff's tags.
    pub(crate) async fn target_copy(&self, handoff: &Handoff) -> Result<Option<TargetCopy>, Fault> {
        read_copy(self.cache.snapshot(&handoff.target_arn(&self.settings), Freshness::Progress).await?, handoff)
    }

    /// Whether the target copy is still to be restored. Read again before the restore: since the last read another
    /// agent may have finished the handoff, and a person may have deleted the copy or the database.
    pub(crate) async fn still_to_restore(&self, handoff: &Handoff) -> Result<bool, Fault> {
        let copy = read_copy(self.cache.snapshot(&handoff.target_arn(&self.settings), Freshness::Now).await?, handoff)?;
        Ok(copy.is_some_and(|copy| !copy.facts.is_finished()))
    }

    /// All target copies, and a note for each snapshot whose tags could not be read.
    pub(crate) async fn target_copies(&self, freshness: Freshness) -> Result<(Vec<TargetCopy>, Vec<String>), Fault> {
        let snapshots = self.cache.snapshots(&self.settings.region, freshness).await?;
        let (mut read, mut unreadable) = (Vec::new(), Vec::new());
        for view in snapshots.values() {
            match TargetFacts::read(&view.tags) {
                Ok(Some(facts))
                    if protocol::names::snapshot(&facts.database, &facts.id, SnapshotRole::Target)
                        != view.arn.snapshot =>
                {
                    unreadable.push(format!("snapshot {} is ignored: its tags belong to another snapshot", view.arn));
                }
                Ok(Some(facts)) => read.push(TargetCopy { view: view.clone(), facts }),
                Ok(None) => {}
                Err(error) => unreadable.push(format!("snapshot {} is ignored: {error}", view.arn)),
            }
        }
        Ok((read, unreadable))
    }

    /// A snapshot that another account shares with this one; `None` while AWS does not show it. It can only be read by
    /// its ARN (RDS API Reference, `DescribeDBSnapshots`: `IncludeShared`).
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

    /// Records whether the last read of the message's snapshot verified the message, which may admit messages that
    /// wait.
    pub(crate) fn record_verification(&self, handoff: &Handoff) {
        let Some(message) = &handoff.message else { return };
        let shared = &message.snapshot;
        let Some(seen) = self.cache.peek(&shared.region, &SharedBy(shared.clone())) else { return };
        let (verified, unshared) = match &*seen {
            Some(view) => (check_snapshot(message, &as_shared(view)).is_ok(), false),
            None => (false, self.clock.now().duration_since(message.issued) >= MAX_PROPAGATION_DELAY),
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

    /// Records since when AWS does not show the target copy.
    pub(crate) async fn record_missing(&self, handoff: &Handoff) {
        // A fault of this read is ignored: the next step makes the same read and reports it.
        let Ok(copy) = self.target_copy(handoff).await else { return };
        let now = Instant::now();
        self.fleet.remember(&handoff.owner(), |memory| {
            memory.missing_since = copy.is_none().then(|| memory.missing_since.unwrap_or(now));
        });
    }

    /// Decides whether a target copy that existed, and is not shown, was deleted. A read may be half a minute stale, so
    /// the copy counts as deleted when it has not been shown for longer.
    ///
    /// # Errors
    /// When it was deleted.
    pub(crate) async fn missing_copy<T>(&self, handoff: &Handoff) -> Result<Progress<T>, Fault> {
        let since = self.fleet.recall(&handoff.owner(), |memory| memory.missing_since).flatten();
        let waited = since.is_some_and(|since| since.elapsed() >= self.settings.polling.settle(MISSING_FOR));
        // The listing behind `since` may be staler than that.
        if !waited || self.cache.snapshot(&handoff.target_arn(&self.settings), Freshness::Now).await?.is_some() {
            return Ok(Progress::Working(Working::new("waiting for AWS to show the target copy")));
        }
        Err(Fault::fatal(format!("target copy {} no longer exists", handoff.target_arn(&self.settings)))
            .hint("it was not deleted by this agent; the handoff cannot continue: ask the other account to begin one under a new label"))
    }

    /// Drops from the read cache what only the steps of this handoff read.
    pub(crate) fn forget(&self, handoff: &Handoff) {
        if let Some(message) = &handoff.message {
            self.cache.forget(&message.snapshot.region, &SharedBy(message.snapshot.clone()));
        }
    }

    /// Snapshots that configured senders share with this account under the name of a shared copy.
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

    /// Writes one tag on the target copy.
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
            Fault::blocked(format!("handoff {of} comes from account {to}, which is no longer under [[from]]"))
                .hint("add it again until the handoff is finished")
        })?;
        Ok(Queue::new(&self.clients, &sender.receipts))
    }
}

/// The attributes of a shared snapshot that a message is compared with.
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
