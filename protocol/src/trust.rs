//! What a receiver believes, and the reasons for which it refuses.
//!
//! A message is hostile until proven otherwise: bounded, strict, understood or left alone. Until messages are signed, a sender
//! is known by two things only: the queue that the message came through, to which the queue's owner has let that account
//! send, and the share of the snapshot that the message names, which only the snapshot's owner can make.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::facts::SourceFacts;
use crate::handoff::Handoff;
use crate::hello::Answer;
use crate::identity::Identity;
use crate::ids::{AccountId, ParseError, Region, RoleName};
use crate::receipt::Receipt;
use crate::tags::words;
use crate::{KeyArn, MAX_BODY, QueueArn, VERSION};

/// The message attribute in which a detached signature will stand. Version 1 neither writes nor reads it.
pub const SIGNATURE_ATTRIBUTE: &str = "rds-handoff-signature";

/// The message attribute with which a rejected message stands in its receiver's dead-letter queue.
pub const REASON_ATTRIBUTE: &str = "rds-handoff-reason";

/// How far apart two honest clocks may be. AWS itself refuses requests that are 15 minutes off.
pub(crate) const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// No honest offer waits longer than a queue keeps its message (SQS: 14 days).
pub(crate) const LONGEST_START: SignedDuration = SignedDuration::from_hours(14 * 24);

/// No honest offer is open longer than this: access must take itself away.
pub(crate) const LONGEST_ACCESS: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Why a message or a handoff was refused: a closed set, so that a receipt tells the other account nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Larger than [`MAX_BODY`].
    TooLarge,
    /// Not JSON, or not the fields of this kind and version.
    Malformed,
    /// Its parts do not agree with each other.
    Contradictory,
    /// It names another account or Region as its target.
    NotForUs,
    /// It comes from an account that is not configured.
    UnknownSender,
    /// The snapshot that it names is not what it says.
    NotAsClaimed,
    /// It is past its time to start, or could not be done before access ends.
    Expired,
    /// Its times are outside the bounds of an honest offer.
    BadTimes,
    /// The restored database cannot have its name.
    BadName,
    /// It answers no offer of ours.
    NoSuchOffer,
    /// The copy failed.
    CopyFailed,
    /// The restore failed.
    RestoreFailed,
    /// A resource of that name exists and belongs to somebody else.
    NameTaken,
    /// Any other fault that ends a handoff.
    Fault,
}

words!(
    Reason,
    "a reason",
    TooLarge = "too-large",
    Malformed = "malformed",
    Contradictory = "contradictory",
    NotForUs = "not-for-us",
    UnknownSender = "unknown-sender",
    NotAsClaimed = "not-as-claimed",
    Expired = "expired",
    BadTimes = "bad-times",
    BadName = "bad-name",
    NoSuchOffer = "no-such-offer",
    CopyFailed = "copy-failed",
    RestoreFailed = "restore-failed",
    NameTaken = "name-taken",
    Fault = "fault"
);

/// Why a message is not acted on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Known to be bad: it goes to the receiver's own dead-letter queue.
    #[error("{reason}: {detail}")]
    Rejected {
        /// The reason.
        reason: Reason,
        /// What exactly, for the receiver's own operator.
        detail: String,
    },
    /// Not understood: a later version may, so it is left alone.
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

/// The kind that a queue expects.
pub(crate) struct Envelope {
    pub(crate) kind: &'static str,
    pub(crate) newest: u64,
}

/// Reads one strict, bounded body. `version` and `kind` are looked at first, so that what is newer is left alone rather than
/// refused.
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

/// The receiver of handoff messages: account B, as its configuration says.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Account B.
    pub account: AccountId,
    /// The Region in which it takes databases over.
    pub region: Region,
    /// The accounts that it takes databases from.
    pub senders: BTreeMap<AccountId, Sender>,
}

/// An account that databases are taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Its queue, which receipts go to.
    pub receipts: QueueArn,
    /// Its agent's role.
    pub role: RoleName,
}

impl Receiver {
    /// Is this message for us, from an account that we know? Asks nothing of AWS.
    ///
    /// # Errors
    /// The reason for which it is rejected.
    pub fn check(&self, handoff: &Handoff) -> Result<(), Refusal> {
        self.serves(&handoff.target_account, &handoff.target_region)?;
        self.knows(&handoff.database_arn.account).map(drop)
    }

    /// Is a message for this account and Region for us?
    ///
    /// # Errors
    /// [`Reason::NotForUs`].
    pub fn serves(&self, account: &AccountId, region: &Region) -> Result<(), Refusal> {
        if *account == self.account && *region == self.region {
            return Ok(());
        }
        let detail =
            format!("it is for account {account} in {region}; this agent serves {} in {}", self.account, self.region);
        Err(Refusal::because(Reason::NotForUs, detail))
    }

