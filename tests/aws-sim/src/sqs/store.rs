//! The state of SQS.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::queue::Queue;

/// All queues, by ARN.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sqs {
    pub(crate) queues: BTreeMap<String, Queue>,
    /// When deleted queues were deleted, by ARN.
    pub(super) deleted: BTreeMap<String, Timestamp>,
}

impl Sqs {
    /// Deletes messages whose retention period has passed.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        for queue in self.queues.values_mut() {
            queue.forget_old(now);
        }
    }
}
