//! Sending, receiving and deleting messages of SQS.

use std::time::Duration;

use aws_sdk_sqs::operation::receive_message::ReceiveMessageOutput;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
};

use crate::lab::{A, B, Clients, HERE, Lab, THERE, advance_time, code, hours, message};

async fn queue(clients: &Clients, name: &str) -> String {
    clients.sqs.create_queue().queue_name(name).send().await.unwrap().queue_url().unwrap().to_owned()
}

async fn receive(clients: &Clients, url: &str) -> ReceiveMessageOutput {
    let call = clients.sqs.receive_message().queue_url(url).max_number_of_messages(10);
    call.message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
        .send()
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn queue_speed_divides_visibility_timeout_and_long_poll() {
    let lab = Lab::with(|settings| settings.queue_speed = 200);
    let own = lab.agent(A, HERE);
    let url = own.sqs.create_queue().queue_name("q").send().await.unwrap().queue_url.unwrap();
    own.sqs.send_message().queue_url(&url).message_body("x").send().await.unwrap();
    let receive = async || {
        let call = own.sqs.receive_message().queue_url(&url).visibility_timeout(600).wait_time_seconds(20);
        call.send().await.unwrap().messages.unwrap_or_default()
    };
    let handle = receive().await[0].receipt_handle().unwrap().to_owned();
    // A long poll takes 100 ms, and the visibility timeout is 3 s.
    let begun = tokio::time::Instant::now();
    assert!(receive().await.is_empty());
    assert!((100..200).contains(&begun.elapsed().as_millis()));
    advance_time(Duration::from_secs(2)).await;
    let longer = own.sqs.change_message_visibility().queue_url(&url).receipt_handle(handle).visibility_timeout(1200);
    longer.send().await.unwrap();
    advance_time(Duration::from_secs(5)).await;
    assert!(receive().await.is_empty());
    advance_time(Duration::from_secs(1)).await;
    assert_eq!(receive().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn send_from_other_account_needs_queue_policy() {
    let lab = Lab::new();
    let (a, b) = (lab.agent(A, HERE), lab.agent(B, HERE));
    let url = queue(&b, "inbox").await;
    let send = || a.sqs.send_message().queue_url(&url).message_body("hello").send();
    assert_eq!(code(send().await), "AccessDenied");
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{A}"}},
            "Action":"sqs:SendMessage","Resource":"arn:aws:sqs:{HERE}:{B}:inbox"}}]}}"#
    );
    b.sqs.set_queue_attributes().queue_url(&url).attributes(QueueAttributeName::Policy, policy).send().await.unwrap();
    send().await.unwrap();
    assert_eq!(code(a.sqs.receive_message().queue_url(&url).send().await), "AccessDenied");
    let missing = url.replace("inbox", "outbox");
    let missing = a.sqs.send_message().queue_url(missing).message_body("x").send().await.unwrap_err();
    assert!(missing.into_service_error().is_queue_does_not_exist());
    // The Region of the signature decides, not that of the URL.
    let elsewhere = lab.agent(B, THERE).sqs.receive_message().queue_url(&url).send().await.unwrap_err();
    assert!(elsewhere.into_service_error().is_queue_does_not_exist());
    let received = receive(&b, &url).await;
    let sender = received.messages()[0].attributes().unwrap()[&MessageSystemAttributeName::SenderId].clone();
    assert!(sender.starts_with("AROA") && sender.ends_with(":agent"), "{sender}");
}

#[tokio::test(start_paused = true)]
async fn received_message_is_hidden_until_visibility_timeout() {
    let lab = Lab::new();
    let a = lab.agent(A, HERE);
    let url = queue(&a, "q").await;
    a.sqs.send_message().queue_url(&url).message_body("one").send().await.unwrap();
    let first = receive(&a, &url).await.messages()[0].clone();
    assert!(receive(&a, &url).await.messages().is_empty());
    let counts =
        a.sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All).send().await.unwrap();
    assert_eq!(counts.attributes().unwrap()[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible], "1");
    advance_time(Duration::from_secs(31)).await;
    let second = receive(&a, &url).await.messages()[0].clone();
    assert_eq!(second.attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount], "2");
    // The handle of the first receipt no longer deletes the message.
    let delete = |handle: &str| a.sqs.delete_message().queue_url(&url).receipt_handle(handle).send();
    delete(first.receipt_handle().unwrap()).await.unwrap();
    assert_eq!(code(delete("made up").await), "ReceiptHandleIsInvalid");
    let hide = |handle: &str, seconds: i32| {
        a.sqs.change_message_visibility().queue_url(&url).receipt_handle(handle).visibility_timeout(seconds).send()
    };
    hide(second.receipt_handle().unwrap(), 0).await.unwrap();
    let not_hidden = hide(second.receipt_handle().unwrap(), 10).await.unwrap_err();
    assert!(not_hidden.into_service_error().is_message_not_inflight());
    let third = receive(&a, &url).await.messages()[0].clone();
    let entry = DeleteMessageBatchRequestEntry::builder().id("a").receipt_handle(third.receipt_handle().unwrap());
    let wrong = DeleteMessageBatchRequestEntry::builder().id("b").receipt_handle("made up");
    let call = a.sqs.delete_message_batch().queue_url(&url).entries(entry.build().unwrap());
    let batch = call.entries(wrong.build().unwrap()).send().await.unwrap();
    assert_eq!((batch.successful().len(), batch.failed().len()), (1, 1));
    advance_time(hours(1)).await;
    assert!(receive(&a, &url).await.messages().is_empty());
}

