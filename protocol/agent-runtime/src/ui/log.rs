//! Writes every fault to the log, including transient ones.

use crate::event::{Event, Sink};

/// Writes to the log by `tracing`.
#[derive(Debug)]
pub(crate) struct Log;

impl Sink for Log {
    fn take(&self, event: &Event) {
        match event {
            Event::Faulted { subject, fault, again } => {
                tracing::info!(handoff = %subject, kind = ?fault.kind, again = again.as_secs(), "{}", fault.told());
            }
            Event::Failed { subject, fault } => tracing::info!(handoff = %subject, "failed: {}", fault.told()),
            _ => {}
        }
    }
}
