//! Listing in pages.

/// At most `limit` of `items`, which are sorted by their keys, after the item with the key `marker`; and the marker of
/// the next page, if there is one.
pub(crate) fn page<T>(items: Vec<(String, T)>, limit: usize, marker: Option<&str>) -> (Vec<T>, Option<String>) {
    let mut rest = items.into_iter().skip_while(|(key, _)| marker.is_some_and(|marker| key.as_str() <= marker));
    let mut last = None;
    let mut taken = Vec::new();
    for (key, item) in rest.by_ref().take(limit) {
        last = Some(key);
        taken.push(item);
    }
    (taken, rest.next().and(last))
}
