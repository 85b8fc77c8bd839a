//! Tags of keys.

use std::convert::identity;

use serde_json::{Value, json};

use super::actions::named_key;
use super::pages::{listing, marker};
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::tags::{self, Tags};
use crate::world::World;

/// The request's `Tags`, checked: "You cannot have more than one tag on a KMS key with the same tag key" (KMS API Reference,
/// CreateKey, Tags).
pub(super) fn parsed(json: &Json) -> Outcome<Tags> {
    let mut tags = Tags::new();
    for tag in json.objects("Tags")? {
        let (key, value) = (tag.required("TagKey")?.to_owned(), tag.required("TagValue")?.to_owned());
        if tags.insert(key, value).is_some() {
            return Err(Fault::bad("TagException", "Duplicate tag keys"));
        }
    }
    check(&tags)?;
    Ok(tags)
}

/// The number of tags is limited by a quota; other errors concern their format (KMS API Reference, TagResource,
/// Errors).
fn check(tags: &Tags) -> Outcome<()> {
    if tags.len() > 50 {
        return Err(Fault::bad("LimitExceededException", "A key has at most 50 tags."));
    }
    tags::check(tags).map_err(|wrong| Fault::bad("TagException", wrong))
}

pub(super) fn shown(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "TagKey": key, "TagValue": value })).collect()
}

/// KMS API Reference, TagResource: Tags is required.
pub(super) fn tag_resource(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId", "Tags"])?;
    if json.raw("Tags").is_none() {
        return Err(Fault::validation("Value at 'tags' failed to satisfy constraint: Member must not be null"));
    }
    let added = parsed(json)?;
    let key = named_key(world, caller, "TagResource", json)?;
    let mut tags = key.tags.clone();
    tags.extend(added);
    check(&tags)?;
    key.tags = tags;
    Ok(Value::Null)
}

/// KMS API Reference, UntagResource: TagKeys is required. UNSOURCED: that an empty list is refused too.
pub(super) fn untag_resource(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId", "TagKeys"])?;
    let gone = json.texts("TagKeys")?;
    if gone.is_empty() {
        return Err(Fault::validation("Value at 'tagKeys' failed to satisfy constraint: Member must not be null"));
    }
    let key = named_key(world, caller, "UntagResource", json)?;
    key.tags.retain(|name, _| !gone.contains(name));
    Ok(Value::Null)
}

pub(super) fn list_resource_tags(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId", "Limit", "Marker"])?;
    let limit = json.bounded("Limit", 1, 50, 50)?;
    let marker = marker("Tags", json)?;
    let key = named_key(world, caller, "ListResourceTags", json)?;
    let items = key.tags.iter().map(|(name, value)| (name.clone(), json!({ "TagKey": name, "TagValue": value })));
    Ok(listing("Tags", items.collect(), limit, marker.as_deref(), identity))
}
