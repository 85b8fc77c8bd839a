//! Account A, as this process sees it: settings, clients, and the reads that all handoffs share.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use agent_runtime::acts::Acts;
use agent_runtime::report::Trouble;
use agent_runtime::shared::Shared;
use agent_runtime::snapshot::{SnapshotView, rds_tags};
use agent_runtime::start::Random;
use agent_runtime::{AwsResult as _, Clients, Clock, Fault, Inventory};
use protocol::facts::pair;
use protocol::names::SnapshotRole;
use protocol::{AccountId, HandoffId, Nonce, QueueArn, SnapshotArn, SourceFacts};

use crate::admission::Admission;
use crate::config::Settings;
use crate::keys::Keys;
use crate::moves::Move;

/// Shares, keys and policies change only by our own acts, which are seen at once, or by an administrator's: looked at again this
/// slowly.
pub(crate) const SLOWLY: Duration = Duration::from_hours(1);

/// Account A. One for each process.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) settings: Settings,
    pub(crate) clients: Clients,
    pub(crate) clock: Clock,
    pub(crate) acts: Acts,
    pub(crate) inventory: Inventory,
    pub(crate) keys: Keys,
    pub(crate) admission: Admission,
    shares: Shared<SnapshotArn, BTreeSet<String>>,
    /// Receipts queues that do not answer, and why.
    pub(crate) deaf: RefCell<BTreeMap<QueueArn, Trouble>>,
    /// Handoffs whose hello this process could not send.
    pub(crate) unsent: RefCell<BTreeSet<HandoffId>>,
    /// Whether a target account is asked at all.
    pub(crate) asks_first: bool,
    random: Random,
}

/// A source snapshot: what RDS says of it, and what it remembers.
#[derive(Debug, Clone)]
pub(crate) struct SourceSnapshot {
    pub(crate) view: SnapshotView,
    pub(crate) facts: SourceFacts,
}

impl Account {
    pub(crate) fn new(settings: Settings, clients: Clients, clock: Clock, random: Random, asks_first: bool) -> Self {
        let inventory = Inventory::new(clients.clone(), &settings.pace);
        let keys = Keys::new(clients.clone(), &settings.pace);
        let admission = Admission::new(&clients, &settings);
        Self {
            settings,
            clients,
            clock,
            acts: Acts::default(),
            inventory,
            keys,
            admission,
            shares: Shared::new(),
            deaf: RefCell::default(),
            unsent: RefCell::default(),
            asks_first,
            random,
        }
    }

    pub(crate) fn nonce(&self) -> Nonce {
        (self.random.0)().into()
    }

    /// The source snapshot of a handoff, if it is there and ours.
    pub(crate) async fn source_snapshot(&self, of: &Move) -> Result<Option<SourceSnapshot>, Fault> {
        let snapshots = self.inventory.snapshots(&self.settings.region).await?;
        let Some(view) = snapshots.get(&of.snapshot(SnapshotRole::Source)) else { return Ok(None) };
        let facts = SourceFacts::read(&view.tags)?;
        Ok(facts.map(|facts| SourceSnapshot { view: view.clone(), facts }))
    }

    /// Every source snapshot of ours, with what could not be read.
    pub(crate) async fn source_snapshots(&self) -> Result<(Vec<SourceSnapshot>, Vec<String>), Fault> {
        let snapshots = self.inventory.snapshots(&self.settings.region).await?;
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
    pub(crate) async fn shared_copy(&self, of: &Move) -> Result<Option<SnapshotView>, Fault> {
        let snapshots = self.inventory.snapshots(&of.route.region).await?;
        let Some(view) = snapshots.get(&of.snapshot(SnapshotRole::Shared)) else { return Ok(None) };
        let data = self.source_snapshot(of).await?.and_then(|source| source.view.identity());
        let ours = of.owns(&view.tags, SnapshotRole::Shared) || (data.is_some() && view.identity() == data);
        Ok(ours.then(|| view.clone()))
    }

    /// The accounts that a snapshot of ours is shared with, as it was read at most this long ago.
    pub(crate) async fn shared_with(
        &self,
        snapshot: &SnapshotArn,
        fresh: Duration,
    ) -> Result<Rc<BTreeSet<String>>, Fault> {
        self.shares
            .get(
                snapshot,
                |_| fresh,
                async || {
                    let answer = self.clients.rds(&snapshot.region).describe_db_snapshot_attributes();
                    let answer = answer.db_snapshot_identifier(snapshot.snapshot.as_str()).send().await;
                    let answer = answer.op("rds:DescribeDBSnapshotAttributes")?;
                    let attributes = answer
                        .db_snapshot_attributes_result()
                        .map(aws_sdk_rds::types::DbSnapshotAttributesResult::db_snapshot_attributes);
                    Ok(attributes
                        .unwrap_or_default()
                        .iter()
                        .filter(|attribute| attribute.attribute_name() == Some("restore"))
                        .flat_map(|attribute| attribute.attribute_values().to_vec())
                        .collect())
                },
            )
            .await
    }

    /// Adds an account to a snapshot's shares, or takes it out.
    pub(crate) async fn set_share(&self, snapshot: &SnapshotArn, with: &AccountId, shared: bool) -> Result<(), Fault> {
        let call = self.clients.rds(&snapshot.region).modify_db_snapshot_attribute();
        let call = call.db_snapshot_identifier(snapshot.snapshot.as_str()).attribute_name("restore");
        let call = if shared { call.values_to_add(with.as_str()) } else { call.values_to_remove(with.as_str()) };
        let answer = call.send().await.op("rds:ModifyDBSnapshotAttribute");
        self.shares.acted(snapshot);
        answer.map(drop)
    }

    /// Writes one fact on a snapshot of ours.
    pub(crate) async fn tag(&self, snapshot: &SnapshotArn, key: &str, value: &impl ToString) -> Result<(), Fault> {
        let tags = [pair(key, value)].into();
        let call = self.clients.rds(&snapshot.region).add_tags_to_resource();
        let answer = call.resource_name(snapshot.to_string()).set_tags(Some(rds_tags(&tags))).send().await;
        self.inventory.acted_on_snapshots(&snapshot.region);
        answer.op("rds:AddTagsToResource").map(drop)
    }
}
