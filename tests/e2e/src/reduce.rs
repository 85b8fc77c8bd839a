//! Reduces a failing list to a small part that still fails. This is delta debugging (Zeller and Hildebrandt,
//! Simplifying and Isolating Failure-Inducing Input, 2002), except that only complements are tried, not subsets: a
//! failure of an agent depends on its whole history, so a small subset rarely reproduces it.

/// A part of `all` that fails, and that does not fail without any one of its elements. `all` itself must fail. After
/// `tries` tries it returns the smallest part so far.
pub fn reduce<T: Clone>(all: &[T], tries: usize, mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let (mut smallest, mut size, mut left) = (all.to_vec(), all.len().div_ceil(2), tries);
    loop {
        let (before, mut end) = (smallest.len(), smallest.len());
        // From the end, since removing late elements changes the least of what precedes the failure.
        while end > 0 && smallest.len() > 1 {
            let begin = end.saturating_sub(size);
            let without = [&smallest[..begin], &smallest[end..]].concat();
            end = begin;
            if without.is_empty() {
                continue;
            }
            if left == 0 {
                return smallest;
            }
            left -= 1;
            if fails(&without) {
                smallest = without;
            }
        }
        if size == 1 && smallest.len() == before {
            return smallest;
        }
        size = size.div_ceil(2);
    }
}

/// The part of `all` that remains when, kind by kind, all elements of a kind are removed that the failure does not
/// need.
pub fn reduce_kinds<T: Clone, K: PartialEq>(
    all: &[T],
    kind: impl Fn(&T) -> K,
    mut fails: impl FnMut(&[T]) -> bool,
) -> Vec<T> {
    let mut left = all.to_vec();
    let mut tried: Vec<K> = Vec::new();
    for unwanted in all.iter().map(&kind) {
        if tried.contains(&unwanted) {
            continue;
        }
        let without: Vec<T> = left.iter().filter(|one| kind(one) != unwanted).cloned().collect();
        if !without.is_empty() && fails(&without) {
            left = without;
        }
        tried.push(unwanted);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduce_keeps_only_what_the_failure_needs() {
        let all: Vec<u32> = (0..100).collect();
        for needed in [vec![42], vec![0, 99], vec![3, 50, 51], vec![1, 2, 3, 70, 71, 90]] {
            let fails = |part: &[u32]| needed.iter().all(|one| part.contains(one));
            assert_eq!(reduce(&all, 10_000, fails), needed);
        }
    }

    #[test]
    fn reduce_kinds_keeps_only_kinds_that_the_failure_needs() {
        let all: Vec<u32> = (0..100).collect();
        let fails = |part: &[u32]| part.contains(&13) && part.contains(&27);
        assert_eq!(
            reduce_kinds(&all, |one| one % 10, fails),
            all.into_iter().filter(|one| matches!(one % 10, 3 | 7)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn reduce_without_tries_left_returns_failing_part() {
        let all: Vec<u32> = (0..64).collect();
        let fails = |part: &[u32]| part.contains(&7) && part.contains(&60);
        let found = reduce(&all, 5, fails);
        assert!(fails(&found) && found.len() > 2, "{found:?}");
    }
}