#[tokio::test(start_paused = true)]
async fn message_is_hidden_for_at_most_twelve_hours() {
    let lab = Lab::new();
    let a = lab.agent(A, HERE);
    let url = queue(&a, "q").await;
    a.sqs.send_message().queue_url(&url).message_body("one").send().await.unwrap();
    let held = receive(&a, &url).await.messages()[0].clone();
    let hide = |seconds: i32| {
        let call = a.sqs.change_message_visibility().queue_url(&url).receipt_handle(held.receipt_handle().unwrap());
        call.visibility_timeout(seconds).send()
    };
    assert_eq!(code(hide(43_201).await), "InvalidParameterValue");
    for _ in 0..11 {
        hide(3700).await.unwrap();
        advance_time(hours(1)).await;
    }
    hide(3500).await.unwrap();
    assert_eq!(
        message(hide(3700).await),
        "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
    );
}

#[tokio::test(start_paused = true)]
async fn undeleted_message_moves_to_dead_letter_queue() {
    let lab = Lab::new();
    let a = lab.agent(A, HERE);
    let redrive = format!(r#"{{"deadLetterTargetArn":"arn:aws:sqs:{HERE}:{A}:dead","maxReceiveCount":2}}"#);
    let create = || {
        let call = a.sqs.create_queue().queue_name("q").attributes(QueueAttributeName::RedrivePolicy, &redrive);
        call.attributes(QueueAttributeName::VisibilityTimeout, "10").send()
    };
    let refused = code(create().await);
    assert!(refused.contains("InvalidParameterValue"), "{refused}");
    let dead = queue(&a, "dead").await;
    let url = create().await.unwrap().queue_url().unwrap().to_owned();
    a.sqs.send_message().queue_url(&url).message_body("bad").send().await.unwrap();
    for _ in 0..2 {
        assert_eq!(receive(&a, &url).await.messages().len(), 1);
        advance_time(Duration::from_secs(11)).await;
    }
    assert!(receive(&a, &url).await.messages().is_empty());
    assert_eq!(receive(&a, &dead).await.messages()[0].body(), Some("bad"));
    // The retention period begins when the message was first sent.
    advance_time(hours(4 * 24)).await;
    assert!(receive(&a, &dead).await.messages().is_empty());
}

#[tokio::test(start_paused = true)]
async fn long_poll_returns_when_message_becomes_visible() {
    let lab = Lab::new();
    let a = lab.agent(A, HERE);
    let url = queue(&a, "q").await;
    let poll = || a.sqs.receive_message().queue_url(&url).wait_time_seconds(20).send();
    let begun = tokio::time::Instant::now();
    assert!(poll().await.unwrap().messages().is_empty());
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_secs(20) && waited < Duration::from_secs(21), "{waited:?}");

    let begun = tokio::time::Instant::now();
    let sender = async {
        advance_time(Duration::from_secs(7)).await;
        a.sqs.send_message().queue_url(&url).message_body("late").send().await.unwrap();
    };
    let (received, ()) = tokio::join!(poll(), sender);
    assert_eq!(received.unwrap().messages().len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(8));

    // A long poll also returns when a hidden message becomes visible again.
    let begun = tokio::time::Instant::now();
    advance_time(Duration::from_secs(15)).await;
    assert_eq!(poll().await.unwrap().messages().len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(31));
    assert_eq!(
        code(a.sqs.receive_message().queue_url(&url).wait_time_seconds(21).send().await),
        "InvalidParameterValue"
    );
}

#[tokio::test(start_paused = true)]
async fn message_size_is_limited_and_attributes_arrive_unchanged() {
    let lab = Lab::new();
    let a = lab.agent(A, HERE);
    let url = queue(&a, "q").await;
    let send = |body: &str| a.sqs.send_message().queue_url(&url).message_body(body);
    assert_eq!(code(send("a\u{0}b").send().await), "InvalidMessageContents");
    assert_eq!(code(send(&"x".repeat(1_048_577)).send().await), "InvalidParameterValue");
    send(&"x".repeat(1_048_576)).send().await.unwrap();
    receive(&a, &url).await;
    let text = MessageAttributeValue::builder().data_type("String").string_value("eyJ").build().unwrap();
    let bytes = aws_sdk_sqs::primitives::Blob::new([0_u8, 255]);
    let bytes = MessageAttributeValue::builder().data_type("Binary").binary_value(bytes).build().unwrap();
    let call = send("with").message_attributes("signature", text.clone()).message_attributes("raw", bytes.clone());
    // The expected digests were computed independently, from the documented algorithm.
    let answer = call.send().await.unwrap();
    assert_eq!(answer.md5_of_message_body(), Some("23a58bf9274bedb19375e527a0744fa9"));
    assert_eq!(answer.md5_of_message_attributes(), Some("a79db2a99c1b4d33f04f2844c2f465a4"));
    let received = receive(&a, &url).await;
    let received = received.messages()[0].message_attributes().unwrap();
    assert_eq!((&received["signature"], &received["raw"]), (&text, &bytes));
    let mut many = send("many");
    for index in 0..11 {
        many = many.message_attributes(format!("a{index}"), text.clone());
    }
    assert_eq!(code(many.send().await), "InvalidParameterValue");
}
