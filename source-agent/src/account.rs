//! Account A, as this process sees it: settings, clients, and the reads that all handoffs share.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use agent_runtime::copies::SnapshotLimits;
use agent_runtime::event::Trouble;
use agent_runtime::gate::Gate;
use agent_runtime::shared::Shared;
use agent_runtime::snapshot::{SnapshotView, rds_tags};
use agent_runtime::start::Random;
use agent_runtime::step::write_log::WriteLog;
use agent_runtime::{AwsResult as _, Clients, Clock, Fault, Inventory, PassContext};
use aws_sdk_rds::operation::describe_db_snapshot_attributes::DescribeDBSnapshotAttributesError;
use aws_sdk_rds::types::DbSnapshotAttributesResult;
use protocol::Phase;
use protocol::names::SnapshotRole;
use protocol::state::pair;
use protocol::tags::KeyMode;
use protocol::{AccountId, HandoffId, KeyArn, Nonce, QueueArn, Region, SnapshotArn, SourceFacts};

use crate::config::Settings;
use crate::keys::Keys;
use crate::moves::Move;
use crate::steps::LetIn;

/// Shares, keys and policies change only by our own acts, which are seen at once, or by an administrator's: looked at again this
/// slowly.
pub(crate) const SLOWLY: Duration = Duration::from_hours(1);

/// Account A. One for each process.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) settings: Settings,
    pub(crate) clients: Clients,
    pub(crate) clock: Clock,
    pub(crate) writes: WriteLog,
    pub(crate) gate: Gate,
    pub(crate) inventory: Inventory,
    pub(crate) keys: Keys,
    pub(crate) limits: SnapshotLimits,
    shares: Shared<SnapshotArn, BTreeSet<String>>,
    /// Receipts queues that do not answer, and why.
    pub(crate) deaf: RefCell<BTreeMap<QueueArn, Trouble>>,
    /// The source snapshots of this process's handoffs: what account B tells of them after their end is recorded too.
    pub(crate) driven: RefCell<BTreeMap<HandoffId, SnapshotArn>>,
    /// Handoffs of this process that have something open with an account in a Region: `true` while it is being taken back.
    open: RefCell<BTreeMap<(AccountId, Region), BTreeMap<HandoffId, bool>>>,
    /// Until when each key's policy lets its target account in.
    pub(crate) let_in: Shared<KeyArn, LetIn>,
    /// Handoffs whose hello this process could not send.
    pub(crate) unsent: RefCell<BTreeSet<HandoffId>>,
    /// Whether a target account is asked at all.
    pub(crate) asks_first: bool,
    random: Random,
}

/// A source snapshot: what RDS says of it, and what it remembers.
#[derive(Debug, Clone)]
pub(crate) struct SourceSnapshot {
    pub(crate) view: Rc<SnapshotView>,
    pub(crate) facts: SourceFacts,
}

