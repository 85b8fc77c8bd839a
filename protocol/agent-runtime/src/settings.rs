//! Configuration files: TOML, unknown keys refused, errors with file, line and the nearest valid key.

use std::fmt;
use std::path::{Path, PathBuf};

pub use protocol::terms::{duration, read_duration};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wildmatch::WildMatch;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{place}: {what}")]
    Invalid {
        /// File and line.
        place: String,
        /// What is wrong, and how to mend it.
        what: String,
    },
    /// The values do not go together.
    #[error("{0}")]
    Contradictory(String),
}

impl SettingsError {
    /// Values that do not go together stand in this file.
    #[must_use]
    pub fn within(self, path: &Path) -> Self {
        match self {
            Self::Contradictory(what) => Self::Invalid { place: path.display().to_string(), what },
            other => other,
        }
    }
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read, or says what it must not.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, SettingsError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
    parse(&text, &path.display().to_string())
}

/// Reads a text; `name` stands for the file in errors.
///
/// # Errors
/// When it says what it must not.
pub fn parse<T: DeserializeOwned>(text: &str, name: &str) -> Result<T, SettingsError> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        SettingsError::Invalid {
            place: line.map_or(name.to_owned(), |line| format!("{name}:{line}")),
            what: explain(error.message()),
        }
    })
}

/// A name, in which `*` stands for anything and `?` for one character.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "String")]
pub struct Pattern(WildMatch);

impl Pattern {
    /// Whether it stands for this name.
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

/// A list of them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Patterns(Vec<Pattern>);

impl Patterns {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them fits.
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

/// An unknown key gets the nearest valid one. serde names the key and its neighbours between backticks.
fn explain(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (Some(unknown), true) = (quoted.next(), message.starts_with("unknown field")) else {
        return message.trim().to_owned();
    };
    let nearest = quoted
        .map(|known| (strsim::jaro_winkler(unknown, known), known))
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((likeness, known)) if likeness > 0.7 => format!("unknown key `{unknown}`; did you mean `{known}`?"),
        _ => message.replacen("unknown field", "unknown key", 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its errors are looked at")]
    struct Sample {
        account: protocol::AccountId,
        region: protocol::Region,
    }

    #[test]
    fn an_error_names_file_line_and_nearest_key() {
        let error = |text| parse::<Sample>(text, "a.toml").unwrap_err().to_string();
        assert_eq!(
            error("account = \"111111111111\"\nregoin = \"us-west-2\"\n"),
            "a.toml:2: unknown key `regoin`; did you mean `region`?"
        );
        let wrong = error("account = \"111\"\nregion = \"us-west-2\"\n");
        assert!(wrong.starts_with("a.toml:1: \"111\" is not an AWS account id"), "{wrong}");
        assert!(error("account = \"111111111111\"\nregion = \"cn-north-1\"").contains("aws partition"));
    }
}
