//! Messages are not trusted: none is acted on before it is verified, none is lost, and a rejection shows its reason.

use std::time::Duration;

use agent_runtime::Exit;
use agent_runtime::event::{Event, Mailbox, Row, RowState};
use e2e::{A, B, HOME, Lab, TARGET, World};
use protocol::Reason;
use protocol::tags::Outcome;
use protocol::wire::handoff::HandoffMessage;
use tokio_util::sync::CancellationToken;

/// Runs account A's agent until its message is in the inbox, then stops it. Returns the message.
async fn published(lab: &Lab) -> String {
    let stop = CancellationToken::new();
    let source = lab.source_as(A, "rds-handoff-source-agent", &Lab::ALONE, stop.clone());
    let wait = async {
        let message = lab.message().await;
        stop.cancel();
        message
    };
    tokio::join!(source, wait).1
}

/// Deletes all messages in the inbox.
async fn clear(lab: &Lab) {
    let b = lab.admin(B, TARGET);
    let url = b.queue_url("rds-handoff-inbox");
    loop {
        let answer = b.sqs.receive_message().queue_url(&url).max_number_of_messages(10).send().await.unwrap();
        if answer.messages().is_empty() {
            return;
        }
        for message in answer.messages() {
            b.sqs
                .delete_message()
                .queue_url(&url)
                .receipt_handle(message.receipt_handle().unwrap())
                .send()
                .await
                .unwrap();
        }
    }
}

/// The RDS calls by which account B has changed something.
fn rds_changes(lab: &Lab) -> Vec<String> {
    let changes = lab.cloud.calls().into_iter().filter(|call| call.account == B && call.mutating);
    changes.map(|call| call.action).filter(|action| action.starts_with("rds:")).collect()
}

#[tokio::test(start_paused = true)]
async fn hostile_message_goes_to_dead_letter_queue_and_is_not_acted_on() {
    let lab = Lab::new(World::quick()).await;
    let good = published(&lab).await;
    clear(&lab).await;
    lab.cloud.forget_calls();
    let altered = |change: fn(&mut HandoffMessage)| {
        let mut handoff = HandoffMessage::decode(&good).unwrap();
        change(&mut handoff);
        handoff.encode()
    };
    let b = lab.admin(B, TARGET);
    let hostile = [
        ("not JSON at all".to_owned(), Reason::Malformed),
        (good.replacen(':', ": ", 1), Reason::Malformed),
        (good.replace("\"version\":1", "\"version\":1,\"run\":\"rm\""), Reason::Malformed),
        (format!("{good}{}", " ".repeat(20_000)), Reason::TooLarge),
        (good.replace(B, "333333333333"), Reason::Contradictory),
        (good.replace("us-west-2:111111111111:snapshot", "us-west-2:333333333333:snapshot"), Reason::Contradictory),
        (altered(|handoff| handoff.label = "other".parse().unwrap()), Reason::Contradictory),
        (altered(|handoff| handoff.size_gib = 1), Reason::NotAsClaimed),
        (
            altered(|handoff| handoff.key.key = "mrk-00000000000000000000000000000000".parse().unwrap()),
            Reason::NotAsClaimed,
        ),
        (altered(|handoff| handoff.identity.created = "2020-01-01T00:00:00Z".parse().unwrap()), Reason::NotAsClaimed),
        (altered(|handoff| handoff.start_by = handoff.issued), Reason::Expired),
        (altered(|handoff| handoff.issued = "2027-01-01T00:00:00Z".parse().unwrap()), Reason::BadTimes),
    ];
    for (body, reason) in &hostile {
        b.send("rds-handoff-inbox", body).await;
        let ran = lab.target(&["run"]).await;
        assert_eq!(ran.rejected(), [*reason], "{}", ran.out);
    }
    assert_eq!(rds_changes(&lab), Vec::<String>::new());
    let mut dead = b.peek("rds-handoff-inbox-dead").await;
    let mut expected: Vec<_> = hostile.iter().map(|(body, reason)| (body.clone(), Some(reason.to_string()))).collect();
    dead.sort();
    expected.sort();
    assert_eq!(dead, expected, "not dead-lettered verbatim with the reason");
    assert!(b.peek("rds-handoff-inbox").await.is_empty());

    // The valid message still works.
    b.send("rds-handoff-inbox", &good).await;
    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
}

