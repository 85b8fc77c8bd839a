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

/// A world without account A's unused keys: one whose making was not answered, or not seen, stays without an alias, since KMS has
/// no client token. There are at most so many.
pub fn without_unused_keys(world: &str, most: usize) -> String {
    let unused = |line: &str| line.starts_with("key of 111111111111") && !line.contains("alias/");
    assert!(world.lines().filter(|line| unused(line)).count() <= most, "{world}");
    world.lines().filter(|line| !unused(line)).map(|line| [line, "\n"].concat()).collect()
}
