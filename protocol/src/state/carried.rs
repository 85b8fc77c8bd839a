//! The tags of account A's database that go with it, where both accounts want that.
//!
//! On a snapshot each stands under a key of ours, `rds-handoff:tag:<key>`: so it is known from what anybody else tags a
//! snapshot with, and the message, which is a function of the tags, does not change when they do.

use serde::{Deserialize, Serialize};

use super::TagError;
use crate::tags::{Tags, is_value};

/// Before the key of a carried tag, on snapshots.
pub const PREFIX: &str = "rds-handoff:tag:";

/// A resource has at most 50 tags (RDS User Guide, Tagging Amazon RDS resources), and a source snapshot up to 15 of ours.
const MOST: usize = 30;

/// A tag key has at most 128 characters (RDS API Reference, `Tag`), the prefix included.
const LONGEST_KEY: usize = 128 - PREFIX.len();

/// Tags that are carried over: few enough, and spelled so that RDS takes them on any resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Tags")]
pub struct Carried(Tags);

impl Carried {
    /// Those of a database's tags that are wanted, and the keys of those that are wanted and cannot be carried: what AWS
    /// reserves, what is ours, and what has other characters than letters, digits, spaces and `_.:/=+-@`.
    pub fn pick(tags: &Tags, wanted: impl Fn(&str) -> bool) -> (Self, Vec<String>) {
        let (mut carried, mut left) = (Tags::new(), Vec::new());
        // `aws:` tags are AWS's own, and refused in every call that writes tags (RDS API Reference, `Tag`).
        for (key, value) in tags.iter().filter(|(key, _)| wanted(key) && !key.to_lowercase().starts_with("aws:")) {
            if carried.len() < MOST && fits(key, value) {
                carried.insert(key.clone(), value.clone());
            } else {
                left.push(key.clone());
            }
        }
        (Self(carried), left)
    }

    /// Those that stand on a snapshot of ours.
    ///
    /// # Errors
    /// When they are not what was written there.
    pub(crate) fn read(tags: &Tags) -> Result<Self, TagError> {
        let carried =
            tags.iter().filter_map(|(key, value)| Some((key.strip_prefix(PREFIX)?.to_owned(), value.clone())));
        Self::try_from(carried.collect::<Tags>()).map_err(|wrong| TagError::new(PREFIX, wrong))
    }

    /// As they stand on a snapshot of ours.
    pub(crate) fn on_snapshot(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().map(|(key, value)| (format!("{PREFIX}{key}"), value.clone()))
    }

    /// Key and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Tags> for Carried {
    type Error = String;

    fn try_from(tags: Tags) -> Result<Self, String> {
        if tags.len() > MOST {
            return Err(format!("{} tags; at most {MOST} are carried", tags.len()));
        }
        match tags.iter().find(|(key, value)| !fits(key, value)) {
            Some((key, _)) => Err(format!("tag {key:.40?} is none that can be carried")),
            None => Ok(Self(tags)),
        }
    }
}

fn fits(key: &str, value: &str) -> bool {
    (1..=LONGEST_KEY).contains(&key.len()) && is_value(key) && is_value(value) && !is_reserved(key)
}

/// A key of AWS's or of ours. Keys "can't be prefixed with aws: or rds:" (RDS API Reference, `Tag`).
pub fn is_reserved(key: &str) -> bool {
    ["aws:", "rds:", "rds-handoff:"].iter().any(|prefix| key.to_lowercase().starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::pair;
    use proptest::prelude::*;

    #[test]
    fn what_is_awss_or_ours_or_spelled_otherwise_stays() {
        let tags = Tags::from([
            pair("team", "payments"),
            pair("aws:cloudformation:stack-name", "orders"),
            pair("rds-handoff:role", "database"),
            pair("stra\u{df}e", "x"),
            pair("note", "a;b"),
            pair("cost", "7"),
        ]);
        let (carried, left) = Carried::pick(&tags, |key| key != "cost");
        assert_eq!(carried.iter().collect::<Vec<_>>(), [("team", "payments")]);
        assert_eq!(left, ["note", "rds-handoff:role", "stra\u{df}e"]);
        let many: Tags = (0..31).map(|n| pair(&format!("t{n:02}"), "x")).collect();
        let (carried, left) = Carried::pick(&many, |_| true);
        assert_eq!((carried.iter().count(), left), (30, vec!["t30".to_owned()]));
        assert!(Carried::try_from(many).is_err());
    }

    proptest! {
        #[test]
        fn carried_tags_come_back_from_a_snapshot_as_they_were(
            tags in proptest::collection::btree_map("[a-z]{1,110}", "[a-zA-Z0-9 _.:/=+@-]{0,256}", 0..30)
        ) {
            let (carried, left) = Carried::pick(&tags, |_| true);
            prop_assert!(left.is_empty());
            let snapshot: Tags = carried.on_snapshot().chain([pair("team", "of the snapshot")]).collect();
            prop_assert!(snapshot.iter().all(|(key, value)| key.len() <= 128 && is_value(key) && is_value(value)));
            prop_assert_eq!(Carried::read(&snapshot).unwrap(), carried);
        }
    }
}
