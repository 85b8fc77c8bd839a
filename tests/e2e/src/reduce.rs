//! Delta debugging: the smallest part of a list that still fails (Zeller and Hildebrandt, Simplifying and Isolating
//! Failure-Inducing Input, 2002, algorithm ddmin).

/// A part of `all` that fails, and that does not fail when any one element is taken out of it. `all` fails. Gives up after so many
/// tries with the smallest part so far.
pub fn reduce<T: Clone>(all: &[T], tries: usize, mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let (mut smallest, mut parts, mut left) = (all.to_vec(), 2, tries);
    while smallest.len() > 1 {
        let size = smallest.len().div_ceil(parts);
        let chunks: Vec<&[T]> = smallest.chunks(size).collect();
        let others = |without: usize| -> Vec<T> {
            let kept = chunks.iter().enumerate().filter(|(at, _)| *at != without);
            kept.flat_map(|(_, chunk)| chunk.iter().cloned()).collect()
        };
        let alone = chunks.iter().map(|chunk| (chunk.to_vec(), 2));
        let without = (0..chunks.len()).map(|at| (others(at), (parts - 1).max(2)));
        // With two parts either is what is left without the other.
        let candidates = alone.chain(without.filter(|_| parts > 2)).filter(|(part, _)| !part.is_empty());
        let mut found = None;
        for candidate in candidates {
            if left == 0 {
                return smallest;
            }
            left -= 1;
            if fails(&candidate.0) {
                found = Some(candidate);
                break;
            }
        }
        match found {
            Some((part, next)) => (smallest, parts) = (part, next),
            None if size == 1 => return smallest,
            None => parts = (parts * 2).min(smallest.len()),
        }
    }
    smallest
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
    fn reduce_out_of_tries_returns_a_part_that_fails() {
        let all: Vec<u32> = (0..64).collect();
        let fails = |part: &[u32]| part.contains(&7) && part.contains(&60);
        let found = reduce(&all, 5, fails);
        assert!(fails(&found) && found.len() > 2, "{found:?}");
    }
}
