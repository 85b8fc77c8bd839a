//! Tags of keys.

use serde_json::{Value, json};

use super::key::listing;
use super::named_without_alias;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::tags::{self, Tags};
use crate::world::{Caller, World};

/// The request's `Tags`, checked.
pub(super) fn parsed(json: &Json) -> Outcome<Tags> {
    let mut tags = Tags::new();
    for tag in json.objects("Tags")? {
        let (key, value) = (tag.required("TagKey")?.to_owned(), tag.required("TagValue")?.to_owned());
        if tags.insert(key, value).is_some() {
            return Err(Fault::bad("TagException", "Duplicate tag keys"));
        }
    }
    tags::check(&tags).map_err(|wrong| Fault::bad("TagException", wrong))?;
    Ok(tags)
}

pub(super) fn shown(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "TagKey": key, "TagValue": value })).collect()
}

pub(super) fn tag_resource(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId", "Tags"])?;
    let added = parsed(json)?;
    let key = named_without_alias(world, caller, json)?;
    key.must_be_customers(caller, "kms:TagResource")?;
    key.must_not_be_pending_deletion()?;
    let mut tags = key.tags.clone();
    tags.extend(added);
    tags::check(&tags).map_err(|wrong| Fault::bad("TagException", wrong))?;
    key.tags = tags;
    Ok(Value::Null)
}

pub(super) fn untag_resource(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId", "TagKeys"])?;
    let gone = json.texts("TagKeys")?;
    let key = named_without_alias(world, caller, json)?;
    key.must_be_customers(caller, "kms:UntagResource")?;
    key.must_not_be_pending_deletion()?;
    key.tags.retain(|name, _| !gone.contains(name));
    Ok(Value::Null)
}

pub(super) fn list_resource_tags(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId", "Limit", "Marker"])?;
    let limit = json.bounded("Limit", 1, 50, 50)?;
    let marker = json.text("Marker")?;
    let key = named_without_alias(world, caller, json)?;
    let items = key.tags.iter().map(|(name, value)| (name.clone(), json!({ "TagKey": name, "TagValue": value })));
    Ok(listing("Tags", items.collect(), limit, marker))
}
