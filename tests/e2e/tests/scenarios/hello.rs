//! `hello`: account A learns within seconds what is missing in account B, before anything is copied.

use std::time::Duration;

use agent_runtime::Exit;
use agent_runtime::event::{Event, Subject};
use aws_sdk_kms::types::KeyState;
use aws_sim::Database;
use e2e::{A, B, HOME, Lab, TARGET, World};
use protocol::{HelloMessage, Lack};

const PATIENT: [&str; 3] = ["run", "--patience", "10h"];

/// The messages in account A's receipts queue.
async fn receipts(lab: &Lab) -> Vec<String> {
    let messages = lab.admin(A, HOME).peek(&format!("rds-handoff-receipts-{B}")).await;
    messages.into_iter().map(|(body, _)| body).collect()
}

/// Returns the hello of the Lab's handoff as account A's command sends it, and removes it from the inbox.
async fn sent_hello(lab: &Lab) -> HelloMessage {
    lab.source(&["hello", "--patience", "1s"]).await;
    let b = lab.admin(B, TARGET);
    let (body, _) = b.peek("rds-handoff-inbox").await.pop().unwrap();
    b.sqs.purge_queue().queue_url(b.queue_url("rds-handoff-inbox")).send().await.unwrap();
    tokio::time::sleep(Duration::from_mins(2)).await;
    HelloMessage::decode(&body).unwrap()
}

/// Sends a hello, and returns what account B lacks by its answer.
async fn answer(lab: &Lab) -> Option<Lack> {
    let (ran, target) = tokio::join!(lab.source(&["hello"]), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        lab.target(&["run"]).await
    });
    let [Event::AnswerReceived { account, lack, .. }] = &ran.events[..] else { panic!("{}\n{}", ran.out, target.out) };
    let exit = if lack.is_some() { Exit::Blocked } else { Exit::Settled };
    assert_eq!((ran.exit, account.as_str()), (exit, B), "{}\n{}", ran.out, target.out);
    assert!(receipts(lab).await.is_empty(), "the answer was not deleted");
    *lack
}

#[tokio::test(start_paused = true)]
async fn nothing_is_copied_before_account_b_is_ready() {
    let lab = Lab::new(World::slow()).await;
    lab.edit("target.toml", "private", "later");
    let fix = async {
        tokio::time::sleep(Duration::from_hours(2)).await;
        let calls = lab.cloud.calls();
        let costly = ["kms:CreateKey", "rds:CopyDBSnapshot"];
        assert!(calls.iter().all(|call| !costly.contains(&call.action.as_str())), "a key or a copy was made");
        lab.cloud.create_subnet_group(B, TARGET, "later");
        lab.target_until_restored(&["orders-cutover-1"]).await
    };
    let target = async {
        // As a timer does: each run answers the hellos that have arrived.
        for _ in 0..20 {
            let ran = lab.target(&["run"]).await;
            assert_eq!(ran.exit, Exit::Settled, "{}", ran.out);
            tokio::time::sleep(Duration::from_mins(5)).await;
        }
    };
    let both = async { tokio::join!(lab.source(&PATIENT), target, fix) };
    let (source, (), target) = Box::pin(Lab::in_time(both)).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    let lacks = |event: &Event| matches!(event, Event::AnswerRecorded { lack: Some(Lack::Profile), .. });
    assert_eq!(source.count(lacks), 1, "{}", source.out);
    assert_eq!(
        source.blocked().filter(|(_, fault)| fault.step == Some("hello")).count(),
        1,
        "not reported exactly once: {}",
        source.out
    );
    assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"));
    let a = lab.admin(A, HOME);
    let tags = a.tags(&a.snapshots().await[0]).await;
    let value = |key: &str| tags.iter().find(|(name, _)| name == key).unwrap().1.clone();
    assert!(value("rds-handoff:hello").contains("sent=2026-11-21T12:"), "hello was not resent: {tags:?}");
    assert!(value("rds-handoff:ready").ends_with('Z'), "{tags:?}");
}

