//! Filters and pages of the Describe actions.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::fault::{Fault, Outcome};
use crate::pages::page;
use crate::query::Query;

/// The prefix of a decoded marker.
const STAMP: &str = "after ";

/// The page of `items` that the request asks for, and the marker of the next page. Markers are opaque to clients, and
/// invalid ones are refused.
pub(super) fn paged<T>(query: &Query, items: Vec<(String, T)>) -> Outcome<(Vec<T>, Option<String>)> {
    let after = query.text("Marker").map(opened).transpose()?;
    let (taken, last) = page(items, max_records(query)?, after.as_deref());
    Ok((taken, last.map(|last| URL_SAFE_NO_PAD.encode(format!("{STAMP}{last}")))))
}

fn opened(marker: &str) -> Outcome<String> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let key = text.and_then(|text| text.strip_prefix(STAMP).map(str::to_owned));
    // UNSOURCED: the code.
    key.ok_or_else(|| Fault::value(format!("Invalid or expired marker: {marker}")))
}

/// `MaxRecords` is 20 to 100, by default 100 (RDS API Reference, the Describe actions).
fn max_records(query: &Query) -> Outcome<usize> {
    match query.number("MaxRecords")?.unwrap_or(100) {
        count @ 20..=100 => Ok(usize::try_from(count).unwrap_or(100)),
        other => Err(Fault::value(format!("Invalid value {other} for MaxRecords. Must be between 20 and 100"))),
    }
}

/// The request's `Filters`: name to values. Unknown filters are refused (boto/boto3#3126), and filters without values
/// (aws/aws-sdk-cpp#3264).
pub(super) fn filters<'a>(query: &'a Query, known: &[&str]) -> Outcome<BTreeMap<&'a str, Vec<&'a str>>> {
    let mut found = BTreeMap::new();
    for prefix in query.members("Filters") {
        let name = query.required(&format!("{prefix}.Name"))?;
        if !known.contains(&name) {
            return Err(Fault::value(format!("Unrecognized filter name: {name}")));
        }
        let values = query.list(&format!("{prefix}.Values"));
        if values.is_empty() {
            return Err(Fault::combination(format!("The values list cannot be null for the filter {name}.")));
        }
        found.insert(name, values);
    }
    Ok(found)
}
