//! Queues: names, attributes, tags, encryption, creation and deletion.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName::{self, *};

use crate::lab::{A, B, Clients, HERE, Lab, advance_time, code};

async fn make(clients: &Clients, name: &str, attributes: &[(QueueAttributeName, &str)]) -> Result<String, String> {
    let call = clients.sqs.create_queue().queue_name(name);
    let call = attributes.iter().fold(call, |call, (name, value)| call.attributes(name.clone(), *value));
    match call.send().await {
        Ok(made) => Ok(made.queue_url().unwrap().to_owned()),
        refused => Err(code(refused).rsplit('.').next().unwrap().to_owned()),
    }
}

async fn set(clients: &Clients, url: &str, attributes: &[(QueueAttributeName, &str)]) -> Result<(), String> {
    let call = clients.sqs.set_queue_attributes().queue_url(url);
    let call = attributes.iter().fold(call, |call, (name, value)| call.attributes(name.clone(), *value));
    let answer = call.send().await;
    if answer.is_ok() { Ok(()) } else { Err(code(answer)) }
}

async fn get(clients: &Clients, url: &str, name: QueueAttributeName) -> Option<String> {
    let answer = clients.sqs.get_queue_attributes().queue_url(url).attribute_names(name.clone()).send().await.unwrap();
    answer.attributes().and_then(|all| all.get(&name).cloned())
}

#[tokio::test(start_paused = true)]
async fn create_queue_with_same_attributes_returns_same_queue() {
    let lab = Lab::new();
    let a = lab.agent(A, HERE);
    let url = make(&a, "q", &[(VisibilityTimeout, "40")]).await.unwrap();
    for same in [&[][..], &[(VisibilityTimeout, "40")], &[(DelaySeconds, "0"), (SqsManagedSseEnabled, "true")]] {
        assert_eq!(make(&a, "q", same).await.as_ref(), Ok(&url));
    }
    assert_eq!(make(&a, "q", &[(VisibilityTimeout, "30")]).await, Err("QueueAlreadyExists".to_owned()));
    for name in ["", "a b", &"x".repeat(81)] {
        assert_eq!(make(&a, name, &[]).await, Err("InvalidParameterValue".to_owned()), "{name}");
    }
    make(&a, &"x".repeat(80), &[]).await.unwrap();
    assert_eq!(make(&a, "q.fifo", &[]).await, Err("UnsupportedOperation".to_owned()));
    assert_eq!(make(&a, "r", &[(FifoQueue, "true")]).await, Err("InvalidAttributeName".to_owned()));

    a.sqs.delete_queue().queue_url(&url).send().await.unwrap();
    assert!(code(a.sqs.delete_queue().queue_url(&url).send().await).ends_with("NonExistentQueue"));
    advance_time(Duration::from_secs(59)).await;
    assert_eq!(make(&a, "q", &[]).await, Err("QueueDeletedRecently".to_owned()));
    advance_time(Duration::from_secs(1)).await;
    make(&a, "q", &[]).await.unwrap();
    assert_eq!(
        code(a.sqs.delete_queue().queue_url("https://sqs.eu-west-1.amazonaws.com/q").send().await),
        "InvalidAddress"
    );
}

