//! Advancing the simulated time.

use jiff::Timestamp;

use crate::rds;
use crate::world::World;

impl World {
    /// Applies all events up to `now`, in order of time.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        loop {
            let key = self.kms.next_event();
            let job = self.rds.next_event();
            let Some(next) = key.into_iter().chain(job).min().filter(|next| *next <= now) else { break };
            self.now = next.max(self.now);
            self.kms.apply_due_events(self.now);
            rds::apply_due_events(self);
        }
        self.now = now.max(self.now);
        self.sqs.advance(self.now);
    }
}