#[tokio::test(start_paused = true)]
async fn missing_dead_letter_queue_does_not_block_valid_message() {
    let lab = Lab::new(World::quick()).await;
    let good = published(&lab).await;
    let b = lab.admin(B, TARGET);
    // An administrator deletes the dead-letter queue.
    clear(&lab).await;
    b.sqs.delete_queue().queue_url(b.queue_url("rds-handoff-inbox-dead")).send().await.unwrap();
    for body in ["bad", &good, "worse"] {
        b.send("rds-handoff-inbox", body).await;
    }
    let ran = lab.target(&["run"]).await;
    assert_eq!(ran.exit, Exit::Blocked, "{}", ran.out);
    let inbox = Mailbox::Inbox.into();
    let fix = ran.blocked().find(|(subject, _)| **subject == inbox).and_then(|(_, fault)| fault.fix.as_deref());
    assert!(fix.is_some_and(|fix| fix.contains("create arn:aws:sqs:")), "{}", ran.out);
    assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"));
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(b.peek("rds-handoff-inbox").await.len(), 2, "the invalid messages were lost");
}

#[tokio::test(start_paused = true)]
async fn second_message_for_active_handoff_goes_to_dead_letter_queue() {
    let lab = Lab::new(World::slow()).await;
    let good = published(&lab).await;
    let b = lab.admin(B, TARGET);
    let mut other = HandoffMessage::decode(&good).unwrap();
    other.nonce = "ffffffffffffffff".parse().unwrap();
    let begun = lab.target(&["run", "--once"]).await;
    assert_eq!(begun.exit, Exit::Pending, "{}", begun.out);
    assert_eq!(b.snapshots().await.len(), 1, "{}", begun.out);
    b.send("rds-handoff-inbox", &other.encode()).await;
    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!(source.exit, Exit::Settled, "the handoff did not settle as landed: {}", source.out);
    assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"), "{}", target.out);
    assert_eq!(b.peek("rds-handoff-inbox-dead").await, [(other.encode(), Some("contradictory".to_owned()))]);
}

