//! Two worlds, compared.

use std::collections::BTreeMap;

/// What one fingerprint has and the other has not, a line each; empty when they are the same.
pub fn differences(left: &str, expected: &str) -> String {
    let mut lines: BTreeMap<&str, i32> = BTreeMap::new();
    for line in left.lines() {
        *lines.entry(line).or_default() += 1;
    }
    for line in expected.lines() {
        *lines.entry(line).or_default() -= 1;
    }
    lines.retain(|_, count| *count != 0);
    let lines = lines.iter().map(|(line, count)| [if *count > 0 { "+ " } else { "- " }, line, "\n"].concat());
    lines.collect()
}
