//! The state of one process of account A's agent: settings, clients, and the cached reads that all handoffs use.

use std::collections::BTreeSet;
use std::rc::Rc;

use agent_runtime::aws::cache::Resource;
use agent_runtime::aws::copies::SnapshotLimits;
use agent_runtime::aws::rds::snapshot::{SnapshotView, rds_tags};
use agent_runtime::fleet::Fleet;
use agent_runtime::process::Random;
use agent_runtime::{AwsResult as _, Cache, Clients, Clock, Fault, Freshness};
use aws_sdk_rds::operation::describe_db_snapshot_attributes::DescribeDBSnapshotAttributesError;
use aws_sdk_rds::types::DbSnapshotAttributesResult;
use protocol::Phase;
use protocol::names::SnapshotRole;
use protocol::state::pair;
use protocol::tags::KeyMode;
use protocol::{AccountId, HandoffId, Nonce, SnapshotArn, SnapshotId, SourceFacts};

use crate::config::Settings;
use crate::handoff::{Handoff, SourceSnapshot};
use crate::keys::Keys;

/// Account A. There is one for each process.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) settings: Settings,
    pub(crate) clients: Clients,
    pub(crate) clock: Clock,
    pub(crate) fleet: Fleet<Handoff>,
    pub(crate) cache: Rc<Cache>,
    pub(crate) keys: Keys,
    pub(crate) limits: SnapshotLimits,
    /// Whether a hello is sent to a target account. `--no-hello` turns it off.
    pub(crate) sends_hello: bool,
    random: Random,
}

/// Cache key: the accounts that a snapshot of ours is shared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SharesOf(SnapshotId);

impl Resource for SharesOf {
    type View = BTreeSet<String>;
}

impl Account {
    pub(crate) fn new(settings: Settings, clients: Clients, clock: Clock, random: Random, sends_hello: bool) -> Self {
        let cache = Rc::new(Cache::new(clients.clone(), &settings.schedule, &clock));
        let keys = Keys::new(&cache);
        let limits = SnapshotLimits::new(&cache, settings.limits.copies_in_flight.get().into());
        let fleet = Fleet::new(&cache);
        Self { settings, clients, clock, fleet, cache, keys, limits, sends_hello, random }
    }

    pub(crate) fn nonce(&self) -> Nonce {
        (self.random.0)().into()
    }

    /// Remembers whether a handoff of this process uses the managed key: `Some(false)` while offering,
    /// `Some(true)` while withdrawing, `None` if it has nothing open.
    pub(crate) fn set_open(&self, of: &Handoff, withdrawing: Option<bool>) {
        let open = withdrawing.filter(|_| of.route.key == KeyMode::Managed);
        self.fleet.remember(&of.owner(), |memory| memory.open = open);
    }

    /// Whether another handoff of this process will close the key that both use. The last of them closes it.
    pub(crate) fn another_closes_key(&self, of: &Handoff) -> bool {
        self.fleet.any(|other, memory| {
            let is_same = other.route.account == of.route.account && other.route.region == of.route.region;
            is_same && memory.open.is_some_and(|withdrawing| other.id > of.id || other.id < of.id && !withdrawing)
        })
    }

    /// Drops what the cache has of a handoff.
    pub(crate) fn forget(&self, of: &Handoff) {
        let SnapshotArn { region, snapshot, .. } = of.shared_arn();
        self.cache.forget(&region, &SharesOf(snapshot));
    }

    /// The source snapshot of a handoff, from the cache only.
    pub(crate) fn cached_source(&self, handoff: &HandoffId) -> Option<SourceSnapshot> {
        let name = format!("-{handoff}-{}", SnapshotRole::Source.as_str());
        let snapshots = self.cache.known::<SnapshotId>(&self.settings.region);
        let (_, view) = snapshots.iter().find(|(snapshot, _)| snapshot.as_str().ends_with(&name))?;
        read_source(Some(view.clone())).ok().flatten()
    }

    /// The source snapshot of a handoff, if it exists and is ours.
    pub(crate) async fn source_snapshot(&self, of: &Handoff) -> Result<Option<SourceSnapshot>, Fault> {
        self.source_as_of(of, Freshness::Progress).await
    }

    /// The phase of a handoff, from the tags of its source snapshot.
    pub(crate) async fn phase(&self, of: &Handoff) -> Result<Phase, Fault> {
        let source = self.source_snapshot(of).await?;
        Ok(source.map_or(Phase::Offering, |source| source.facts.phase(self.clock.now())))
    }

    /// The source snapshot, read with this freshness: another agent of this account may have tagged it.
    pub(crate) async fn source_as_of(
        &self,
        of: &Handoff,
        freshness: Freshness,
    ) -> Result<Option<SourceSnapshot>, Fault> {
        read_source(self.cache.snapshot(&of.source_arn(), freshness).await?)
    }

    /// Whether the handoff is still in the phase `Offering`. Read before an act that grants access: another agent or a
    /// person may have ended the handoff since the last read.
    pub(crate) async fn still_offering(&self, of: &Handoff) -> Result<bool, Fault> {
        let source = self.source_as_of(of, Freshness::Now).await?;
        Ok(source.is_some_and(|source| source.facts.phase(self.clock.now()) == Phase::Offering))
    }

