//! The receiver's checks of a message.
//!
//! A message is untrusted: its size is limited, its syntax is strict, and one of an unknown version is left in the
//! queue. Messages are not signed, so a sender is authenticated by two things only: the queue, whose owner allows that
//! account to send to it, and the share of the snapshot that the message names, which only the snapshot's owner can
//! make.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::arn::{KeyArn, QueueArn};
use crate::ids::{AccountId, Identity, Region, RoleName};
use crate::state::SourceFacts;
use crate::terms::{LONGEST_ACCESS, LONGEST_START};
use crate::wire::envelope::Refusal;
use crate::wire::handoff::HandoffMessage;
use crate::wire::hello::{AnswerMessage, HelloMessage};
use crate::wire::receipt::ReceiptMessage;
use crate::words::Reason;

/// The allowed clock skew between the accounts. AWS itself refuses requests that are 15 minutes off.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The receiver of handoff messages, account B, as configured.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Account B.
    pub account: AccountId,
    /// The target Region that it serves.
    pub region: Region,
    /// The accounts that it accepts databases from.
    pub senders: BTreeMap<AccountId, Sender>,
}

/// An account that databases are accepted from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Its queue for receipts.
    pub receipts: QueueArn,
    /// Its agent's role.
    pub role: RoleName,
}

impl Receiver {
    /// Checks that a message is for this account and Region, from a configured account. Makes no AWS call.
    ///
    /// # Errors
    /// The reason for the rejection.
    pub fn check(&self, handoff: &HandoffMessage) -> Result<(), Refusal> {
        self.serves(&handoff.target_account, &handoff.target_region)?;
        self.knows(&handoff.database_arn.account).map(drop)
    }

    /// Checks that a message for this account and Region is for this agent.
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

    /// Returns the receipts queue of a sender.
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

/// A generous estimate of how long account B's copy takes: one hour, plus ten seconds for each GiB. AWS specifies no
/// time.
pub fn estimate(size_gib: u32) -> SignedDuration {
    SignedDuration::from_hours(1) + SignedDuration::from_secs(10) * i32::try_from(size_gib).unwrap_or(i32::MAX)
}

/// Checks that account B may start now, if its own copy takes about `estimate`.
///
/// # Errors
/// The reason for the rejection.
pub fn check_times(handoff: &HandoffMessage, now: Timestamp, estimate: SignedDuration) -> Result<(), Refusal> {
    let HandoffMessage { issued, start_by, access_until, .. } = handoff;
    let bad = |detail: String| Err(Refusal::because(Reason::BadTimes, detail));
    if *issued > now + SKEW {
        return bad(format!("issued {issued}, which is in the future"));
    }
    if start_by < issued || access_until < start_by {
        return bad(format!("issued {issued}, start by {start_by}, access until {access_until}: out of order"));
    }
    if start_by.duration_since(*issued) > LONGEST_START || access_until.duration_since(*issued) > LONGEST_ACCESS {
        return bad(format!(
            "start by {start_by}, access until {access_until}: at most 14 and 90 days after its issue are allowed"
        ));
    }
    if now > *start_by {
        return Err(Refusal::because(Reason::Expired, format!("it had to start by {start_by}")));
    }
    if now + estimate > *access_until {
        let detail = format!("a copy started now could not be complete when access ends, {access_until}");
        return Err(Refusal::because(Reason::Expired, detail));
    }
    Ok(())
}

impl HelloMessage {
    /// Checks that its time of issue is plausible: not in the future, and at most 21 days ago. It is sent again for a
    /// week, and a queue keeps a message for 14 days.
    ///
    /// # Errors
    /// [`Reason::BadTimes`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), Refusal> {
        let age = now.duration_since(self.issued);
        if age < -SKEW || age > SignedDuration::from_hours(21 * 24) + SKEW {
            return Err(Refusal::because(Reason::BadTimes, format!("issued {}, and it is {now}", self.issued)));
        }
        Ok(())
    }
}

/// The properties that RDS reports for the snapshot that a message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedSnapshot {
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Its key.
    pub key: Option<KeyArn>,
    /// The identity of its data.
    pub identity: Option<Identity>,
    /// Its engine.
    pub engine: String,
    /// Its size in GiB.
    pub size_gib: u32,
}

