//! What all messages share: the size limit, the version, and the reasons for a refusal.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::words::Reason;

/// The version of every receipt, and of a handoff message that needs no later version. It is also the lowest that is
/// accepted, so it stays 1: a kind of message that gets another version has a constant of its own.
pub const VERSION: u64 = 1;

/// The maximum size of a message, in bytes. A valid body is far below 4 KiB, and SQS accepts 1 MiB.
pub const MAX_BODY: usize = 16 * 1024;

/// The message attribute reserved for a detached signature. Version 1 neither writes nor reads it.
pub const SIGNATURE_ATTRIBUTE: &str = "rds-handoff-signature";

/// The message attribute with the reason of a rejected message in the receiver's dead-letter queue.
pub const REASON_ATTRIBUTE: &str = "rds-handoff-reason";

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is invalid: it goes to the receiver's own dead-letter queue.
    #[error("{reason}: {detail}")]
    Rejected {
        /// The reason.
        reason: Reason,
        /// The details, for the receiver's own operator.
        detail: String,
    },
    /// It is not understood. A later version may understand it, so it is left in the queue.
    #[error("version {version}, kind {kind:?}: a later version of this agent may understand it")]
    Newer {
        /// Its version.
        version: u64,
        /// Its kind.
        kind: String,
    },
}

impl Refusal {
    /// A rejection.
    ///
    /// At most 300 characters of `detail` are kept: it may quote what another account wrote.
    pub fn because(reason: Reason, detail: impl Into<String>) -> Self {
        Self::Rejected { reason, detail: detail.into().chars().take(300).collect() }
    }
}

/// The expected kind and newest version of a message.
pub(crate) struct Envelope {
    pub(crate) kind: &'static str,
    pub(crate) newest: u64,
}

/// Parses a body of limited size strictly. `version` and `kind` are read first, so that a newer message is left in the
/// queue instead of rejected.
pub(crate) fn decode<T: DeserializeOwned>(body: &str, envelope: &Envelope) -> Result<T, Refusal> {
    #[derive(Deserialize)]
    struct Head {
        version: u64,
        kind: String,
    }
    if body.len() > MAX_BODY {
        let detail = format!("{} bytes; a message has at most {MAX_BODY}", body.len());
        return Err(Refusal::because(Reason::TooLarge, detail));
    }
    let malformed = |error: serde_json::Error| Refusal::because(Reason::Malformed, error.to_string());
    let head: Head = serde_json::from_str(body).map_err(malformed)?;
    if head.version > envelope.newest || head.version >= VERSION && head.kind != envelope.kind {
        return Err(Refusal::Newer { version: head.version, kind: head.kind.chars().take(40).collect() });
    }
    if head.version < VERSION {
        return Err(Refusal::because(Reason::Malformed, format!("there is no version {}", head.version)));
    }
    serde_json::from_str(body).map_err(malformed)
}
