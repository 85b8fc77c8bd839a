//! Configuration files: TOML; unknown keys are errors. Every error names the file, the line, what is wrong and how to
//! fix it.

use std::fmt;
use std::path::{Path, PathBuf};

pub use protocol::terms::{duration, read_duration};
use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use toml::de::{DeTable, DeValue};
use wildmatch::WildMatch;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The content of the file is invalid.
    #[error("{file}:{line}: {what}")]
    Invalid {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and how to fix it.
        what: String,
    },
    /// A command line flag is missing or invalid.
    #[error("--{flag} {what}")]
    Flag {
        /// The name of the flag, without hyphens.
        flag: &'static str,
        /// What is wrong, and how to fix it.
        what: String,
    },
}

/// An invalid setting: a value that was parsed but is not allowed, alone or together with others. It has the error text
/// and the place in the file.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct InvalidSetting {
    /// The path to the value, from the top of the file; empty for the whole file.
    place: Vec<Part>,
    what: String,
}

/// One element of the path to a value.
#[derive(Debug, Clone, Copy)]
enum Part {
    Key(&'static str),
    /// The index in a list, from 0.
    Nth(usize),
}

impl InvalidSetting {
    /// An error in the value of this key, or a missing key.
    pub fn of(key: &'static str, what: impl Into<String>) -> Self {
        Self::new(what).within(key)
    }

    /// An error in a whole table, which [`InvalidSetting::within`] and [`InvalidSetting::in_nth`] set.
    pub fn new(what: impl Into<String>) -> Self {
        Self { place: Vec::new(), what: what.into() }
    }

    /// Sets that the value is in the table with this key.
    #[must_use]
    pub fn within(mut self, key: &'static str) -> Self {
        self.place.insert(0, Part::Key(key));
        self
    }

    /// Sets that the value is in the `nth` table, from 0, of the list with this key.
    #[must_use]
    pub fn in_nth(mut self, key: &'static str, nth: usize) -> Self {
        self.place.insert(0, Part::Nth(nth));
        self.within(key)
    }

    /// The last key on the path to the value.
    pub fn key(&self) -> Option<&'static str> {
        self.place.iter().rev().find_map(|part| match part {
            Part::Key(key) => Some(*key),
            Part::Nth(_) => None,
        })
    }

    /// The offset of the value in the text, in bytes; for a missing key the offset of its table.
    fn offset(&self, text: &str) -> usize {
        let Ok(file) = DeTable::parse(text) else { return 0 };
        let file = DeValue::Table(file.into_inner());
        let (mut found, mut value) = (0, &file);
        for part in &self.place {
            let next = match (part, value) {
                (Part::Key(key), DeValue::Table(table)) => {
                    table.get_key_value(*key).map(|(key, value)| (key.span(), value))
                }
                (Part::Nth(nth), DeValue::Array(items)) => items.get(*nth).map(|item| (item.span(), item)),
                _ => None,
            };
            let Some((span, next)) = next else { break };
            (found, value) = (span.start, next.get_ref());
        }
        found
    }
}

/// Reads a file and checks its values with `check`.
///
/// # Errors
/// When the file cannot be read or is invalid.
pub fn load<F: DeserializeOwned, T>(path: &Path, check: fn(F) -> Result<T, InvalidSetting>) -> Result<T, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    read(&text, &path.display().to_string(), check)
}

/// Like [`load`], from a text; `file` is the file name in errors.
///
/// # Errors
/// When the text is invalid.
pub fn read<F: DeserializeOwned, T>(
    text: &str,
    file: &str,
    check: fn(F) -> Result<T, InvalidSetting>,
) -> Result<T, ConfigError> {
    let invalid = |offset: usize, what: String| {
        let line = text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
        ConfigError::Invalid { file: file.to_owned(), line, what }
    };
    let parsed = toml::from_str(text)
        .map_err(|error| invalid(error.span().map_or(0, |span| span.start), explain(error.message())))?;
    check(parsed).map_err(|wrong_setting| invalid(wrong_setting.offset(text), wrong_setting.what))
}

/// A pattern for names, in which `*` matches any text and `?` one character.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "String")]
pub struct Pattern(WildMatch);

impl Pattern {
    /// Whether it matches a name.
    pub fn fits(&self, name: &str) -> bool {
        self.0.matches(name)
    }
}

