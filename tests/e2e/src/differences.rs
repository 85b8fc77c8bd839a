//! Compares the fingerprints of two worlds.

use std::collections::BTreeMap;

/// The lines that only one of two fingerprints has: `+` for `left`, `-` for `expected`; empty when they are equal.
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

/// A fingerprint without account A's unused keys, of which there may be `most`. KMS has no client token, so a key whose
/// creation was not answered, or not shown, stays without an alias.
pub fn without_unused_keys(world: &str, most: usize) -> String {
    let unused = |line: &str| line.starts_with("key of 111111111111") && !line.contains("alias/");
    assert!(world.lines().filter(|line| unused(line)).count() <= most, "{world}");
    world.lines().filter(|line| !unused(line)).map(|line| [line, "\n"].concat()).collect()
}
