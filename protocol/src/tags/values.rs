//! The grammar of tag values: `word=value` pairs in a fixed order. A person can read them in the console, and every
//! value has exactly one spelling.

use std::fmt;
use std::str::FromStr;

use super::{Answered, Asked, Ended, Hints, KeyMode, Offer, Origin, Outcome, Published, Route, Told};
use crate::ids::ParseError;
use crate::terms::Terms;
use crate::words::words;

/// Parses `word=value` pairs in a fixed order. None may be missing, added or spelled differently.
struct Pairs<'a>(std::str::SplitN<'a, char>);

impl<'a> Pairs<'a> {
    fn of(text: &'a str, count: usize) -> Self {
        Self(text.splitn(count, ' '))
    }

    fn next<T: FromStr>(&mut self, word: &str) -> Option<T> {
        self.0.next()?.strip_prefix(word)?.strip_prefix('=')?.parse().ok()
    }
}

/// Defines the one spelling of a type: `parse(print(value)) == value`, and a text parses only if its value prints as
/// this text.
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

fact!(
    Terms,
    "terms",
    |me| format!("start-within={} access-for={} priority={}", me.start_within, me.access_for, me.priority),
    |text| {
        let mut pairs = Pairs::of(text, 3);
        let terms = Self {
            start_within: pairs.next("start-within")?,
            access_for: pairs.next("access-for")?,
            priority: pairs.next("priority")?,
        };
        Some(terms).filter(|terms| terms.problem().is_none())
    }
);

words!(KeyMode, "a key mode (managed or given)", Managed = "managed", Existing = "given");
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
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    use super::*;
    use crate::ids::{AccountId, Identity, Region};
    use crate::tags::is_value;
    use crate::words::{Lack, Reason};

    fn time() -> impl Strategy<Value = Timestamp> {
        (0_i64..4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
    }

    fn round_trip<T: FromStr<Err = ParseError> + fmt::Display + PartialEq + fmt::Debug>(fact: &T) {
        let value = fact.to_string();
        assert!(is_value(&value), "{value:?} is not a tag value");
        assert_eq!(value.parse::<T>().as_ref(), Ok(fact));
    }

    #[test]
    fn tag_value_has_exactly_one_spelling() {
        let ended = "landed/2026-11-21T10:00:00Z";
        assert_eq!(ended.parse::<Ended>().unwrap().to_string(), ended);
        for other in
            ["landed/2026-11-21T11:00:00+01:00", "landed/2026-11-21T10:00:00.000Z", "Landed/2026-11-21T10:00:00Z"]
        {
            assert!(other.parse::<Ended>().is_err(), "{other}");
        }
        let terms = "start-within=PT24H access-for=PT168H priority=0";
        assert_eq!(Terms::default().to_string(), terms);
        assert!(terms.replace("PT24H", "PT0S").parse::<Terms>().is_err());
        assert!("account=222222222222 region=us-west-2 key=managed x=1".parse::<Route>().is_err());
        assert!("region=us-west-2 account=222222222222 key=managed".parse::<Route>().is_err());
    }

    #[test]
    fn key_mode_words_are_stable() {
        let (account, region): (AccountId, Region) = ("222222222222".parse().unwrap(), "us-west-2".parse().unwrap());
        for (key, value) in [
            (KeyMode::Managed, "account=222222222222 region=us-west-2 key=managed"),
            (KeyMode::Existing, "account=222222222222 region=us-west-2 key=given"),
        ] {
            let route = Route { account: account.clone(), region: region.clone(), key };
            assert_eq!(route.to_string(), value);
            assert_eq!(value.parse(), Ok(route));
        }
        assert!("account=222222222222 region=us-west-2 key=borrowed".parse::<Route>().is_err());
    }

    proptest! {
        #[test]
        fn values_round_trip_through_tags(
            account in "[0-9]{12}", number in 1_u32.., issued in time(), start_by in time(), access_until in time(),
            nonce in "[0-9a-f]{16}", digest in "[0-9a-f]{64}", resource in "db-[A-Z0-9]{1,64}", millis in 0_i64..1000,
            port: u16, multi_az: bool, class in "db\\.[a-z0-9]{2,8}\\.[0-9]{0,2}xlarge", storage in "gp2|gp3|io1|io2|standard",
            within in 1_i64..14 * 86_400, more in 0_i64..76 * 86_400, priority: i16,
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
            let start_within = SignedDuration::from_secs(within);
            round_trip(&Terms { start_within, access_for: start_within + SignedDuration::from_secs(more), priority });
            for outcome in Outcome::ALL {
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
        fn parsing_any_text_does_not_panic(text in "\\PC{0,80}") {
            let _ = (text.parse::<Offer>(), text.parse::<Origin>(), text.parse::<Route>(), text.parse::<Hints>(), text.parse::<Told>(), text.parse::<Asked>(), text.parse::<Answered>(), text.parse::<Terms>());
        }
    }
}
