//! Messages: sending, also in batches, and receiving.

use std::time::Duration;

use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeName, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    QueueAttributeName, SendMessageBatchRequestEntry,
};

use crate::lab::{A, Clients, HERE, Lab, advance_time, code};

async fn queue(clients: &Clients) -> String {
    clients.sqs.create_queue().queue_name("q").send().await.unwrap().queue_url().unwrap().to_owned()
}

fn attribute(kind: &str, text: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type(kind).string_value(text).build().unwrap()
}

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
}

/// Receives all visible messages and returns their bodies.
async fn bodies(clients: &Clients, url: &str) -> Vec<String> {
    let call = clients.sqs.receive_message().queue_url(url).max_number_of_messages(10);
    let received = call.send().await.unwrap();
    received.messages().iter().map(|message| message.body().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn message_attributes_are_validated() {
    let lab = Lab::new();
    let a = lab.agent(A, HERE);
    let url = queue(&a).await;
    let send = || a.sqs.send_message().queue_url(&url).message_body("x");
    for (name, kind, text) in [
        ("a.b-c_D", "String.x", "v"),
        ("n", "Number", "-1.5e3"),
        ("n", "Number", "1e126"),
        (&"x".repeat(256), "String", "v"),
    ] {
        send().message_attributes(name, attribute(kind, text)).send().await.unwrap();
    }
    for (name, kind, text) in [
        ("a b", "String", "v"),
        (".a", "String", "v"),
        ("a..b", "String", "v"),
        ("AWS.x", "String", "v"),
        (&"x".repeat(257), "String", "v"),
        ("a", "Date", "v"),
        ("a", &format!("String.{}", "x".repeat(256)), "v"),
        ("a", "String", ""),
        ("a", "Binary", "v"),
        ("a", "Number", "many"),
        ("a", "Number", "1e127"),
        ("a", "String", "\u{1}"),
    ] {
        let refused = send().message_attributes(name, attribute(kind, text)).send().await;
        assert_eq!(code(refused), "InvalidParameterValue", "{name} {kind} {text}");
    }
    let list = MessageAttributeValue::builder().data_type("String").string_list_values("v").build().unwrap();
    assert_eq!(code(send().message_attributes("a", list).send().await), "InvalidParameterValue");
    send().delay_seconds(900).message_group_id("g").send().await.unwrap();
    assert_eq!(code(send().delay_seconds(901).send().await), "InvalidParameterValue");
    assert_eq!(code(send().message_group_id("g g").send().await), "InvalidParameterValue");
    assert_eq!(code(send().message_deduplication_id("d").send().await), "InvalidParameterValue");
    assert_eq!(code(a.sqs.send_message().queue_url(&url).message_body("").send().await), "MissingParameter");
    for (name, kind, right) in
        [("AWSTraceHeader", "String", true), ("AWSTraceHeader", "Number", false), ("Other", "String", false)]
    {
        let value = MessageSystemAttributeValue::builder().data_type(kind).string_value("1").build().unwrap();
        let call = send().message_system_attributes(MessageSystemAttributeNameForSends::from(name), value);
        assert_eq!(call.send().await.is_ok(), right, "{name} {kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn batch_is_validated_as_a_whole_and_sent_individually() {
    let lab = Lab::new();
    let a = lab.agent(A, HERE);
    let url = queue(&a).await;
    let send = |entries: Vec<SendMessageBatchRequestEntry>| {
        a.sqs.send_message_batch().queue_url(&url).set_entries(Some(entries)).send()
    };
    let many = |count: usize| (0..count).map(|index| entry(&index.to_string(), "x")).collect::<Vec<_>>();
    let half = "x".repeat(524_288);
    let refusals = [
        (send(vec![]).await, "EmptyBatchRequest"),
        (send(many(11)).await, "TooManyEntriesInBatchRequest"),
        (send(vec![entry("a", "x"), entry("a", "y")]).await, "BatchEntryIdsNotDistinct"),
        (send(vec![entry("a b", "x")]).await, "InvalidBatchEntryId"),
        (send(vec![entry("a", &half), entry("b", &half), entry("c", "x")]).await, "BatchRequestTooLong"),
    ];
    for (refusal, expected) in refusals {
        assert_eq!(code(refusal).rsplit('.').next(), Some(expected));
    }
    assert!(bodies(&a, &url).await.is_empty());
    send(vec![entry("a", &half), entry("b", &half)]).await.unwrap();
    a.sqs.purge_queue().queue_url(&url).send().await.unwrap();
    let answer = send([many(9), vec![entry("bad", "\u{0}")]].concat()).await.unwrap();
    assert_eq!((answer.successful().len(), answer.failed()[0].code()), (9, "InvalidMessageContents"));
    assert_eq!(answer.successful()[0].md5_of_message_body(), "9dd4e461268c8034f5c8564e155c67a6");
    assert_eq!(bodies(&a, &url).await.len(), 9);
}

#[tokio::test(start_paused = true)]
async fn dead_letter_keeps_system_attributes_and_source_queue() {
    let lab = Lab::new();
    let a = lab.agent(A, HERE);
    let dead = a.sqs.create_queue().queue_name("dead").send().await.unwrap().queue_url().unwrap().to_owned();
    let redrive = format!(r#"{{"deadLetterTargetArn":"arn:aws:sqs:{HERE}:{A}:dead","maxReceiveCount":1}}"#);
    let call = a.sqs.create_queue().queue_name("q").attributes(QueueAttributeName::RedrivePolicy, redrive);
    let url = call.send().await.unwrap().queue_url().unwrap().to_owned();
    let trace = MessageSystemAttributeValue::builder().data_type("String").string_value("Root=1").build().unwrap();
    let call = a.sqs.send_message().queue_url(&url).message_body("x").message_group_id("g");
    let sent = call.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, trace).send().await;
    assert_eq!(sent.unwrap().md5_of_message_system_attributes().map(str::len), Some(32));
    let receive = |url: &str, name: &str| {
        let call = a.sqs.receive_message().queue_url(url).message_system_attribute_names(name.into());
        call.visibility_timeout(0).send()
    };
    assert_eq!(code(receive(&url, "Colour").await), "InvalidAttributeName");
    let first = receive(&url, "All").await.unwrap().messages()[0].clone();
    let first = first.attributes().unwrap();
    assert_eq!(first[&MessageSystemAttributeName::AwsTraceHeader], "Root=1");
    assert_eq!(first[&MessageSystemAttributeName::MessageGroupId], "g");
    assert!(!first.contains_key(&MessageSystemAttributeName::DeadLetterQueueSourceArn));
    advance_time(Duration::from_secs(5)).await;
    assert!(receive(&url, "All").await.unwrap().messages().is_empty());
    let last = receive(&dead, "All").await.unwrap().messages()[0].clone();
    let last = last.attributes().unwrap();
    assert_eq!(last[&MessageSystemAttributeName::DeadLetterQueueSourceArn], format!("arn:aws:sqs:{HERE}:{A}:q"));
    for same in
        [MessageSystemAttributeName::SentTimestamp, MessageSystemAttributeName::ApproximateFirstReceiveTimestamp]
    {
        assert_eq!(first[&same], last[&same]);
    }
    for wrong in [("MaxNumberOfMessages", 11, 0), ("VisibilityTimeout", 1, 43_201)] {
        let call = a.sqs.receive_message().queue_url(&url).max_number_of_messages(wrong.1).visibility_timeout(wrong.2);
        assert_eq!(code(call.send().await), "InvalidParameterValue", "{}", wrong.0);
    }
}

#[tokio::test(start_paused = true)]
async fn queue_counts_delayed_and_in_flight_messages_separately() {
    let lab = Lab::with(|settings| settings.quotas.messages_in_flight = 2);
    let a = lab.agent(A, HERE);
    let url = queue(&a).await;
    for (body, delay) in [("a", 0), ("b", 0), ("c", 0), ("d", 60)] {
        a.sqs.send_message().queue_url(&url).message_body(body).delay_seconds(delay).send().await.unwrap();
    }
    assert_eq!(bodies(&a, &url).await, ["a", "b"]);
    let call = a.sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All);
    let counts = call.send().await.unwrap();
    let count = |name| counts.attributes().unwrap()[&name].clone();
    assert_eq!(count(QueueAttributeName::ApproximateNumberOfMessages), "1");
    assert_eq!(count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible), "2");
    assert_eq!(count(QueueAttributeName::ApproximateNumberOfMessagesDelayed), "1");
    // With too many messages in flight a short poll fails, and a long poll returns nothing until one is visible again.
    let poll = |seconds: i32| a.sqs.receive_message().queue_url(&url).wait_time_seconds(seconds).send();
    assert_eq!(code(poll(0).await), "OverLimit");
    assert!(poll(5).await.unwrap().messages().is_empty());
    advance_time(Duration::from_secs(15)).await;
    assert_eq!(poll(20).await.unwrap().messages().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn duplicates_setting_delivers_message_twice() {
    let (mut beside, mut after) = (0, 0);
    for seed in 1..=12 {
        let lab = Lab::with(|settings| {
            settings.seed = seed;
            settings.duplicates = Some(1);
        });
        let a = lab.agent(A, HERE);
        let url = queue(&a).await;
        a.sqs.send_message().queue_url(&url).message_body("x").send().await.unwrap();
        let first = a.sqs.receive_message().queue_url(&url).send().await.unwrap().messages()[0].clone();
        a.sqs.delete_message().queue_url(&url).receipt_handle(first.receipt_handle().unwrap()).send().await.unwrap();
        let mut again = a.sqs.receive_message().queue_url(&url).send().await.unwrap().messages().to_vec();
        if again.is_empty() {
            after += 1;
            advance_time(Duration::from_secs(31)).await;
            again = a.sqs.receive_message().queue_url(&url).send().await.unwrap().messages().to_vec();
        } else {
            beside += 1;
        }
        assert_eq!(again[0].message_id(), first.message_id());
        assert_ne!(again[0].receipt_handle(), first.receipt_handle());
        a.sqs.delete_message().queue_url(&url).receipt_handle(again[0].receipt_handle().unwrap()).send().await.unwrap();
        advance_time(Duration::from_mins(5)).await;
        assert!(bodies(&a, &url).await.is_empty());
    }
    assert!(beside > 0 && after > 0);
}