#[tokio::test(start_paused = true)]
async fn message_with_wrong_recipient_or_sender_is_rejected() {
    let lab = Lab::new(World::quick()).await;
    let good = HandoffMessage::decode(&published(&lab).await).unwrap();
    clear(&lab).await;
    let consistent = |handoff: HandoffMessage| {
        // All fields are consistent with each other, as a careful attacker would make them.
        let HandoffMessage { database_arn, identity, target_account, target_region, label, .. } = &handoff;
        let id = protocol::HandoffId::of(database_arn, &identity.resource, target_account, target_region, label);
        let mut handoff = HandoffMessage { handoff: id.clone(), ..handoff.clone() };
        handoff.snapshot.account = handoff.database_arn.account.clone();
        handoff.snapshot.region = handoff.target_region.clone();
        handoff.key.account = handoff.database_arn.account.clone();
        handoff.key.region = handoff.target_region.clone();
        let role = protocol::names::SnapshotRole::Shared;
        handoff.snapshot.snapshot = protocol::names::snapshot(handoff.database(), &id, role);
        handoff
    };
    let b = lab.admin(B, TARGET);
    let for_others = consistent(HandoffMessage { target_account: "333333333333".parse().unwrap(), ..good.clone() });
    let elsewhere = consistent(HandoffMessage { target_region: "us-east-1".parse().unwrap(), ..good.clone() });
    let mut database_arn = good.database_arn.clone();
    database_arn.account = "444444444444".parse().unwrap();
    let stranger = consistent(HandoffMessage { database_arn, ..good.clone() });
    lab.cloud.forget_calls();
    for (handoff, reason) in
        [(for_others, Reason::NotForUs), (elsewhere, Reason::NotForUs), (stranger, Reason::UnknownSender)]
    {
        b.send("rds-handoff-inbox", &handoff.encode()).await;
        let ran = lab.target(&["run"]).await;
        assert_eq!(ran.rejected(), [reason], "{}", ran.out);
        let receipts: Vec<_> = lab
            .cloud
            .calls()
            .into_iter()
            .filter(|call| call.action == "sqs:SendMessage" && call.region == HOME)
            .collect();
        assert!(receipts.is_empty(), "a receipt was sent: {receipts:?}");
    }
    assert_eq!(rds_changes(&lab), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn message_of_newer_version_stays_in_queue() {
    let lab = Lab::new(World::quick()).await;
    let good = published(&lab).await;
    clear(&lab).await;
    let b = lab.admin(B, TARGET);
    for newer in [good.replace("\"version\":1", "\"version\":3"), good.replace("\"handoff\",", "\"farewell\",")] {
        assert_ne!(newer, good);
        b.send("rds-handoff-inbox", &newer).await;
    }
    let ran = lab.target(&["run"]).await;
    assert_eq!(ran.exit, Exit::Settled, "{}", ran.out);
    let left = |event: &Event| matches!(event, Event::NewerLeft { mailbox: Mailbox::Inbox, .. });
    assert_eq!(ran.count(left), 2, "{}", ran.out);
    assert!(b.peek("rds-handoff-inbox").await.is_empty(), "not invisible for 15 minutes");
    tokio::time::sleep(Duration::from_mins(15)).await;
    assert_eq!(b.peek("rds-handoff-inbox").await.len(), 2);
    assert!(b.peek("rds-handoff-inbox-dead").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn duplicate_message_changes_nothing_and_gets_receipts_again() {
    let lab = Lab::new(World::quick()).await;
    let message = published(&lab).await;
    let b = lab.admin(B, TARGET);
    b.send("rds-handoff-inbox", &message).await;
    b.send("rds-handoff-inbox", &message).await;
    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    lab.settle().await;
    let world = lab.cloud.fingerprint();
    let made =
        |action: &str| lab.cloud.calls().iter().filter(|call| call.account == B && call.action == action).count();
    assert_eq!((made("rds:CopyDBSnapshot"), made("rds:RestoreDBInstanceFromDBSnapshot")), (1, 1));

    // After the handoff has settled: the same receipts are sent again, and account A ignores them.
    lab.cloud.forget_calls();
    b.send("rds-handoff-inbox", &message).await;
    let ran = lab.target(&["run"]).await;
    assert_eq!(ran.exit, Exit::Settled, "{}", ran.out);
    let receipts =
        lab.cloud.calls().iter().filter(|call| call.action == "sqs:SendMessage" && call.region == HOME).count();
    assert_eq!(receipts, 3, "not accepted, landed and restored");
    lab.settle().await;
    let left = lab.cloud.fingerprint();
    let changed: Vec<_> = left.lines().filter(|line| !world.lines().any(|before| before == *line)).collect();
    assert!(changed.is_empty(), "{changed:?}");
}

#[tokio::test(start_paused = true)]
async fn message_without_shared_snapshot_waits_and_then_expires() {
    let lab = Lab::new(World::quick()).await;
    let message = published(&lab).await;
    let a = lab.admin(A, TARGET);
    let copy = a.snapshots().await.pop().unwrap();
    let share = |shared: bool| {
        let call = a.rds.modify_db_snapshot_attribute().db_snapshot_identifier(&copy).attribute_name("restore");
        if shared { call.values_to_add(B) } else { call.values_to_remove(B) }.send()
    };
    share(false).await.unwrap();
    lab.cloud.forget_calls();
    let ran = lab.target(&["run", "--patience", "1h"]).await;
    assert_eq!(ran.exit, Exit::Blocked, "{}", ran.out);
    assert!(ran.blocked().any(|(_, fault)| fault.step == Some("verify")), "{}", ran.out);
    let working = |row: &Row| row.state == RowState::Working;
    assert!(ran.step("verify").any(working), "not treated as propagation delay at first: {}", ran.out);
    let kept = lab.cloud.calls().iter().filter(|call| call.action.starts_with("sqs:ChangeMessageVisibility")).count();
    assert!((2..=4).contains(&kept), "visibility not extended after five minutes and then every half hour: {kept}");
    let b = lab.admin(B, TARGET);
    let visible = b.peek("rds-handoff-inbox").await;
    assert_eq!(visible.len(), 1, "not visible again at once");
    assert_eq!(visible[0].0, message);
    assert_eq!(rds_changes(&lab), Vec::<String>::new());

    tokio::time::sleep(Duration::from_hours(25)).await;
    let ran = lab.target(&["run"]).await;
    assert_eq!(ran.exit, Exit::Failed, "{}", ran.out);
    assert_eq!(b.peek("rds-handoff-inbox-dead").await, [(message, Some("expired".to_owned()))]);
    assert_eq!(rds_changes(&lab), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn message_after_start_by_is_rejected_and_access_revoked() {
    let lab = Lab::new(World::quick()).await;
    published(&lab).await;
    tokio::time::sleep(Duration::from_hours(25)).await;
    let target = lab.target(&["run"]).await;
    assert_eq!(target.exit, Exit::Failed, "{}", target.out);
    assert_eq!(lab.restored("orders-cutover-1"), None);
    let source = lab.source(&["run"]).await;
    assert_eq!(source.exit, Exit::Failed, "{}", source.out);
    assert!(source.settled(Outcome::Rejected), "{}", source.out);
    assert_eq!(lab.admin(A, TARGET).snapshots().await, Vec::<String>::new());
}