/// Checks that the snapshot matches the message. If it does, the sender is verified, because only the snapshot's owner
/// can have shared it.
///
/// # Errors
/// [`Reason::NotAsClaimed`], with the difference.
pub fn check_snapshot(handoff: &HandoffMessage, seen: &SharedSnapshot) -> Result<(), Refusal> {
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

/// Whether this answer belongs to the hello that is recorded on the source snapshot.
pub fn answers(answer: &AnswerMessage, facts: &SourceFacts) -> bool {
    facts.id == answer.handoff
        && facts.route.account == answer.target_account
        && facts.hello.as_ref().is_some_and(|asked| asked.digest == answer.digest)
}

/// Checks that this receipt answers the offer on the source snapshot of its handoff. The digest proves that the sender
/// has read the message, which only the target account's principals can read.
///
/// # Errors
/// [`Reason::NoSuchOffer`], with the difference.
pub fn check_receipt(receipt: &ReceiptMessage, facts: Option<&SourceFacts>) -> Result<(), Refusal> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names;

    const GOLDEN: &str = include_str!("../testdata/v1/handoff.json");
    const HELLO: &str = include_str!("../testdata/v1/hello.json");

    #[test]
    fn message_is_accepted_only_from_configured_sender_to_this_target() {
        let handoff = HandoffMessage::decode(GOLDEN).unwrap();
        let receiver = |account: &str, region: &str, sender: &str| Receiver {
            account: account.parse().unwrap(),
            region: region.parse().unwrap(),
            senders: [(
                sender.parse().unwrap(),
                Sender {
                    receipts: names::inbox(&sender.parse().unwrap(), &region.parse().unwrap()),
                    role: names::source_role(),
                },
            )]
            .into(),
        };
        let refused = |receiver: &Receiver| match receiver.check(&handoff) {
            Err(Refusal::Rejected { reason, .. }) => Some(reason),
            _ => None,
        };
        assert_eq!(refused(&receiver("222222222222", "us-west-2", "111111111111")), None);
        assert_eq!(refused(&receiver("333333333333", "us-west-2", "111111111111")), Some(Reason::NotForUs));
        assert_eq!(refused(&receiver("222222222222", "us-west-1", "111111111111")), Some(Reason::NotForUs));
        assert_eq!(refused(&receiver("222222222222", "us-west-2", "333333333333")), Some(Reason::UnknownSender));
    }

    #[test]
    fn message_outside_its_times_is_rejected() {
        let handoff = HandoffMessage::decode(GOLDEN).unwrap();
        let at = |time: &str, estimate: i64| match check_times(
            &handoff,
            time.parse().unwrap(),
            SignedDuration::from_hours(estimate),
        ) {
            Err(Refusal::Rejected { reason, .. }) => Some(reason),
            _ => None,
        };
        assert_eq!(at("2026-11-21T10:00:00Z", 1), None);
        assert_eq!(at("2026-11-21T09:54:59Z", 1), Some(Reason::BadTimes));
        assert_eq!(at("2026-11-22T10:00:00Z", 1), None);
        assert_eq!(at("2026-11-22T10:00:01Z", 1), Some(Reason::Expired));
        assert_eq!(at("2026-11-22T10:00:00Z", 7 * 24), Some(Reason::Expired));
        let long = HandoffMessage {
            start_by: handoff.issued + SignedDuration::from_hours(15 * 24),
            access_until: handoff.issued + SignedDuration::from_hours(20 * 24),
            ..handoff.clone()
        };
        assert!(check_times(&long, long.issued, SignedDuration::ZERO).is_err());
        let reversed = HandoffMessage { start_by: handoff.issued - SignedDuration::from_hours(1), ..handoff.clone() };
        assert!(check_times(&reversed, reversed.issued, SignedDuration::ZERO).is_err());
    }

    #[test]
    fn snapshot_that_differs_from_the_message_is_rejected() {
        let handoff = HandoffMessage::decode(GOLDEN).unwrap();
        let seen = SharedSnapshot {
            encrypted: true,
            key: Some(handoff.key.clone()),
            identity: Some(handoff.identity.clone()),
            engine: "postgres".to_owned(),
            size_gib: 100,
        };
        assert_eq!(check_snapshot(&handoff, &seen), Ok(()));
        let other_data = Identity { created: "2026-11-20T09:00:00Z".parse().unwrap(), ..handoff.identity.clone() };
        for different in [
            SharedSnapshot { encrypted: false, ..seen.clone() },
            SharedSnapshot { key: None, ..seen.clone() },
            SharedSnapshot { identity: Some(other_data), ..seen.clone() },
            SharedSnapshot { identity: None, ..seen.clone() },
            SharedSnapshot { engine: "mysql".to_owned(), ..seen.clone() },
            SharedSnapshot { size_gib: 99, ..seen },
        ] {
            assert!(check_snapshot(&handoff, &different).is_err(), "{different:?}");
        }
    }

    #[test]
    fn hello_of_implausible_time_is_rejected() {
        let hello = HelloMessage::decode(HELLO).unwrap();
        let at = |time: &str| hello.check_time(time.parse().unwrap()).is_ok();
        assert!(at("2026-11-21T10:00:00Z") && at("2026-11-21T09:56:00Z") && at("2026-12-12T10:00:00Z"));
        assert!(!at("2026-11-21T09:54:00Z") && !at("2026-12-13T10:00:00Z"));
    }
}
