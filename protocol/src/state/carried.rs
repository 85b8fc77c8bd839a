//! The tags of account A's database that are carried over to account B, if both accounts allow it.
//!
//! A snapshot has each of them under the key `rds-handoff:tag:<key>`. So they differ from tags that others add to the
//! snapshot, and the message, which is computed from the tags, does not change when others change tags.

use serde::{Deserialize, Serialize};

use super::TagError;
use crate::tags::{Tags, is_value};

/// The prefix of the key of a carried tag on snapshots.
pub const PREFIX: &str = "rds-handoff:tag:";

/// A resource has at most 50 tags (RDS User Guide, Tagging Amazon RDS resources), and a source snapshot up to 15 of
/// ours.
const MOST: usize = 30;

/// A tag key has at most 128 characters (RDS API Reference, `Tag`), the prefix included.
const LONGEST_KEY: usize = 128 - PREFIX.len();

/// Tags that are carried over: at most 30, with keys and values that RDS accepts on any resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Tags")]
pub struct Carried(Tags);

impl Carried {
    /// Selects the wanted tags of a database. Also returns the keys of wanted tags that cannot be carried: reserved
    /// keys of AWS or the agents, characters other than letters, digits, spaces and `_.:/=+-@`, and tags beyond the
    /// maximum number.
    pub fn pick(tags: &Tags, wanted: impl Fn(&str) -> bool) -> (Self, Vec<String>) {
        let (mut carried, mut left) = (Tags::new(), Vec::new());
        // AWS refuses `aws:` tags in every call that writes tags (RDS API Reference, `Tag`).
        for (key, value) in tags.iter().filter(|(key, _)| wanted(key) && !key.to_lowercase().starts_with("aws:")) {
            if carried.len() < MOST && fits(key, value) {
                carried.insert(key.clone(), value.clone());
            } else {
                left.push(key.clone());
            }
        }
        (Self(carried), left)
    }

    /// Reads them from the tags of a snapshot of ours.
    ///
    /// # Errors
    /// When somebody has changed them so that they are invalid.
    pub(crate) fn read(tags: &Tags) -> Result<Self, TagError> {
        let carried =
            tags.iter().filter_map(|(key, value)| Some((key.strip_prefix(PREFIX)?.to_owned(), value.clone())));
        Self::try_from(carried.collect::<Tags>()).map_err(|wrong| TagError::new(PREFIX, wrong))
    }

    /// The tags for a snapshot of ours.
    pub(crate) fn on_snapshot(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().map(|(key, value)| (format!("{PREFIX}{key}"), value.clone()))
    }

    /// Key and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there are none.
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
            Some((key, _)) => Err(format!("tag {key:.40?} cannot be carried over")),
            None => Ok(Self(tags)),
        }
    }
}

fn fits(key: &str, value: &str) -> bool {
    (1..=LONGEST_KEY).contains(&key.len()) && is_value(key) && is_value(value) && !is_reserved(key)
}

/// Whether a key is reserved by AWS or the agents. Keys "can't be prefixed with aws: or rds:" (RDS API Reference,
/// `Tag`).
pub fn is_reserved(key: &str) -> bool {
    ["aws:", "rds:", "rds-handoff:"].iter().any(|prefix| key.to_lowercase().starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::pair;
    use proptest::prelude::*;

    #[test]
    fn reserved_or_invalid_tags_are_not_carried() {
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
        fn carried_tags_round_trip_through_a_snapshot(
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
