//! Databases, by name and by pattern.

use std::collections::BTreeSet;
use std::fmt;

use agent_runtime::config::Pattern;
use protocol::DbIdentifier;
use serde::Deserialize;

/// A list of names, in which `*` stands for anything and `?` for one character. What has neither is the name of one database.
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

    pub(crate) fn fit(&self, database: &DbIdentifier) -> bool {
        self.plain.contains(database) || self.fit_a_pattern(database)
    }

    pub(crate) fn fit_a_pattern(&self, database: &DbIdentifier) -> bool {
        self.patterns.iter().any(|pattern| pattern.fits(database.as_str()))
    }

    /// Those of them that fit none of these databases.
    pub(crate) fn fitting_none(&self, databases: &BTreeSet<&DbIdentifier>) -> Vec<String> {
        let plain = self.plain.iter().filter(|name| !databases.contains(name)).map(ToString::to_string);
        let fits = |pattern: &Pattern| databases.iter().any(|database| pattern.fits(database.as_str()));
        plain.chain(self.patterns.iter().filter(|pattern| !fits(pattern)).map(ToString::to_string)).collect()
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fitting_none(&BTreeSet::new()).join(", "))
    }
}

impl TryFrom<Vec<String>> for Names {
    type Error = String;

    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        let (mut names, mut seen) = (Self::default(), BTreeSet::new());
        for text in texts {
            if !seen.insert(text.clone()) {
                return Err(format!("{text:?} stands twice"));
            }
            if !text.contains(['*', '?']) {
                names.plain.insert(text.parse().map_err(|error: protocol::ids::ParseError| error.to_string())?);
            } else if text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-*?".contains(&b)) {
                names.patterns.push(text.into());
            } else {
                return Err(format!("{text:?} fits no DB instance identifier: these are of a-z, 0-9 and hyphens"));
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
    fn what_fits_none_is_named() {
        let names = names(&["orders", "ordres", "shop-*", "depot-??"]).unwrap();
        let there = ["orders", "shop-1", "depot-1"].map(|name| name.parse().unwrap());
        assert!(names.fit(&there[0]) && names.fit(&there[1]) && !names.fit(&there[2]));
        assert_eq!(names.fitting_none(&there.iter().collect()), ["ordres", "depot-??"]);
    }

    #[test]
    fn what_can_fit_no_database_is_refused() {
        for (texts, expected) in [
            (&["Shop-*"][..], "fits no DB instance identifier"),
            (&["shop_?"], "fits no DB instance identifier"),
            (&["1orders"], "is not a DB instance identifier"),
            (&[""], "is not a DB instance identifier"),
            (&["orders", "shop-*", "shop-*"], "\"shop-*\" stands twice"),
        ] {
            let error = names(texts).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert!(names(&[]).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_a_pattern_or_refused(text in "\\PC{0,40}") {
            if let Ok(names) = names(&[&text]) {
                prop_assert_eq!(names.plain.len() + names.patterns.len(), 1);
                prop_assert_eq!(names.fitting_none(&BTreeSet::new()), [text]);
            }
        }

        #[test]
        fn a_name_fits_itself_alone_and_the_patterns_made_of_it(
            name in "[a-z][a-z0-9]{0,20}(-[a-z0-9]{1,20}){0,2}", at in 0_usize..60, other in "[a-z]{1,9}"
        ) {
            let database: DbIdentifier = name.parse().unwrap();
            prop_assert_eq!(names(&[&name]).unwrap().fit(&other.parse().unwrap()), name == other);
            let (head, tail) = name.split_at(at % name.len());
            for pattern in [format!("{head}*"), format!("*{tail}"), format!("{head}?{}", &tail[1..]), "*".to_owned()] {
                prop_assert!(names(&[&pattern]).unwrap().fit(&database), "{}", pattern);
            }
        }
    }
}