#[tokio::test(start_paused = true)]
async fn account_b_answers_hello_with_what_it_lacks() {
    let lab = Lab::new(World::quick()).await;
    assert_eq!(answer(&lab).await, None);
    let b = lab.admin(B, TARGET);
    let key = b.own_key().await;

    b.kms.disable_key().key_id(&key).send().await.unwrap();
    assert_eq!(answer(&lab).await, Some(Lack::Key));
    b.kms.enable_key().key_id(&key).send().await.unwrap();
    let state = b.kms.describe_key().key_id(&key).send().await.unwrap().key_metadata().unwrap().key_state().cloned();
    assert_eq!(state, Some(KeyState::Enabled));

    lab.edit("target.toml", "private", "absent");
    assert_eq!(answer(&lab).await, Some(Lack::Profile));
    lab.edit("target.toml", "absent", "private");

    lab.cloud.create_database(Database::new(B, TARGET, "orders-cutover-1"));
    assert_eq!(answer(&lab).await, Some(Lack::Name));
    b.rds
        .delete_db_instance()
        .db_instance_identifier("orders-cutover-1")
        .skip_final_snapshot(true)
        .send()
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_hours(1)).await;

    // AWS's default quota is 40 databases.
    for count in 0..40 {
        lab.cloud.create_database(Database::new(B, TARGET, &format!("other-{count}")));
    }
    assert_eq!(answer(&lab).await, Some(Lack::Quota));
    b.rds.delete_db_instance().db_instance_identifier("other-0").skip_final_snapshot(true).send().await.unwrap();
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(answer(&lab).await, None);

    let policies = Lab::PAIR.policies("rds-handoff-target-agent");
    let cut: Vec<String> = policies
        .iter()
        .map(|policy| policy.to_string().replace("rds:DescribeDBSubnetGroups", "rds:StopDBInstance"))
        .collect();
    let cut: Vec<&str> = cut.iter().map(String::as_str).collect();
    lab.cloud.put_role_policies(B, "rds-handoff-target-agent", &cut).unwrap();
    assert_eq!(answer(&lab).await, Some(Lack::Permission));

    lab.cloud.put_role_policies(B, "rds-handoff-target-agent", &[aws_sim::FULL_ACCESS]).unwrap();
    // An agent of another Region reads this inbox.
    let inbox = format!("inbox = \"arn:aws:sqs:{TARGET}:{B}:rds-handoff-inbox\"\nregion = \"eu-west-1\"");
    lab.edit("target.toml", &format!("region = \"{TARGET}\""), &inbox);
    lab.edit("target.toml", &format!("kms:{TARGET}"), "kms:eu-west-1");
    assert_eq!(answer(&lab).await, Some(Lack::NotForUs));
}

#[tokio::test(start_paused = true)]
async fn hello_command_consumes_only_its_own_answer() {
    let lab = Lab::new(World::quick()).await;
    let ran = lab.source(&["hello", "--patience", "1m"]).await;
    assert_eq!(ran.exit, Exit::Blocked, "{}", ran.out);
    assert!(matches!(ran.events[..], [Event::GivenUp { .. }]), "nothing was answered: {}", ran.out);

    let a = lab.admin(A, HOME);
    a.send(&format!("rds-handoff-receipts-{B}"), "not a receipt").await;
    lab.cloud.forget_calls();
    let (ran, target) = tokio::join!(lab.source(&["hello"]), lab.target_until_restored(&[]));
    assert_eq!(ran.exit, Exit::Settled, "{}", ran.out);
    assert!(matches!(ran.events[..], [Event::AnswerReceived { lack: None, .. }]), "{}", ran.out);
    let left = receipts(&lab).await;
    assert_eq!(left.len(), 2, "not the other receipt and the late answer to the first hello: {left:?}\n{}", target.out);
    let changes = |call: &&aws_sim::Call| call.mutating && !call.action.starts_with("sqs:");
    assert_eq!(lab.cloud.calls().iter().filter(changes).count(), 0, "more than messages was changed");

    // No handoff waits for the late answer: it is deleted without effect.
    lab.configure_source(&[], "");
    tokio::time::sleep(Duration::from_mins(10)).await;
    lab.source(&["run"]).await;
    assert!(receipts(&lab).await.is_empty());
    assert_eq!(a.peek(&format!("rds-handoff-receipts-{B}-dead")).await.len(), 1, "not the invalid receipt alone");
}

#[tokio::test(start_paused = true)]
async fn early_hello_is_answered_when_target_agent_starts() {
    let lab = Lab::new(World::quick()).await;
    let late = async {
        tokio::time::sleep(Duration::from_hours(5)).await;
        lab.target_until_restored(&["orders-cutover-1"]).await
    };
    let both = async { tokio::join!(lab.source(&["run"]), late) };
    let (source, target) = Box::pin(Lab::in_time(both)).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert!(source.stalled().contains(&"hello"), "{}", source.out);
    let hellos = source.acted("hello");
    assert!((1..=12).contains(&hellos), "not resent with backoff: {hellos}");
}

