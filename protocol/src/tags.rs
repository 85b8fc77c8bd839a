//! Tag keys, the grammar of tag values, and the facts that stand in one value.
//!
//! State lives in AWS: these tags are all that an agent knows when it starts. A value is a line of `word=value` pairs in a
//! fixed order, so that a person can read it in the console and every fact has one spelling only.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::hello::Lack;
use crate::identity::Identity;
use crate::ids::{AccountId, Digest, Nonce, ParseError, Region, text};
use crate::trust::Reason;

/// The tags of one resource.
pub type Tags = BTreeMap<String, String>;

/// `role`: source, shared, target, database or key.
pub const ROLE: &str = "rds-handoff:role";
/// The handoff's id.
pub const ID: &str = "rds-handoff:id";
/// The operator's label.
pub const LABEL: &str = "rds-handoff:label";
/// The source database's identifier.
pub const DATABASE: &str = "rds-handoff:database";
/// [`Route`]; on the source snapshot.
pub const ROUTE: &str = "rds-handoff:route";
/// [`Hints`]; on the source snapshot and the target copy.
pub const HINTS: &str = "rds-handoff:hints";
/// [`Asked`]; on the source snapshot.
pub const HELLO: &str = "rds-handoff:hello";
/// [`Answered`]; on the source snapshot.
pub const READY: &str = "rds-handoff:ready";
/// [`Offer`]; on the source snapshot.
pub const OFFER: &str = "rds-handoff:offer";
/// [`Published`]; on the source snapshot.
pub const PUBLISHED: &str = "rds-handoff:published";
/// [`Ended`]; on the source snapshot.
pub const ENDED: &str = "rds-handoff:ended";
/// [`Ended`], again, when nothing is open any more; on the source snapshot.
pub const SETTLED: &str = "rds-handoff:settled";
/// Digest of the message that was acted on; on the target copy.
pub const DIGEST: &str = "rds-handoff:digest";
/// [`Origin`]; on the target copy.
pub const SOURCE: &str = "rds-handoff:source";
/// The source Region of a handoff key.
pub const KEY_SOURCE_REGION: &str = "rds-handoff:source-region";
/// The target account of a handoff key.
pub const KEY_TARGET_ACCOUNT: &str = "rds-handoff:target-account";
/// The value of [`ROLE`] on a restored database.
pub const ROLE_DATABASE: &str = "database";
/// The value of [`ROLE`] on a handoff key.
pub const ROLE_KEY: &str = "key";
/// The value of [`ROLE`] on account B's own key: the agent's policies know the key by it.
pub const ROLE_OWN_KEY: &str = "own-key";

/// Is `value` inside what RDS takes as a tag value: at most 256 letters, digits, spaces or `_.:/=+-@` (RDS API Reference,
/// `Tag`)? KMS takes the same characters.
pub fn is_value(value: &str) -> bool {
    value.len() <= 256 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b" _.:/=+-@".contains(&b))
}

/// Who holds the handoff key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyMode {
    /// The source agent makes, replicates and shares it.
    #[default]
    Managed,
    /// Account A's administrators do, and the source agent only uses it.
    Given,
}

/// Where a handoff goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Account B.
    pub account: AccountId,
    /// The target Region.
    pub region: Region,
    /// Who holds the handoff key.
    pub key: KeyMode,
}

/// The offer of a shared copy to account B, in one tag: written before anything is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// 1, and one more for each renewal.
    pub number: u32,
    /// When it was made.
    pub issued: Timestamp,
    /// B begins no later than this.
    pub start_by: Timestamp,
    /// A takes everything back at this time.
    pub access_until: Timestamp,
    /// Makes the message unique.
    pub nonce: Nonce,
    /// Of the message's body.
    pub digest: Digest,
}

/// The hello that asks account B whether it is ready, in one tag: written before it is sent, so that its answer is known
/// however soon it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// When it was made.
    pub issued: Timestamp,
    /// When it was sent last.
    pub sent: Timestamp,
    /// Makes the hello unique.
    pub nonce: Nonce,
    /// Of its body.
    pub digest: Digest,
}

/// What account B has answered last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// When.
    pub at: Timestamp,
    /// What it lacks; `None` when it is ready.
    pub lack: Option<Lack>,
}

/// Which message was sent, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// When.
    pub at: Timestamp,
    /// Of its body.
    pub digest: Digest,
}

/// How a handoff ended for account A.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// B owns an available copy under its own key.
    Landed,
    /// B had not landed it when its access ended.
    Expired,
    /// The operator took it back.
    Revoked,
    /// B refused the message.
    Rejected,
    /// B could not copy it.
    Failed,
}

/// The end of a handoff for account A.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
}

/// What one receipt said, or what one receipt has been told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When it was recorded, or sent.
    pub at: Timestamp,
    /// Why, for `rejected` and `failed`.
    pub reason: Option<Reason>,
}

/// Where a target copy comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Account A.
    pub account: AccountId,
    /// The source Region.
    pub region: Region,
    /// The data.
    pub identity: Identity,
}