    /// Every source snapshot of ours, and a message for each whose tags cannot be parsed.
    pub(crate) async fn source_snapshots(
        &self,
        freshness: Freshness,
    ) -> Result<(Vec<SourceSnapshot>, Vec<String>), Fault> {
        let snapshots = self.cache.snapshots(&self.settings.region, freshness).await?;
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

    /// The shared copy of a handoff, if it exists and is ours: by its tags, or, if somebody has removed them, by its
    /// identity.
    pub(crate) async fn shared_copy(&self, of: &Handoff) -> Result<Option<Rc<SnapshotView>>, Fault> {
        let Some(view) = self.cache.snapshot(&of.shared_arn(), Freshness::Progress).await? else { return Ok(None) };
        let data = self.source_snapshot(of).await?.and_then(|source| source.view.identity());
        let ours = of.owns(&view.tags, SnapshotRole::Shared) || (data.is_some() && view.identity() == data);
        Ok(ours.then_some(view))
    }

    /// The shared copy of a handoff that withdraws. If the cache shows none it is read with this freshness, because
    /// another agent may have made one meanwhile.
    pub(crate) async fn shared_copy_as_of(
        &self,
        of: &Handoff,
        freshness: Freshness,
    ) -> Result<Option<Rc<SnapshotView>>, Fault> {
        if self.cache.snapshot(&of.shared_arn(), Freshness::Progress).await?.is_none() {
            self.cache.snapshot(&of.shared_arn(), freshness).await?;
        }
        self.shared_copy(of).await
    }

    /// The accounts that a snapshot of ours is shared with; none if the snapshot does not exist.
    pub(crate) async fn shared_with(
        &self,
        snapshot: &SnapshotArn,
        freshness: Freshness,
    ) -> Result<Rc<BTreeSet<String>>, Fault> {
        let read = async || {
            let call = self.clients.rds(&snapshot.region).describe_db_snapshot_attributes();
            let answer = call.db_snapshot_identifier(snapshot.snapshot.as_str()).send().await;
            let is_missing = DescribeDBSnapshotAttributesError::is_db_snapshot_not_found_fault;
            let Some(answer) = answer.missing_ok("rds:DescribeDBSnapshotAttributes", is_missing)? else {
                self.cache.acted_on(snapshot);
                return Ok(BTreeSet::new());
            };
            let attributes = answer.db_snapshot_attributes_result();
            let attributes = attributes.map(DbSnapshotAttributesResult::db_snapshot_attributes).unwrap_or_default();
            let shares = attributes.iter().filter(|attribute| attribute.attribute_name() == Some("restore"));
            Ok(shares.flat_map(|attribute| attribute.attribute_values().to_vec()).collect())
        };
        self.cache.get(&snapshot.region, &SharesOf(snapshot.snapshot.clone()), freshness, read).await
    }

    /// Shares a snapshot with an account, or removes the share.
    pub(crate) async fn set_share(&self, snapshot: &SnapshotArn, with: &AccountId, shared: bool) -> Result<(), Fault> {
        let call = self.clients.rds(&snapshot.region).modify_db_snapshot_attribute();
        let call = call.db_snapshot_identifier(snapshot.snapshot.as_str()).attribute_name("restore");
        let call = if shared { call.values_to_add(with.as_str()) } else { call.values_to_remove(with.as_str()) };
        let answer = call.send().await;
        let (region, shares_of) = (&snapshot.region, SharesOf(snapshot.snapshot.clone()));
        let cached = self.cache.peek(region, &shares_of).map(|cached| BTreeSet::clone(&cached));
        self.cache.forget(region, &shares_of);
        if let Err(fault) = answer.op("rds:ModifyDBSnapshotAttribute") {
            // The snapshot may have been deleted.
            self.cache.acted_on(snapshot);
            return if !shared && fault.code() == Some("DBSnapshotNotFound") { Ok(()) } else { Err(fault) };
        }
        let mut accounts = cached.unwrap_or_default();
        if shared {
            accounts.insert(with.to_string());
        } else {
            accounts.remove(with.as_str());
        }
        self.cache.put(region, &shares_of, accounts);
        Ok(())
    }

    /// Whether a snapshot is shared with an account, according to the cache.
    pub(crate) fn is_shared(&self, snapshot: &SnapshotArn, with: &AccountId) -> bool {
        let cached = self.cache.peek(&snapshot.region, &SharesOf(snapshot.snapshot.clone()));
        cached.is_some_and(|cached| cached.contains(with.as_str()))
    }

    /// Writes one tag on a snapshot of ours.
    pub(crate) async fn tag(&self, snapshot: &SnapshotArn, key: &str, value: &impl ToString) -> Result<(), Fault> {
        let tags = [pair(key, value)].into();
        let call = self.clients.rds(&snapshot.region).add_tags_to_resource();
        let answer = call.resource_name(snapshot.to_string()).set_tags(Some(rds_tags(&tags))).send().await;
        let failed = |_: &Fault| self.cache.acted_on(snapshot);
        answer.op("rds:AddTagsToResource").inspect_err(failed)?;
        self.cache.tagged(snapshot, &tags);
        Ok(())
    }
}

fn read_source(view: Option<Rc<SnapshotView>>) -> Result<Option<SourceSnapshot>, Fault> {
    let Some(view) = view else { return Ok(None) };
    Ok(SourceFacts::read(&view.tags)?.map(|facts| SourceSnapshot { view, facts }))
}