impl From<String> for Pattern {
    fn from(pattern: String) -> Self {
        Self(WildMatch::new(&pattern))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A list of patterns.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Patterns(Vec<Pattern>);

impl Patterns {
    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any pattern matches a name.
    pub fn fit(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.fits(name))
    }
}

impl fmt::Display for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&patterns.join(", "))
    }
}

/// Parses a word of a closed set, for a flag that takes the same words as the configuration file.
///
/// # Errors
/// When it is not one of the words; the error lists them.
pub fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let word: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(word).map_err(|error| explain(&error.to_string()))
}

/// Keys and words of earlier versions, and their current names.
const RENAMED: [(&str, &str); 2] = [("look_again", "polling"), ("given", "existing")];

/// Rewrites an error of serde as a fix: for a missing key, to add it; for an unknown key, the most similar valid one.
/// serde puts the key and the valid ones in backticks.
fn explain(message: &str) -> String {
    if let Some(missing) = message.strip_prefix("missing field ") {
        return format!("key {} is missing: add it", missing.trim());
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next();
    if message.starts_with("unknown ")
        && let Some((old, new)) = RENAMED.iter().find(|(old, _)| Some(*old) == unknown)
    {
        return format!("`{old}` is called `{new}` now: rename it");
    }
    let (Some(unknown), true) = (unknown, message.starts_with("unknown field")) else {
        return message.trim().to_owned();
    };
    let nearest = quoted
        .map(|known| (strsim::jaro_winkler(unknown, known), known))
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((similarity, known)) if similarity > 0.7 => format!("unknown key `{unknown}`; did you mean `{known}`?"),
        _ => message.replacen("unknown field", "unknown key", 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its errors are tested")]
    struct Sample {
        account: protocol::AccountId,
        region: protocol::Region,
    }

    #[test]
    fn error_names_file_line_and_nearest_key() {
        let error = |text| read::<Sample, _>(text, "a.toml", Ok).unwrap_err().to_string();
        assert_eq!(
            error("account = \"111111111111\"\nregoin = \"us-west-2\"\n"),
            "a.toml:2: unknown key `regoin`; did you mean `region`?"
        );
        assert_eq!(error("account = \"111111111111\"\n"), "a.toml:1: key `region` is missing: add it");
        let wrong = error("account = \"111\"\nregion = \"us-west-2\"\n");
        assert!(wrong.starts_with("a.toml:1: \"111\" is not an AWS account id"), "{wrong}");
        assert!(error("account = \"111111111111\"\nregion = \"cn-north-1\"").contains("aws partition"));
    }

    #[test]
    fn invalid_setting_has_the_line_of_its_key_or_its_table() {
        const TEXT: &str = "account = 1\n\n[limits]\ncopies = 2\n\n[[target]]\nregion = 3\n\n[[target]]\n\n\
                            region = 4\ntags = { a = 5 }\n[[target.rule]]\nx = 1\n[target.rule.restore]\ny = 1\n";
        let line =
            |wrong_setting: fn() -> InvalidSetting| TEXT[..wrong_setting().offset(TEXT)].matches('\n').count() + 1;
        assert_eq!(line(|| InvalidSetting::new("x")), 1);
        assert_eq!(line(|| InvalidSetting::of("account", "x")), 1);
        assert_eq!(line(|| InvalidSetting::of("copies", "x").within("limits")), 4);
        assert_eq!(
            line(|| InvalidSetting::of("restores", "x").within("limits")),
            3,
            "the table in which the key is missing"
        );
        assert_eq!(line(|| InvalidSetting::new("x").in_nth("target", 0)), 6);
        assert_eq!(line(|| InvalidSetting::of("region", "x").in_nth("target", 1)), 11);
        assert_eq!(line(|| InvalidSetting::of("inbox", "x").in_nth("target", 1)), 9);
        assert_eq!(line(|| InvalidSetting::of("a", "x").within("tags").in_nth("target", 1)), 12);
        assert_eq!(line(|| InvalidSetting::of("y", "x").within("restore").in_nth("rule", 0).in_nth("target", 1)), 16);
        assert_eq!(line(|| InvalidSetting::of("z", "x").within("restore").in_nth("rule", 0).in_nth("target", 1)), 15);
        let error =
            read(TEXT, "a.toml", |_: toml::Table| Err::<(), _>(InvalidSetting::of("copies", "no").within("limits")));
        assert_eq!(error.unwrap_err().to_string(), "a.toml:4: no");
    }
}