#[tokio::test(start_paused = true)]
async fn invalid_hello_goes_to_dead_letter_queue_unanswered() {
    let lab = Lab::new(World::quick()).await;
    let good = sent_hello(&lab).await;
    let body = good.encode();
    let stranger = HelloMessage {
        database_arn: format!("arn:aws:rds:{HOME}:333333333333:db:orders").parse().unwrap(),
        ..good.clone()
    };
    let id = |hello: &HelloMessage| {
        let HelloMessage { database_arn, resource, target_account, target_region, label, .. } = hello;
        protocol::HandoffId::of(database_arn, resource, target_account, target_region, label)
    };
    let stranger = HelloMessage { handoff: id(&stranger), ..stranger };
    let early = HelloMessage { issued: "2026-11-28T10:00:00Z".parse().unwrap(), ..good.clone() };
    let hostile = [
        (body.replace("\"version\":1", "\"version\":1,\"more\":1"), "malformed"),
        (body.replace("cutover-1", "cutover-2"), "contradictory"),
        (stranger.encode(), "unknown-sender"),
        (early.encode(), "bad-times"),
    ];
    let b = lab.admin(B, TARGET);
    for (body, _) in &hostile {
        b.send("rds-handoff-inbox", body).await;
    }
    let ran = lab.target(&["run"]).await;
    assert_eq!(ran.exit, Exit::Settled, "{}", ran.out);
    let mut dead: Vec<_> =
        b.peek("rds-handoff-inbox-dead").await.into_iter().filter_map(|(_, reason)| reason).collect();
    dead.sort();
    assert_eq!(dead, ["bad-times", "contradictory", "malformed", "unknown-sender"]);
    assert_eq!(receipts(&lab).await, Vec::<String>::new());
    // The valid hello is answered each time it is delivered.
    b.send("rds-handoff-inbox", &body).await;
    b.send("rds-handoff-inbox", &body).await;
    lab.target(&["run"]).await;
    let answers = receipts(&lab).await;
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test(start_paused = true)]
async fn forged_answer_to_hello_is_ignored() {
    let lab = Lab::new(World::quick()).await;
    let hello = sent_hello(&lab).await;
    let a = lab.admin(A, HOME);
    let queue = format!("rds-handoff-receipts-{B}");
    let source = async { lab.source(&["run", "--patience", "2h"]).await };
    let forge = async {
        tokio::time::sleep(Duration::from_mins(1)).await;
        // The answer to another hello, and an answer in the name of another account.
        let answer = protocol::AnswerMessage::new(&hello, None);
        a.send(&queue, &answer.encode()).await;
        a.send(&queue, &answer.encode().replace(B, "333333333333")).await;
        tokio::time::sleep(Duration::from_mins(30)).await;
        let tags = a.tags(&a.snapshots().await[0]).await;
        assert!(tags.iter().all(|(key, _)| key != "rds-handoff:ready"), "{tags:?}");
        assert_eq!(
            a.peek(&format!("{queue}-dead")).await.len(),
            1,
            "not the answer in the name of another account alone"
        );
        lab.target_until_restored(&["orders-cutover-1"]).await
    };
    let (source, target) = Box::pin(Lab::in_time(async { tokio::join!(source, forge) })).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
}

#[tokio::test(start_paused = true)]
async fn hello_is_resent_with_backoff_across_processes() {
    let lab = Lab::new(World::quick()).await;
    // As a timer does: every five minutes for a day, then once a day for as long as a queue keeps a message.
    for _ in 0..288 {
        lab.source(&["run", "--once"]).await;
        tokio::time::sleep(Duration::from_mins(5)).await;
    }
    let sent = lab.cloud.calls().iter().filter(|call| call.action == "sqs:SendMessage").count();
    assert!((24..=36).contains(&sent), "not resent with backoff up to an hour: {sent}");
    for _ in 0..15 {
        lab.source(&["run", "--once"]).await;
        tokio::time::sleep(Duration::from_hours(24)).await;
    }
    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert!(lab.admin(B, TARGET).peek("rds-handoff-inbox-dead").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn unsendable_answer_does_not_delay_other_messages() {
    let lab = Lab::new(World::quick()).await;
    let hello = sent_hello(&lab).await.encode();
    let (a, b) = (lab.admin(A, HOME), lab.admin(B, TARGET));
    let no_send = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{A}"}},"Action":"sqs:GetQueueUrl","Resource":"*"}}}}"#
    );
    a.set_queue_policy(&format!("rds-handoff-receipts-{B}"), &no_send).await;
    for _ in 0..25 {
        b.send("rds-handoff-inbox", &hello).await;
    }
    b.send("rds-handoff-inbox", "rubbish").await;
    let ran = lab.target(&["run"]).await;
    assert_eq!(ran.exit, Exit::Settled, "{}", ran.out);
    assert_eq!(b.peek("rds-handoff-inbox-dead").await.len(), 1, "the invalid message was not reached");
    let sender = Subject::Answers(A.parse().unwrap());
    let blocked: Vec<_> = ran.blocked().map(|(subject, fault)| (subject, fault.code.as_deref())).collect();
    assert_eq!(blocked, [(&sender, Some("AccessDenied"))], "not reported exactly once: {}", ran.out);
}