#[tokio::test(start_paused = true)]
async fn queue_attributes_are_validated() {
    let lab = Lab::new();
    let a = lab.agent(A, HERE);
    let url = make(&a, "q", &[]).await.unwrap();
    make(&a, "dead", &[]).await.unwrap();
    let many = |count: usize, of: &str| {
        let statement = format!(r#"{{"Effect":"Allow","Principal":{{"AWS":[{of}]}},"Action":"sqs:*","Resource":"*"}}"#);
        format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, vec![statement; count].join(","))
    };
    let accounts = |count: usize| (0..count).map(|n| format!("\"{:012}\"", n + 1)).collect::<Vec<_>>().join(",");
    let (own, stranger) = (format!("\"{A}\""), format!(r#""arn:aws:iam::{B}:role/nobody""#));
    let redrive = |target: &str, count: &str| {
        format!(r#"{{"deadLetterTargetArn":"arn:aws:sqs:{target}","maxReceiveCount":{count}}}"#)
    };
    let dead = format!("{HERE}:{A}:dead");
    let by = |permission: &str, count: usize| {
        let sources = vec![format!("\"arn:aws:sqs:{HERE}:{A}:q\""); count].join(",");
        format!(r#"{{"redrivePermission":"{permission}","sourceQueueArns":[{sources}]}}"#)
    };
    let text = str::to_owned;
    let cases: [(QueueAttributeName, String, String); 14] = [
        (DelaySeconds, text("900"), text("901")),
        (MaximumMessageSize, text("1024"), text("1023")),
        (MaximumMessageSize, text("1048576"), text("1048577")),
        (MessageRetentionPeriod, text("1209600"), text("59")),
        (ReceiveMessageWaitTimeSeconds, text("20"), text("21")),
        (VisibilityTimeout, text("43200"), text("long")),
        (SqsManagedSseEnabled, text("false"), text("maybe")),
        (Policy, many(20, &own), many(21, &own)),
        (Policy, many(1, &accounts(50)), many(1, &accounts(51))),
        (Policy, many(1, &own), many(1, &stranger)),
        (Policy, many(1, &own), many(1, &own) + &" ".repeat(8192)),
        (RedrivePolicy, redrive(&dead, "1000"), redrive(&dead, "1001")),
        (RedrivePolicy, redrive(&dead, "\"3\""), redrive(&format!("{HERE}:{B}:dead"), "3")),
        (RedriveAllowPolicy, by("byQueue", 10), by("byQueue", 11)),
    ];
    let invalid = |name: &QueueAttributeName| {
        let code = if *name == RedrivePolicy { "InvalidParameterValue" } else { "InvalidAttributeValue" };
        Err(code.to_owned())
    };
    for (name, right, wrong) in cases {
        set(&a, &url, &[(name.clone(), &right)]).await.unwrap();
        // A number that was set as a text is returned as a number.
        assert_eq!(get(&a, &url, name.clone()).await, Some(right.replace("\"3\"", "3")));
        let refused = invalid(&name);
        assert_eq!(set(&a, &url, &[(name, &wrong)]).await, refused, "{wrong}");
    }
    let more = [
        (RedrivePolicy, r#"{"maxReceiveCount":3}"#),
        (RedrivePolicy, &redrive(&dead, "3").replace("max", "min")),
        (RedrivePolicy, &redrive(&dead, "null")),
        (RedrivePolicy, "never"),
        (RedriveAllowPolicy, r#"{"redrivePermission":"sometimes"}"#),
        (RedriveAllowPolicy, &by("denyAll", 1)),
    ];
    for (name, wrong) in more {
        let refused = invalid(&name);
        assert_eq!(set(&a, &url, &[(name, wrong)]).await, refused, "{wrong}");
    }
    set(&a, &url, &[(Policy, "")]).await.unwrap();
    assert_eq!(get(&a, &url, Policy).await, None);
    for refused in [set(&a, &url, &[("Colour".into(), "red")]).await, set(&a, &url, &[(QueueArn, "x")]).await] {
        assert_eq!(refused, Err("InvalidAttributeName".to_owned()));
    }
    assert_eq!(set(&a, &url, &[]).await, Err("MissingParameter".to_owned()));
    let unknown = a.sqs.get_queue_attributes().queue_url(&url).attribute_names("Colour".into()).send().await;
    assert_eq!(code(unknown), "InvalidAttributeName");
}

#[tokio::test(start_paused = true)]
async fn redrive_allow_policy_restricts_source_queues() {
    let lab = Lab::new();
    let a = lab.agent(A, HERE);
    let dead = make(&a, "dead", &[]).await.unwrap();
    let redrive = format!(r#"{{"deadLetterTargetArn":"arn:aws:sqs:{HERE}:{A}:dead","maxReceiveCount":3}}"#);
    let by = format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:{HERE}:{A}:b"]}}"#);
    let (all, none) = (r#"{"redrivePermission":"allowAll"}"#, r#"{"redrivePermission":"denyAll"}"#);
    for (index, (policy, allowed)) in
        [(all, [true, true]), (none, [false, false]), (by.as_str(), [false, true])].iter().enumerate()
    {
        set(&a, &dead, &[(RedriveAllowPolicy, policy)]).await.unwrap();
        for (name, allowed) in [format!("a{index}"), "b".to_owned()].iter().zip(allowed) {
            assert_eq!(make(&a, name, &[(RedrivePolicy, &redrive)]).await.is_ok(), *allowed, "{name} {policy}");
        }
    }
    let sources = |most: i32, token: Option<String>| {
        a.sqs.list_dead_letter_source_queues().queue_url(&dead).max_results(most).set_next_token(token).send()
    };
    let first = sources(1, None).await.unwrap();
    assert!(first.queue_urls()[0].ends_with("/a0"));
    let second = sources(1, first.next_token().map(str::to_owned)).await.unwrap();
    assert!(second.queue_urls()[0].ends_with("/b") && second.next_token().is_none());
    assert_eq!(code(sources(1001, None).await), "InvalidParameterValue");
}

#[tokio::test(start_paused = true)]
async fn queues_are_listed_tagged_and_purged() {
    let lab = Lab::new();
    let (a, b) = (lab.agent(A, HERE), lab.agent(B, HERE));
    let url = make(&a, "one", &[]).await.unwrap();
    make(&a, "two", &[]).await.unwrap();
    make(&b, "one", &[]).await.unwrap();
    let list = |prefix: &str| a.sqs.list_queues().queue_name_prefix(prefix);
    assert_eq!(list("").send().await.unwrap().queue_urls().len(), 2);
    assert_eq!(list("o").send().await.unwrap().queue_urls(), std::slice::from_ref(&url));
    let page = list("").max_results(1).send().await.unwrap();
    let rest = list("").max_results(1).next_token(page.next_token().unwrap()).send().await.unwrap();
    assert!(rest.queue_urls()[0].ends_with("/two") && rest.next_token().is_none());
    assert_eq!(code(list("").max_results(0).send().await), "InvalidParameterValue");

    let tag = |key: &str| a.sqs.tag_queue().queue_url(&url).tags(key, "v").send();
    tag("k").await.unwrap();
    assert_eq!(code(tag("aws:k").await), "InvalidParameterValue");
    assert_eq!(code(a.sqs.create_queue().queue_name("three").tags("aws:k", "v").send().await), "InvalidParameterValue");
    let tags = async || a.sqs.list_queue_tags().queue_url(&url).send().await.unwrap().tags().is_some();
    assert!(tags().await);
    a.sqs.untag_queue().queue_url(&url).tag_keys("k").send().await.unwrap();
    assert!(!tags().await);

    let purge = || a.sqs.purge_queue().queue_url(&url).send();
    a.sqs.send_message().queue_url(&url).message_body("x").send().await.unwrap();
    purge().await.unwrap();
    assert_eq!(get(&a, &url, ApproximateNumberOfMessages).await.as_deref(), Some("0"));
    advance_time(Duration::from_secs(59)).await;
    assert!(code(purge().await).ends_with("PurgeQueueInProgress"));
    advance_time(Duration::from_secs(1)).await;
    purge().await.unwrap();
    // No policy can allow another account to manage a queue.
    let open = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{B}"}},"Action":"sqs:*","Resource":"*"}}}}"#
    );
    set(&a, &url, &[(Policy, &open)]).await.unwrap();
    b.sqs.send_message().queue_url(&url).message_body("x").send().await.unwrap();
    let refusals = [
        code(b.sqs.delete_queue().queue_url(&url).send().await),
        code(b.sqs.tag_queue().queue_url(&url).tags("k", "v").send().await),
        code(b.sqs.untag_queue().queue_url(&url).tag_keys("k").send().await),
        code(b.sqs.list_queue_tags().queue_url(&url).send().await),
        code(b.sqs.set_queue_attributes().queue_url(&url).attributes(DelaySeconds, "1").send().await),
    ];
    assert!(refusals.iter().all(|refusal| refusal == "AccessDenied"), "{refusals:?}");
}

#[tokio::test(start_paused = true)]
async fn encrypted_queue_needs_permission_on_key() {
    let lab = Lab::new();
    let (a, b) = (lab.agent(A, HERE), lab.agent(B, HERE));
    let key = b.key().await;
    let both = [(KmsMasterKeyId, key.as_str()), (SqsManagedSseEnabled, "true")];
    assert_eq!(make(&b, "q", &both).await, Err("InvalidAttributeName".to_owned()));
    let url = make(&b, "q", &both[..1]).await.unwrap();
    assert_eq!(get(&b, &url, SqsManagedSseEnabled).await.as_deref(), Some("false"));
    let open = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{A}"}},"Action":"sqs:SendMessage","Resource":"*"}}}}"#
    );
    set(&b, &url, &[(Policy, &open)]).await.unwrap();
    let send = async |clients: &Clients| {
        let answer = clients.sqs.send_message().queue_url(&url).message_body("x").send().await;
        if answer.is_ok() { "ok".to_owned() } else { code(answer) }
    };
    let receive = async || {
        let answer = b.sqs.receive_message().queue_url(&url).send().await;
        if answer.is_ok() { "ok".to_owned() } else { code(answer) }
    };
    assert_eq!([send(&b).await, receive().await, send(&a).await], ["ok", "ok", "KMS.AccessDeniedException"]);
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":"{B}"}},"Action":"kms:*","Resource":"*"}},
            {{"Effect":"Allow","Principal":{{"AWS":"{A}"}},"Action":["kms:GenerateDataKey","kms:Decrypt"],"Resource":"*",
              "Condition":{{"StringEquals":{{"kms:ViaService":"sqs.{HERE}.amazonaws.com"}}}}}}]}}"#
    );
    b.kms.put_key_policy().key_id(&key).policy(policy).send().await.unwrap();
    assert_eq!(send(&a).await, "ok");
    b.kms.disable_key().key_id(&key).send().await.unwrap();
    assert_eq!([send(&b).await, receive().await], ["KMS.DisabledException", "KMS.DisabledException"]);
    b.kms.schedule_key_deletion().key_id(&key).send().await.unwrap();
    assert_eq!(send(&b).await, "KMS.InvalidStateException");
    let call = b.kms.create_key().key_spec("ECC_NIST_P256".into()).key_usage("SIGN_VERIFY".into());
    let signing = call.send().await.unwrap().key_metadata().unwrap().key_id().to_owned();
    for (key, expected) in [
        (signing.as_str(), "KMS.InvalidKeyUsageException"),
        ("nothing", "KMS.NotFoundException"),
        // Only the queue's own account may use the AWS managed key.
        ("alias/aws/sqs", "ok"),
    ] {
        set(&b, &url, &[(KmsMasterKeyId, key)]).await.unwrap();
        assert_eq!(send(&b).await, expected);
    }
    assert_eq!(send(&a).await, "KMS.AccessDeniedException");
    set(&b, &url, &[(SqsManagedSseEnabled, "true")]).await.unwrap();
    assert_eq!(send(&a).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn queue_policy_can_deny_requests_without_tls() {
    let lab = Lab::new();
    let a = lab.root(A, HERE);
    let url = make(&a, "q", &[]).await.unwrap();
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"arn:aws:sqs:{HERE}:{A}:q","Condition":{{"Bool":{{"aws:SecureTransport":"false"}}}}}}]}}"#
    );
    let plain = a.sqs.config().to_builder().endpoint_url(format!("http://sqs.{HERE}.amazonaws.com"));
    let plain = Clients { sqs: aws_sdk_sqs::Client::from_conf(plain.build()), ..a.clone() };
    let send = |clients: &Clients| clients.sqs.send_message().queue_url(&url).message_body("x").send();
    send(&plain).await.unwrap();
    set(&a, &url, &[(Policy, &policy)]).await.unwrap();
    assert_eq!(code(send(&plain).await), "AccessDenied");
    send(&a).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn fork_is_independent_of_its_origin() {
    let lab = Lab::new();
    let a = lab.root(A, HERE);
    let url = make(&a, "q", &[]).await.unwrap();
    a.sqs.send_message().queue_url(&url).message_body("x").send().await.unwrap();
    let fork = lab.cloud.fork();
    assert!(fork.calls().is_empty());
    let there = lab.clients(&fork.root(A), HERE, fork.connector());
    let received = async |clients: &Clients| {
        let answer = clients.sqs.receive_message().queue_url(&url).send().await.unwrap();
        let messages = answer.messages().to_vec();
        for message in &messages {
            let handle = message.receipt_handle().unwrap();
            clients.sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
        }
        messages.len()
    };
    assert_eq!((received(&there).await, received(&there).await, received(&a).await), (1, 0, 1));
}