impl Account {
    pub(crate) fn new(settings: Settings, clients: Clients, clock: Clock, random: Random, asks_first: bool) -> Self {
        let inventory = Inventory::new(clients.clone(), &settings.pace, &clock);
        let keys = Keys::new(clients.clone(), &settings.pace);
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
            keys,
            limits,
            shares: Shared::new(),
            deaf: RefCell::default(),
            driven: RefCell::default(),
            open: RefCell::default(),
            let_in: Shared::new(),
            unsent: RefCell::default(),
            asks_first,
            random,
        }
    }

    /// What all passes share.
    pub(crate) fn passes(&self) -> PassContext<'_> {
        PassContext { writes: &self.writes, gate: &self.gate, schedule: &self.settings.pace, clock: &self.clock }
    }

    pub(crate) fn nonce(&self) -> Nonce {
        (self.random.0)().into()
    }

    /// This process drives a handoff from now on.
    pub(crate) fn begins(&self, of: &Move) {
        self.driven.borrow_mut().insert(of.id.clone(), of.source_arn());
        let crowd = &self.settings.pace.crowd;
        crowd.set(crowd.get() + 1);
    }

    /// Where a handoff of this process stands; `None` when it has nothing open.
    pub(crate) fn stands(&self, of: &Move, withdrawing: Option<bool>) {
        let mut open = self.open.borrow_mut();
        let open = open.entry((of.route.account.clone(), of.route.region.clone())).or_default();
        match withdrawing.filter(|_| of.route.key == KeyMode::Managed) {
            Some(withdrawing) => drop(open.insert(of.id.clone(), withdrawing)),
            None => drop(open.remove(&of.id)),
        }
    }

    /// Will another handoff of this process shut the key that both use? It is left to the last of them.
    pub(crate) fn is_left_to_another(&self, of: &Move) -> bool {
        let open = self.open.borrow();
        let others = open.get(&(of.route.account.clone(), of.route.region.clone())).into_iter().flatten();
        others.rev().any(|(id, withdrawing)| *id > of.id || *id < of.id && !withdrawing)
    }

    /// This process drives it no more.
    pub(crate) fn ends(&self, of: &Move) {
        self.stands(of, None);
        self.writes.forget(&of.id);
        self.shares.forget(&of.shared_arn());
        let crowd = &self.settings.pace.crowd;
        crowd.set(crowd.get().saturating_sub(1));
    }

    /// The source snapshot of a handoff, if it is there and ours.
    pub(crate) async fn source_snapshot(&self, of: &Move) -> Result<Option<SourceSnapshot>, Fault> {
        self.source_at(&of.source_arn()).await
    }

    /// The source snapshot of this name, if it is there and ours.
    pub(crate) async fn source_at(&self, arn: &SnapshotArn) -> Result<Option<SourceSnapshot>, Fault> {
        read_source(self.inventory.snapshot(arn).await?)
    }

    /// The source snapshot while account B is waited for, as it was at most this long ago: another agent of this account may have
    /// heard of B.
    pub(crate) async fn source_within(&self, of: &Move, oldest: Duration) -> Result<Option<SourceSnapshot>, Fault> {
        read_source(self.inventory.snapshot_within(&of.source_arn(), oldest).await?)
    }

    /// Is the handoff still to be opened for its target account? Asked before an act that would open it: another agent, or a
    /// person, may have ended it since this process looked.
    pub(crate) async fn still_offering(&self, of: &Move) -> Result<bool, Fault> {
        let source = read_source(self.inventory.snapshot_now(&of.source_arn()).await?)?;
        Ok(source.is_some_and(|source| source.facts.phase(self.clock.now()) == Phase::Offering))
    }

    /// Every source snapshot of ours, as it was at most this long ago, with what could not be read.
    pub(crate) async fn source_snapshots(&self, oldest: Duration) -> Result<(Vec<SourceSnapshot>, Vec<String>), Fault> {
        let snapshots = self.inventory.snapshots(&self.settings.region, oldest).await?;
        let (mut read, mut unreadable) = (Vec::new(), Vec::new());
        for view in snapshots.values() {
            match SourceFacts::read(&view.tags) {
                Ok(Some(facts)) => read.push(SourceSnapshot { view: view.clone(), facts }),
                Ok(None) => {}
                Err(error) => unreadable.push(format!("snapshot {} is left alone: {error}", view.arn)),
            }
        }
        Ok((read, unreadable))
    }

    /// The shared copy of a handoff, if it is there and ours: by its tags, or, if somebody has taken them off, by its data.
    pub(crate) async fn shared_copy(&self, of: &Move) -> Result<Option<Rc<SnapshotView>>, Fault> {
        let Some(view) = self.inventory.snapshot(&of.shared_arn()).await? else { return Ok(None) };
        let data = self.source_snapshot(of).await?.and_then(|source| source.view.identity());
        let ours = of.owns(&view.tags, SnapshotRole::Shared) || (data.is_some() && view.identity() == data);
        Ok(ours.then_some(view))
    }

    /// The shared copy of a handoff that takes it back: one that another agent has made meanwhile is not overlooked.
    pub(crate) async fn shared_copy_within(
        &self,
        of: &Move,
        oldest: Duration,
    ) -> Result<Option<Rc<SnapshotView>>, Fault> {
        if self.inventory.snapshot(&of.shared_arn()).await?.is_none() {
            self.inventory.snapshot_within(&of.shared_arn(), oldest).await?;
        }
        self.shared_copy(of).await
    }

    /// The accounts that a snapshot of ours is shared with, as it was read at most this long ago. One that has gone is shared with
    /// nobody.
    pub(crate) async fn shared_with(
        &self,
        snapshot: &SnapshotArn,
        fresh: Duration,
    ) -> Result<Rc<BTreeSet<String>>, Fault> {
        let read = async || {
            let call = self.clients.rds(&snapshot.region).describe_db_snapshot_attributes();
            let answer = call.db_snapshot_identifier(snapshot.snapshot.as_str()).send().await;
            let is_missing = DescribeDBSnapshotAttributesError::is_db_snapshot_not_found_fault;
            let Some(answer) = answer.missing_ok("rds:DescribeDBSnapshotAttributes", is_missing)? else {
                self.inventory.acted_on_snapshot(snapshot);
                return Ok(BTreeSet::new());
            };
            let attributes = answer.db_snapshot_attributes_result();
            let attributes = attributes.map(DbSnapshotAttributesResult::db_snapshot_attributes).unwrap_or_default();
            let shares = attributes.iter().filter(|attribute| attribute.attribute_name() == Some("restore"));
            Ok(shares.flat_map(|attribute| attribute.attribute_values().to_vec()).collect())
        };
        self.shares.get(snapshot, |_| fresh, read).await
    }

    /// Adds an account to a snapshot's shares, or takes it out.
    pub(crate) async fn set_share(&self, snapshot: &SnapshotArn, with: &AccountId, shared: bool) -> Result<(), Fault> {
        let call = self.clients.rds(&snapshot.region).modify_db_snapshot_attribute();
        let call = call.db_snapshot_identifier(snapshot.snapshot.as_str()).attribute_name("restore");
        let call = if shared { call.values_to_add(with.as_str()) } else { call.values_to_remove(with.as_str()) };
        let answer = call.send().await;
        let known = self.shares.peek(snapshot).map(|(_, known)| BTreeSet::clone(&known));
        self.shares.acted(snapshot);
        if let Err(fault) = answer.op("rds:ModifyDBSnapshotAttribute") {
            // Somebody may have deleted it.
            self.inventory.acted_on_snapshot(snapshot);
            return if !shared && fault.code() == Some("DBSnapshotNotFound") { Ok(()) } else { Err(fault) };
        }
        let mut now = known.unwrap_or_default();
        if shared {
            now.insert(with.to_string());
        } else {
            now.remove(with.as_str());
        }
        self.shares.put(snapshot, now);
        Ok(())
    }

    /// Is a snapshot shared with an account, as far as this process knows?
    pub(crate) fn is_shared(&self, snapshot: &SnapshotArn, with: &AccountId) -> bool {
        self.shares.peek(snapshot).is_some_and(|(_, known)| known.contains(with.as_str()))
    }

    /// Writes one fact on a snapshot of ours.
    pub(crate) async fn tag(&self, snapshot: &SnapshotArn, key: &str, value: &impl ToString) -> Result<(), Fault> {
        let tags = [pair(key, value)].into();
        let call = self.clients.rds(&snapshot.region).add_tags_to_resource();
        let answer = call.resource_name(snapshot.to_string()).set_tags(Some(rds_tags(&tags))).send().await;
        answer.op("rds:AddTagsToResource").inspect_err(|_| self.inventory.acted_on_snapshot(snapshot))?;
        self.inventory.tagged(snapshot, &tags);
        Ok(())
    }
}

fn read_source(view: Option<Rc<SnapshotView>>) -> Result<Option<SourceSnapshot>, Fault> {
    let Some(view) = view else { return Ok(None) };
    Ok(SourceFacts::read(&view.tags)?.map(|facts| SourceSnapshot { view, facts }))
}
