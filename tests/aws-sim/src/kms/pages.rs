//! Listings in pages, in the format of KMS.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::pages::page;

/// The key of the last item of the previous page, from a marker that a listing of the same kind returned
/// (KMS API Reference, ListKeys, Marker: "Set it to the value of NextMarker"; InvalidMarkerException).
pub(super) fn marker(name: &str, json: &Json) -> Outcome<Option<String>> {
    let Some(text) = json.text("Marker")? else { return Ok(None) };
    let read = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let last = read.and_then(|read| Some(read.strip_prefix(name)?.strip_prefix(' ')?.to_owned()));
    last.map(Some).ok_or_else(|| Fault::bad("InvalidMarkerException", "The marker is not valid."))
}

/// A page of a listing, in the format of KMS.
pub(super) fn listing<T>(
    name: &str,
    items: Vec<(String, T)>,
    limit: i64,
    after: Option<&str>,
    show: impl Fn(T) -> Value,
) -> Value {
    let (items, next) = page(items, usize::try_from(limit).unwrap_or(1), after);
    let items: Vec<Value> = items.into_iter().map(show).collect();
    let mut listing = json!({ name: items, "Truncated": next.is_some() });
    if let Some(next) = next {
        listing["NextMarker"] = json!(STANDARD.encode(format!("{name} {next}")));
    }
    listing
}