text!(
    /// The class of a DB instance, such as `db.r6g.large`.
    InstanceClass, "the class of a DB instance, such as db.r6g.large",
    |t| t.starts_with("db.") && t.len() <= 40 && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b))
);
text!(
    /// A storage type, such as `gp3`.
    StorageType, "a storage type, such as gp3",
    |t| (1..=20).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

/// What account A's database was like when its snapshot was taken. Hints only: account B's restore profile decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hints {
    /// The class of the instance.
    pub class: InstanceClass,
    /// Whether it was a Multi-AZ instance.
    pub multi_az: bool,
    /// Its port.
    pub port: u16,
    /// Its storage type.
    pub storage: StorageType,
}

/// Reads `word=value` pairs in a fixed order; nothing may be missing, added or spelled otherwise.
struct Pairs<'a>(std::str::SplitN<'a, char>);

impl<'a> Pairs<'a> {
    fn of(text: &'a str, count: usize) -> Self {
        Self(text.splitn(count, ' '))
    }

    fn next<T: FromStr>(&mut self, word: &str) -> Option<T> {
        self.0.next()?.strip_prefix(word)?.strip_prefix('=')?.parse().ok()
    }
}

/// Gives a fact its one spelling: `parse(print(fact)) == fact`, and a text parses only if it is what its fact prints.
macro_rules! fact {
    ($name:ident, $expected:literal, |$me:ident| $print:expr, |$text:ident| $parse:expr) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $me = self;
                f.write_str(&$print)
            }
        }

        impl FromStr for $name {
            type Err = ParseError;
            fn from_str($text: &str) -> Result<Self, ParseError> {
                let parse = || -> Option<Self> { $parse };
                parse()
                    .filter(|fact| fact.to_string() == $text)
                    .ok_or_else(|| ParseError::new($text, concat!("the value of a tag: ", $expected)))
            }
        }
    };
}

fact!(Route, "route", |me| format!("account={} region={} key={}", me.account, me.region, me.key), |text| {
    let mut pairs = Pairs::of(text, 3);
    Some(Self { account: pairs.next("account")?, region: pairs.next("region")?, key: pairs.next("key")? })
});

fact!(
    Offer,
    "offer",
    |me| format!(
        "number={} issued={} start-by={} access-until={} nonce={} sha256={}",
        me.number, me.issued, me.start_by, me.access_until, me.nonce, me.digest
    ),
    |text| {
        let mut pairs = Pairs::of(text, 6);
        Some(Self {
            number: pairs.next("number")?,
            issued: pairs.next("issued")?,
            start_by: pairs.next("start-by")?,
            access_until: pairs.next("access-until")?,
            nonce: pairs.next("nonce")?,
            digest: pairs.next("sha256")?,
        })
    }
);

fact!(
    Asked,
    "hello",
    |me| format!("issued={} sent={} nonce={} sha256={}", me.issued, me.sent, me.nonce, me.digest),
    |text| {
        let mut pairs = Pairs::of(text, 4);
        Some(Self {
            issued: pairs.next("issued")?,
            sent: pairs.next("sent")?,
            nonce: pairs.next("nonce")?,
            digest: pairs.next("sha256")?,
        })
    }
);

fact!(
    Answered,
    "time and what is lacking",
    |me| match me.lack {
        Some(lack) => format!("{} {lack}", me.at),
        None => me.at.to_string(),
    },
    |text| match text.split_once(' ') {
        Some((at, lack)) => Some(Self { at: at.parse().ok()?, lack: Some(lack.parse().ok()?) }),
        None => Some(Self { at: text.parse().ok()?, lack: None }),
    }
);

fact!(Published, "published", |me| format!("{} sha256={}", me.at, me.digest), |text| {
    let (at, digest) = text.split_once(" sha256=")?;
    Some(Self { at: at.parse().ok()?, digest: digest.parse().ok()? })
});

fact!(Ended, "ended", |me| format!("{}/{}", me.outcome, me.at), |text| {
    let (outcome, at) = text.split_once('/')?;
    Some(Self { outcome: outcome.parse().ok()?, at: at.parse().ok()? })
});

fact!(
    Told,
    "time and reason",
    |me| match me.reason {
        Some(reason) => format!("{} {reason}", me.at),
        None => me.at.to_string(),
    },
    |text| match text.split_once(' ') {
        Some((at, reason)) => Some(Self { at: at.parse().ok()?, reason: Some(reason.parse().ok()?) }),
        None => Some(Self { at: text.parse().ok()?, reason: None }),
    }
);

fact!(Origin, "source", |me| format!("account={} region={} identity={}", me.account, me.region, me.identity), |text| {
    let mut pairs = Pairs::of(text, 3);
    Some(Self { account: pairs.next("account")?, region: pairs.next("region")?, identity: pairs.next("identity")? })
});

