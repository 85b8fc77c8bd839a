//! Earlier states of RDS and KMS, for stale reads.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::earlier;
use crate::decision::DecisionLog;
use crate::fault::{Fault, Outcome};
use crate::fault_injection::OLDEST_READ;
use crate::rates::Buckets;
use crate::rds::endings::Endings;
use crate::sqs::Sqs;
use crate::world::World;

/// The state after each change, in order of time. Between two changes the state depends only on time, so it can be
/// computed for any instant.
#[derive(Debug, Default)]
pub(crate) struct History(VecDeque<World>);

impl History {
    /// Keeps the present state, and drops states that are too old for any read.
    pub(crate) fn keep(&mut self, world: &World) {
        let reach = world.settings.remembers.min(OLDEST_READ);
        if reach.is_zero() {
            return;
        }
        let horizon = earlier(world.now, reach);
        while self.0.get(1).is_some_and(|second| second.now <= horizon) {
            self.0.pop_front();
        }
        if self.0.back().is_some_and(|last| last.now == world.now) {
            self.0.pop_back();
        }
        self.0.push_back(without_queues(world));
    }

    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    /// A copy of the state as it was `age` before `present`.
    pub(crate) fn before(&self, present: &World, age: Duration) -> Outcome<World> {
        // Not a rule of AWS: `remembers` is zero. InternalFailure, 500 (Common Errors of each API Reference).
        let forgotten =
            || Fault::internal("No earlier states are kept (`remembers` is 0): a stale read cannot be answered.");
        let first = self.0.front().ok_or_else(forgotten)?;
        let reach = present.settings.remembers.min(OLDEST_READ);
        let time = earlier(present.now, age.min(reach)).max(first.now);
        let mut then = without_queues(self.0.iter().rfind(|then| then.now <= time).unwrap_or(first));
        then.advance(time);
        Ok(then)
    }
}

/// Omits queues and completed operations: RDS and KMS do not show them, and they may be large.
fn without_queues(world: &World) -> World {
    World {
        now: world.now,
        settings: world.settings.clone(),
        ids: world.ids.clone(),
        principals: world.principals.clone(),
        kms: world.kms.clone(),
        rds: world.rds.clone(),
        endings: Endings::default(),
        sqs: Sqs::default(),
        buckets: Buckets::default(),
        changed: false,
        decision_log: DecisionLog::default(),
    }
}
