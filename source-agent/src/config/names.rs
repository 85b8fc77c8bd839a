//! Lists of databases, by name and by pattern.

use std::collections::BTreeSet;
use std::fmt;

use agent_runtime::config::Pattern;
use protocol::DbIdentifier;
use serde::Deserialize;

/// A list of names, in which `*` stands for any text and `?` for one character. A text without either is the name of
/// one database.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct Names {
    pub(crate) plain: BTreeSet<DbIdentifier>,
    pub(crate) patterns: Vec<Pattern>,
}

impl Names {
    /// Every database of the Region.
    pub(crate) fn all() -> Self {
        Self { plain: BTreeSet::new(), patterns: vec!["*".to_owned().into()] }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.patterns.is_empty()
    }

    pub(crate) fn matches(&self, database: &DbIdentifier) -> bool {
        self.plain.contains(database) || self.matches_pattern(database)
    }

    fn matches_pattern(&self, database: &DbIdentifier) -> bool {
        self.patterns.iter().any(|pattern| pattern.fits(database.as_str()))
    }

    /// The names and patterns that match none of these databases.
    pub(crate) fn without_match(&self, databases: &BTreeSet<&DbIdentifier>) -> Vec<String> {
        let plain = self.plain.iter().filter(|name| !databases.contains(name)).map(ToString::to_string);
        let has_match = |pattern: &Pattern| databases.iter().any(|database| pattern.fits(database.as_str()));
        plain.chain(self.patterns.iter().filter(|pattern| !has_match(pattern)).map(ToString::to_string)).collect()
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.without_match(&BTreeSet::new()).join(", "))
    }
}

impl TryFrom<Vec<String>> for Names {
    type Error = String;

    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        let (mut names, mut seen) = (Self::default(), BTreeSet::new());
        for text in texts {
            if !seen.insert(text.clone()) {
                return Err(format!("{text:?} is listed twice"));
            }
            if !text.contains(['*', '?']) {
                names.plain.insert(text.parse().map_err(|error: protocol::ids::ParseError| error.to_string())?);
            } else if text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-*?".contains(&b)) {
                names.patterns.push(text.into());
            } else {
                return Err(format!(
                    "{text:?} matches no DB instance identifier: these consist of a-z, 0-9 and hyphens"
                ));
            }
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(texts: &[&str]) -> Result<Names, String> {
        texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>().try_into()
    }

    #[test]
    fn without_match_lists_names_and_patterns_that_match_nothing() {
        let names = names(&["orders", "ordres", "shop-*", "depot-??"]).unwrap();
        let databases = ["orders", "shop-1", "depot-1"].map(|name| name.parse().unwrap());
        assert!(names.matches(&databases[0]) && names.matches(&databases[1]) && !names.matches(&databases[2]));
        assert_eq!(names.without_match(&databases.iter().collect()), ["ordres", "depot-??"]);
    }

    #[test]
    fn text_that_can_match_no_database_is_refused() {
        for (texts, expected) in [
            (&["Shop-*"][..], "matches no DB instance identifier"),
            (&["shop_?"], "matches no DB instance identifier"),
            (&["1orders"], "is not a DB instance identifier"),
            (&[""], "is not a DB instance identifier"),
            (&["orders", "shop-*", "shop-*"], "\"shop-*\" is listed twice"),
        ] {
            let error = names(texts).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert!(names(&[]).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn text_is_a_name_or_a_pattern_or_refused(text in "\\PC{0,40}") {
            if let Ok(names) = names(&[&text]) {
                prop_assert_eq!(names.plain.len() + names.patterns.len(), 1);
                prop_assert_eq!(names.without_match(&BTreeSet::new()), [text]);
            }
        }

        #[test]
        fn name_matches_only_itself_and_patterns_made_of_it(
            name in "[a-z][a-z0-9]{0,20}(-[a-z0-9]{1,20}){0,2}", at in 0_usize..60, other in "[a-z]{1,9}"
        ) {
            let database: DbIdentifier = name.parse().unwrap();
            prop_assert_eq!(names(&[&name]).unwrap().matches(&other.parse().unwrap()), name == other);
            let (head, tail) = name.split_at(at % name.len());
            for pattern in [format!("{head}*"), format!("*{tail}"), format!("{head}?{}", &tail[1..]), "*".to_owned()] {
                prop_assert!(names(&[&pattern]).unwrap().matches(&database), "{}", pattern);
            }
        }
    }
}
