//! When asynchronous work has ended, and when its owner first saw that: the cost of polling.

use std::collections::BTreeMap;
use std::time::SystemTime;

use jiff::Timestamp;

/// The end of an asynchronous operation on a snapshot, a copy or an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The ARN of the snapshot or instance. AWS reports progress only for snapshots.
    pub resource: String,
    /// When it ended, successfully or not.
    pub at: SystemTime,
    /// When a describe call first returned the final state to its owner.
    pub seen: Option<SystemTime>,
}

/// All endings, in order of time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endings {
    all: Vec<Ending>,
    /// The resources whose last end has not been seen, with its index in `all`.
    unseen: BTreeMap<String, usize>,
}

impl Endings {
    pub(crate) fn all(&self) -> &[Ending] {
        &self.all
    }

    pub(super) fn add(&mut self, resource: &str, now: Timestamp) {
        self.unseen.insert(resource.to_owned(), self.all.len());
        self.all.push(Ending { resource: resource.to_owned(), at: now.into(), seen: None });
    }

    /// Records that a describe call returned the resource to its owner.
    pub(super) fn show(&mut self, resource: &str, now: Timestamp) {
        if let Some(ending) = self.unseen.remove(resource).and_then(|place| self.all.get_mut(place)) {
            ending.seen = Some(now.into());
        }
    }
}
