//! When asynchronous work has ended, and when its owner saw that: what it costs to wait for it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use jiff::Timestamp;

/// A snapshot, a copy or an instance has come to the end of what AWS did to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The ARN of the snapshot or instance. AWS reports the progress of the former alone.
    pub resource: String,
    /// When it ended, available or failed.
    pub at: SystemTime,
    /// When a description first showed it to its owner like that.
    pub seen: Option<SystemTime>,
}

/// All endings, in order of time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endings {
    all: Vec<Ending>,
    /// Resource to the place of its last ending.
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

    /// Its owner is shown a resource.
    pub(super) fn show(&mut self, resource: &str, now: Timestamp) {
        if let Some(ending) = self.unseen.remove(resource).and_then(|place| self.all.get_mut(place)) {
            ending.seen = Some(now.into());
        }
    }
}
