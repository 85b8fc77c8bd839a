//! The measurements of one way to move databases.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sim::{Call, Cloud};

/// The cost of moving some databases.
#[derive(Debug, Clone)]
pub struct Cost {
    databases: usize,
    /// All calls except polls of a queue.
    pub calls: usize,
    /// The calls among these that change nothing.
    pub reads: usize,
    /// The number of calls of each action, polls included.
    pub actions: BTreeMap<String, usize>,
    /// Polls of a queue (`sqs:ReceiveMessage`).
    pub receives: usize,
    /// Waits for snapshots and copies, whose progress AWS reports.
    pub reported: Waits,
    /// Waits for instances: restored, modified.
    pub silent: Waits,
    /// The time from the beginning until everything was done.
    pub makespan: Duration,
    /// The lower bound of the makespan.
    pub bound: Duration,
}

/// The times for which work of AWS was complete and not yet noticed (dead time).
#[derive(Debug, Clone, Copy, Default)]
pub struct Waits {
    count: u32,
    total: Duration,
    /// The longest dead time.
    pub worst: Duration,
}

impl Waits {
    /// The mean dead time, if there was any wait.
    pub fn mean(&self) -> Option<Duration> {
        self.total.checked_div(self.count)
    }

    fn add(&mut self, ended: SystemTime, seen: SystemTime) {
        let dead = seen.duration_since(ended).unwrap_or_default();
        self.count += 1;
        self.total += dead;
        self.worst = self.worst.max(dead);
    }
}

impl Cost {
    pub(super) fn new(databases: usize, bound: Duration) -> Self {
        Self {
            databases,
            calls: 0,
            reads: 0,
            actions: BTreeMap::new(),
            receives: 0,
            reported: Waits::default(),
            silent: Waits::default(),
            makespan: Duration::ZERO,
            bound,
        }
    }

    /// A count divided by the number of handoffs.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn each(&self, count: usize) -> f64 {
        count as f64 / self.databases as f64
    }

    /// The makespan as a multiple of its bound.
    pub fn over_bound(&self) -> f64 {
        self.makespan.as_secs_f64() / self.bound.as_secs_f64()
    }

    /// Counts the calls every minute for as long as it is polled, and drops them: those of a large world would fill the
    /// memory.
    pub(super) async fn count(&mut self, cloud: &Cloud) {
        loop {
            tokio::time::sleep(Duration::from_mins(1)).await;
            self.take(cloud);
        }
    }

    /// Counts the remaining calls, and the dead times that the simulated AWS has recorded.
    pub(super) fn close(&mut self, cloud: &Cloud, makespan: Duration) {
        self.take(cloud);
        self.makespan = makespan;
        for ending in cloud.endings() {
            let waits = if ending.resource.contains(":snapshot:") { &mut self.reported } else { &mut self.silent };
            if let Some(seen) = ending.seen {
                waits.add(ending.at, seen);
            }
        }
    }

    fn take(&mut self, cloud: &Cloud) {
        for Call { action, mutating, .. } in cloud.calls() {
            *self.actions.entry(action.clone()).or_default() += 1;
            if action == "sqs:ReceiveMessage" {
                self.receives += 1;
            } else {
                self.calls += 1;
                self.reads += usize::from(!mutating);
            }
        }
        cloud.forget_calls();
    }
}
