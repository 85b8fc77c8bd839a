//! The tags that RDS and KMS accept.

use std::collections::BTreeMap;

/// Tags by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// At most this many tags on a resource (RDS User Guide and KMS Developer Guide, Tagging resources).
const MOST: usize = 50;

/// Checks a set of tags; the error says what is wrong.
///
/// Keys have 1 to 128 characters and values at most 256, of Unicode letters, digits, white space and `_.:/=+-@`; keys
/// cannot begin with `aws:` (RDS User Guide, Overview of Amazon RDS resource tags).
pub(crate) fn check(tags: &Tags) -> Result<(), String> {
    if tags.len() > MOST {
        return Err(format!("Tag limit exceeded: a resource has at most {MOST} tags"));
    }
    for (key, value) in tags {
        if key.to_lowercase().starts_with("aws:") {
            return Err("Tag keys cannot start with the reserved prefix".to_owned());
        }
        let length = key.chars().count();
        if !(1..=128).contains(&length) || !key.chars().all(permitted) {
            return Err(format!("The tag key {key:?} is not valid"));
        }
        if value.chars().count() > 256 || !value.chars().all(permitted) {
            return Err(format!("The tag value of {key:?} is not valid"));
        }
    }
    Ok(())
}

fn permitted(character: char) -> bool {
    character.is_alphanumeric() || character == ' ' || "_.:/=+-@".contains(character)
}
