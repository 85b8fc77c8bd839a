//! Queues: making, finding and listing them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::message::Message;
use super::{absent, attributes, named};
use crate::arn::Arn;
use crate::clock::later;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::pages::page;
use crate::policy::Policy;
use crate::world::{Caller, World};

/// A standard queue.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) arn: Arn,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    /// What has been set, in the API's own words.
    pub(crate) attributes: BTreeMap<String, String>,
    /// The attribute `Policy`, parsed.
    pub(crate) policy: Option<Policy>,
    pub(crate) messages: Vec<Message>,
    /// Each receipt handle ever given, and its message's id.
    pub(crate) handles: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Queue {
    pub(super) fn url(&self) -> String {
        format!("https://sqs.{}.amazonaws.com/{}/{}", self.arn.region, self.arn.account, self.arn.resource)
    }

    /// An attribute that is a number of seconds or bytes.
    pub(super) fn number(&self, name: &str) -> u64 {
        let default = attributes::NUMBERS.iter().find(|(known, ..)| *known == name).map_or(0, |(.., default)| *default);
        self.attributes.get(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    pub(super) fn seconds(&self, name: &str) -> Duration {
        Duration::from_secs(self.number(name))
    }

    pub(super) fn forget_old(&mut self, now: Timestamp) {
        let retention = self.seconds("MessageRetentionPeriod");
        self.messages.retain(|message| later(message.sent, retention) > now);
    }

    /// The ARN of the dead-letter queue, and after how many receipts a message goes there.
    pub(super) fn redrive(&self) -> Option<(String, u32)> {
        attributes::redrive(self.attributes.get("RedrivePolicy")?).ok()
    }
}

/// SQS API Reference, CreateQueue. The same name with the same attributes gives the queue that is there.
pub(super) fn create_queue(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["Attributes", "QueueName", "tags"])?;
    let name = json.text("QueueName")?.ok_or_else(|| Fault::missing("QueueName"))?;
    if name.rsplit_once('.').is_some_and(|(_, kind)| kind == "fifo") {
        return Err(Fault::bad("UnsupportedOperation", "There are no FIFO queues here."));
    }
    let permitted = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !(1..=80).contains(&name.len()) || !name.bytes().all(permitted) {
        let message = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(Fault::value(message));
    }
    let arn = Arn::new("sqs", &caller.region, caller.account(), name);
    let given = json.map("Attributes")?;
    let policy = attributes::check(world, &arn, &given)?;
    if let Some(existing) = world.sqs.queues.get(&arn.to_string()) {
        // Attributes that are not given are not compared (same page).
        if given.iter().all(|(name, value)| existing.attributes.get(name) == Some(value)) {
            return Ok(json!({ "QueueUrl": existing.url() }));
        }
        let message =
            format!("A queue already exists with the same name and a different value for attribute(s) of {name}");
        return Err(Fault::bad("QueueNameExists", message));
    }
    let queue = Queue {
        created: world.now,
        modified: world.now,
        policy: policy.applied(None),
        attributes: given.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        messages: Vec::new(),
        handles: BTreeMap::new(),
        tags: json.map("tags")?,
        arn: arn.clone(),
    };
    let url = queue.url();
    world.sqs.queues.insert(arn.to_string(), queue);
    Ok(json!({ "QueueUrl": url }))
}

pub(super) fn get_queue_url(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["QueueName", "QueueOwnerAWSAccountId"])?;
    json.text("QueueName")?.ok_or_else(|| Fault::missing("QueueName"))?;
    let queue = named(caller, json).and_then(|arn| world.sqs.queues.get(&arn)).ok_or_else(absent)?;
    Ok(json!({ "QueueUrl": queue.url() }))
}

pub(super) fn list_queues(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["MaxResults", "NextToken", "QueueNamePrefix"])?;
    let prefix = json.text("QueueNamePrefix")?.unwrap_or_default();
    let limit = super::bounded(json, "MaxResults", 1, 1000)?.unwrap_or(1000);
    let own = world.sqs.queues.iter().filter(|(_, queue)| {
        queue.arn.account == caller.account()
            && queue.arn.region == caller.region
            && queue.arn.resource.starts_with(prefix)
    });
    let items = own.map(|(arn, queue)| (arn.clone(), queue.url())).collect();
    let (urls, next) = page(items, usize::try_from(limit).unwrap_or(1), json.text("NextToken")?);
    let mut answer = json!({ "QueueUrls": urls });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}