    /// Where receipts for a sender go.
    ///
    /// # Errors
    /// [`Reason::UnknownSender`].
    pub fn knows(&self, sender: &AccountId) -> Result<&QueueArn, Refusal> {
        self.senders.get(sender).map(|sender| &sender.receipts).ok_or_else(|| {
            let detail = format!("account {sender} is not under [[from]] in the configuration");
            Refusal::because(Reason::UnknownSender, detail)
        })
    }
}

/// How long account B's copy takes, generously: AWS promises nothing. An hour, and ten seconds for each GiB.
pub fn estimate(size_gib: u32) -> SignedDuration {
    SignedDuration::from_hours(1) + SignedDuration::from_secs(10) * i32::try_from(size_gib).unwrap_or(i32::MAX)
}

/// May B begin now, if its own copy takes about `estimate`?
///
/// # Errors
/// The reason for which the message is rejected.
pub fn check_times(handoff: &Handoff, now: Timestamp, estimate: SignedDuration) -> Result<(), Refusal> {
    let Handoff { issued, start_by, access_until, .. } = handoff;
    let bad = |detail: String| Err(Refusal::because(Reason::BadTimes, detail));
    if *issued > now + SKEW {
        return bad(format!("issued {issued}, which has not come yet"));
    }
    if start_by < issued || access_until < start_by {
        return bad(format!("issued {issued}, start by {start_by}, access until {access_until}: out of order"));
    }
    if start_by.duration_since(*issued) > LONGEST_START || access_until.duration_since(*issued) > LONGEST_ACCESS {
        return bad(format!(
            "start by {start_by}, access until {access_until}: an offer of at most 14 and 90 days is honest"
        ));
    }
    if now > *start_by {
        return Err(Refusal::because(Reason::Expired, format!("it had to begin by {start_by}")));
    }
    if now + estimate > *access_until {
        let detail = format!("a copy begun now could not be finished when access ends, {access_until}");
        return Err(Refusal::because(Reason::Expired, detail));
    }
    Ok(())
}

/// What RDS says of the snapshot that a message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedSnapshot {
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Its key.
    pub key: Option<KeyArn>,
    /// Its data.
    pub identity: Option<Identity>,
    /// Its engine.
    pub engine: String,
    /// Its size in GiB.
    pub size_gib: u32,
}

/// Is the snapshot what the message says? When it is, its owner has shared it and so stands behind the message: the sender is
/// verified.
///
/// # Errors
/// [`Reason::NotAsClaimed`], with the difference.
pub fn check_snapshot(handoff: &Handoff, seen: &SharedSnapshot) -> Result<(), Refusal> {
    let differs = |what: &str, claimed: &dyn fmt::Display, found: String| {
        let detail = format!("the message says {what} {claimed}, the snapshot says {found}");
        Err(Refusal::because(Reason::NotAsClaimed, detail))
    };
    if !seen.encrypted {
        return differs("that it is", &"encrypted", "that it is not".to_owned());
    }
    if seen.key.as_ref() != Some(&handoff.key) {
        return differs("key", &handoff.key, seen.key.as_ref().map_or("none".to_owned(), ToString::to_string));
    }
    if seen.identity.as_ref() != Some(&handoff.identity) {
        let found = seen.identity.as_ref().map_or("nothing of its origin".to_owned(), ToString::to_string);
        return differs("content", &handoff.identity, found);
    }
    if seen.engine != handoff.engine.as_str() {
        return differs("engine", &handoff.engine, seen.engine.clone());
    }
    if seen.size_gib != handoff.size_gib {
        return differs("size in GiB", &handoff.size_gib, seen.size_gib.to_string());
    }
    Ok(())
}

/// Does this answer belong to the hello that the source snapshot remembers?
pub fn answers(answer: &Answer, facts: &SourceFacts) -> bool {
    facts.id == answer.handoff
        && facts.route.account == answer.target_account
        && facts.hello.as_ref().is_some_and(|asked| asked.digest == answer.digest)
}

/// Does this receipt answer the offer of the source snapshot that its handoff id names? Only who has read the message knows
/// its digest, and only the target account's principals could read it.
///
/// # Errors
/// [`Reason::NoSuchOffer`], with the difference.
pub fn check_receipt(receipt: &Receipt, facts: Option<&SourceFacts>) -> Result<(), Refusal> {
    let refuse = |detail: String| Err(Refusal::because(Reason::NoSuchOffer, detail));
    let Some(facts) = facts.filter(|facts| facts.id == receipt.handoff) else {
        return refuse(format!("there is no source snapshot of handoff {}", receipt.handoff));
    };
    if receipt.target_account != facts.route.account {
        return refuse(format!("handoff {} goes to account {}", facts.id, facts.route.account));
    }
    match &facts.offer {
        Some(offer) if offer.digest == receipt.digest => Ok(()),
        _ => refuse(format!("handoff {} has no offer of that digest", facts.id)),
    }
}