fact!(
    Hints,
    "hints",
    |me| format!("class={} multi-az={} port={} storage={}", me.class, me.multi_az, me.port, me.storage),
    |text| {
        let mut pairs = Pairs::of(text, 4);
        Some(Self {
            class: pairs.next("class")?,
            multi_az: pairs.next("multi-az")?,
            port: pairs.next("port")?,
            storage: pairs.next("storage")?,
        })
    }
);

/// Spells a closed set of words.
macro_rules! words {
    ($name:ident, $expected:literal, $($variant:ident = $word:literal),+) => {
        impl $name {
            /// The word on the wire and in tags.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ParseError;
            fn from_str(text: &str) -> Result<Self, ParseError> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(ParseError::new(text, $expected)),
                }
            }
        }
    };
}
pub(crate) use words;

words!(KeyMode, "a key mode (managed or given)", Managed = "managed", Given = "given");
words!(
    Outcome,
    "an outcome",
    Landed = "landed",
    Expired = "expired",
    Revoked = "revoked",
    Rejected = "rejected",
    Failed = "failed"
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time() -> impl Strategy<Value = Timestamp> {
        (0_i64..4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
    }

    fn round_trip<T: FromStr<Err = ParseError> + fmt::Display + PartialEq + fmt::Debug>(fact: &T) {
        let value = fact.to_string();
        assert!(is_value(&value), "{value:?} is no tag value");
        assert_eq!(value.parse::<T>().as_ref(), Ok(fact));
    }

    #[test]
    fn a_value_is_spelled_in_one_way_only() {
        let ended = "landed/2026-11-21T10:00:00Z";
        assert_eq!(ended.parse::<Ended>().unwrap().to_string(), ended);
        for other in
            ["landed/2026-11-21T11:00:00+01:00", "landed/2026-11-21T10:00:00.000Z", "Landed/2026-11-21T10:00:00Z"]
        {
            assert!(other.parse::<Ended>().is_err(), "{other}");
        }
        assert!("account=222222222222 region=us-west-2 key=managed x=1".parse::<Route>().is_err());
        assert!("region=us-west-2 account=222222222222 key=managed".parse::<Route>().is_err());
    }

    #[test]
    fn key_modes_are_a_contract() {
        let (account, region): (AccountId, Region) = ("222222222222".parse().unwrap(), "us-west-2".parse().unwrap());
        for (key, value) in [
            (KeyMode::Managed, "account=222222222222 region=us-west-2 key=managed"),
            (KeyMode::Given, "account=222222222222 region=us-west-2 key=given"),
        ] {
            let route = Route { account: account.clone(), region: region.clone(), key };
            assert_eq!(route.to_string(), value);
            assert_eq!(value.parse(), Ok(route));
        }
        assert!("account=222222222222 region=us-west-2 key=borrowed".parse::<Route>().is_err());
    }

    proptest! {
        #[test]
        fn facts_come_back_from_tags_as_they_were(
            account in "[0-9]{12}", number in 1_u32.., issued in time(), start_by in time(), access_until in time(),
            nonce in "[0-9a-f]{16}", digest in "[0-9a-f]{64}", resource in "db-[A-Z0-9]{1,64}", millis in 0_i64..1000,
            port: u16, multi_az: bool, class in "db\\.[a-z0-9]{2,8}\\.[0-9]{0,2}xlarge", storage in "gp2|gp3|io1|io2|standard",
        ) {
            let (account, region): (AccountId, Region) = (account.parse().unwrap(), "ap-southeast-3".parse().unwrap());
            let identity = Identity {
                created: Timestamp::from_millisecond(issued.as_millisecond() + millis).unwrap(),
                resource: resource.parse().unwrap(),
            };
            round_trip(&Route { account: account.clone(), region: region.clone(), key: KeyMode::Managed });
            round_trip(&Origin { account, region, identity });
            round_trip(&Offer { number, issued, start_by, access_until, nonce: nonce.parse().unwrap(), digest: digest.parse().unwrap() });
            round_trip(&Published { at: issued, digest: digest.parse().unwrap() });
            round_trip(&Hints { class: class.parse().unwrap(), multi_az, port, storage: storage.parse().unwrap() });
            for outcome in [Outcome::Landed, Outcome::Expired, Outcome::Revoked, Outcome::Rejected, Outcome::Failed] {
                round_trip(&Ended { outcome, at: issued });
            }
            round_trip(&Asked { issued, sent: start_by, nonce: nonce.parse().unwrap(), digest: digest.parse().unwrap() });
            for lack in std::iter::once(None).chain(Lack::ALL.map(Some)) {
                round_trip(&Answered { at: issued, lack });
            }
            for reason in std::iter::once(None).chain(Reason::ALL.map(Some)) {
                round_trip(&Told { at: issued, reason });
            }
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,80}") {
            let _ = (text.parse::<Offer>(), text.parse::<Origin>(), text.parse::<Route>(), text.parse::<Hints>(), text.parse::<Told>(), text.parse::<Asked>(), text.parse::<Answered>());
        }
    }
}
