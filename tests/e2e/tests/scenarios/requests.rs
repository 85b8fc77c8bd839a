//! Requests: a scheduler or a pipeline puts handoffs into a queue of account A.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use agent_runtime::Exit;
use agent_runtime::event::{Event, Mailbox, Requested, Subject};
use aws_sim::Database;
use e2e::{A, HOME, Kill, Lab, Moment, Ran, World, differences};
use protocol::Reason;
use protocol::tags::{Offer, Outcome};
use stack::Pair;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::sample::{SHARDS, points, sharded};

const QUEUE: &str = "rds-handoff-requests";
const DEAD: &str = "rds-handoff-requests-dead";
const ONCE: [&str; 3] = ["run", "--once", "--no-hello"];

/// A request; `more` is the text of further fields.
fn request(database: &str, label: &str, more: &str) -> String {
    format!(r#"{{ "version": 1, "kind": "request", "database": "{database}", "label": "{label}"{more} }}"#)
}

/// A Lab with these databases and an empty requests queue. No handoff is declared.
async fn lab(databases: Vec<&'static str>) -> Lab {
    lab_of(World { databases, ..World::quick() }).await
}

async fn lab_of(world: World) -> Lab {
    let lab = Lab::new(World { requests: true, ..world }).await;
    lab.configure_source(&[], "[requests]");
    lab
}

/// The values of a tag of all source snapshots, sorted.
async fn tagged(lab: &Lab, key: &str) -> Vec<String> {
    let a = lab.admin(A, HOME);
    let mut values = Vec::new();
    for snapshot in a.snapshots().await {
        let tags = a.tags(&snapshot).await;
        values.extend(tags.into_iter().find_map(|(name, value)| (name == key).then_some(value)));
    }
    values.sort();
    values
}

fn handoff(database: &str, label: &str) -> Subject {
    Subject::Handoff { database: database.parse().unwrap(), label: label.parse().unwrap() }
}

async fn labels(lab: &Lab) -> Vec<String> {
    tagged(lab, "rds-handoff:label").await
}

/// Whether the requests queue is empty, after a wait until invisible messages are visible again.
async fn is_empty(lab: &Lab) -> bool {
    tokio::time::sleep(Duration::from_mins(11)).await;
    lab.admin(A, HOME).peek(QUEUE).await.is_empty()
}

fn calls(lab: &Lab, action: &str) -> usize {
    let is_it = |call: &aws_sim::Call| call.principal.contains("source-agent") && call.action == action;
    lab.cloud.calls().iter().filter(|call| is_it(call)).count()
}

fn polls(lab: &Lab) -> usize {
    let calls = lab.cloud.calls();
    let of_queue = |call: &&aws_sim::Call| call.resources.iter().any(|resource| resource.ends_with(QUEUE));
    calls.iter().filter(of_queue).filter(|call| call.action == "sqs:ReceiveMessage").count()
}

/// Runs the source agent for this time with the credentials of its role.
async fn source_for(lab: &Lab, args: &[&str], time: Duration) -> Ran {
    let stop = CancellationToken::new();
    let signal = async {
        tokio::time::sleep(time).await;
        stop.cancel();
    };
    tokio::join!(lab.source_as(A, "rds-handoff-source-agent", args, stop.clone()), signal).0
}

#[tokio::test(start_paused = true)]
async fn request_starts_handoff_that_settles() {
    let lab = lab(vec!["orders"]).await;
    lab.admin(A, HOME).send(QUEUE, &request("orders", "nightly-{date}", "")).await;
    let (source, target) = lab.run_handoffs(&["orders-nightly-2026-11-21"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    let nightly = handoff("orders", "nightly-2026-11-21");
    assert_eq!(source.requested(), [(&nightly, Requested::New)], "{}", source.out);
    assert_eq!(lab.restored("orders-nightly-2026-11-21"), lab.original("orders"));
    assert!(is_empty(&lab).await);

    // Account B restored after account A had settled.
    assert_eq!(lab.source(&["run"]).await.exit, Exit::Settled);
    // The same request after the handoff has settled is reported and deleted, and starts no handoff.
    lab.admin(A, HOME).send(QUEUE, &request("orders", "nightly-2026-11-21", "")).await;
    let world = lab.cloud.fingerprint();
    let again = lab.source(&["run"]).await;
    assert_eq!(again.exit, Exit::Settled, "{}", again.out);
    assert_eq!(again.requested(), [(&nightly, Requested::Over(Outcome::Landed))], "{}", again.out);
    assert!(is_empty(&lab).await);
    let but_queues = |world: String| world.lines().filter(|line| !line.starts_with("queue")).collect::<String>();
    assert_eq!(differences(&but_queues(lab.cloud.fingerprint()), &but_queues(world)), "");
}

#[tokio::test(start_paused = true)]
async fn date_in_label_is_date_of_sending() {
    let lab = lab(vec!["orders", "billing"]).await;
    let a = lab.admin(A, HOME);
    // From 10:00 until a minute before midnight.
    tokio::time::sleep(Duration::from_mins(14 * 60 - 1)).await;
    a.send(QUEUE, &request("orders", "nightly-{date}", "")).await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    a.send(QUEUE, &request("billing", "nightly-{date}", "")).await;
    let ran = lab.source(&ONCE).await;
    assert_eq!(ran.exit, Exit::Pending, "{}", ran.out);
    assert_eq!(labels(&lab).await, ["nightly-2026-11-21", "nightly-2026-11-22"]);
    // A late delivery does not change the date: the next agent finds the same handoffs.
    tokio::time::sleep(Duration::from_hours(48)).await;
    lab.source(&ONCE).await;
    assert_eq!(labels(&lab).await, ["nightly-2026-11-21", "nightly-2026-11-22"]);
    assert!(is_empty(&lab).await);
}

#[tokio::test(start_paused = true)]
async fn duplicate_requests_and_declaration_make_one_handoff() {
    let lab = lab_of(World { duplicates: Some(2), ..World::quick() }).await;
    lab.configure_source(&["orders"], "[requests]");
    for _ in 0..3 {
        lab.admin(A, HOME).send(QUEUE, &request("orders", "cutover-1", "")).await;
    }
    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    // A second delivery changes nothing.
    tokio::time::sleep(Duration::from_mins(11)).await;
    lab.source(&["run"]).await;
    assert_eq!(calls(&lab, "rds:CreateDBSnapshot"), 1);
    assert_eq!(labels(&lab).await, ["cutover-1"]);
    assert!(is_empty(&lab).await);
}

#[tokio::test(start_paused = true)]
async fn two_source_agents_share_requests_queue() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let lab = lab_of(World { databases: names.to_vec(), duplicates: Some(3), ..World::quick() }).await;
    for name in names {
        lab.admin(A, HOME).send(QUEUE, &request(name, "fleet", "")).await;
    }
    let minutes = Duration::from_mins(4);
    let (one, other) = tokio::join!(source_for(&lab, &Lab::ALONE, minutes), source_for(&lab, &Lab::ALONE, minutes));
    assert_eq!((one.exit, other.exit), (Exit::Pending, Exit::Pending), "{}\n{}", one.out, other.out);
    let begun = |ran: &Ran| ran.requested().into_iter().map(|(subject, _)| subject.clone()).collect::<BTreeSet<_>>();
    assert!(!begun(&one).is_empty() && !begun(&other).is_empty(), "{}\n{}", one.out, other.out);
    assert_eq!(begun(&one).union(&begun(&other)).count(), names.len());
    // The next agent receives the duplicates, and what was in flight to an agent that has ended.
    tokio::time::sleep(Duration::from_mins(11)).await;
    source_for(&lab, &Lab::ALONE, Duration::from_mins(1)).await;
    assert_eq!(labels(&lab).await.len(), names.len());
    assert!(is_empty(&lab).await);
}

/// Runs agents on one request, and kills one of them. A killed agent is started again, as by a supervisor, for longer
/// than the request stays invisible after the kill.
async fn request_with(kill: Kill) -> (Arc<Kill>, Lab) {
    let lab = lab(vec!["orders"]).await;
    let kill = Arc::new(kill);
    lab.pass_through(Some(kill.clone()));
    lab.admin(A, HOME).send(QUEUE, &request("orders", "cutover-1", "")).await;
    let until = tokio::time::Instant::now() + Duration::from_mins(20);
    while tokio::time::Instant::now() < until {
        kill.watch(A, source_for(&lab, &Lab::ALONE, Duration::from_mins(5))).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    lab.pass_through(None);
    assert_eq!(labels(&lab).await, ["cutover-1"], "{:?}", kill.struck());
    assert!(is_empty(&lab).await, "{:?}", kill.struck());
    (kill, lab)
}

/// The number of calls that an agent makes until it has deleted the request. All shards share the result.
async fn calls_until_deleted() -> usize {
    static CALLS: OnceCell<usize> = OnceCell::const_new();
    let count = async || {
        let (_, lab) = request_with(Kill::never()).await;
        let calls = lab.cloud.calls();
        let mut of_agent = calls.iter().filter(|call| call.principal.contains("source-agent"));
        of_agent.position(|call| call.action == "sqs:DeleteMessage").unwrap() + 1
    };
    *CALLS.get_or_init(count).await
}

/// A sample takes every third call.
const EVERY: usize = 3;

async fn kill_at_each_call_until_deleted(shard: usize) {
    let calls = calls_until_deleted().await;
    let mut kills = 0;
    // Each moment samples other calls, and each shard takes others of them.
    for (kind, moment) in [Moment::Before, Moment::After, Moment::Later].into_iter().enumerate() {
        for at in points(1..=calls, EVERY, kind, (shard + kind) % SHARDS) {
            let (kill, _) = request_with(Kill::new(at, moment)).await;
            assert!(kill.struck().is_some(), "no agent was killed at call {at} of {calls}");
            kills += 1;
        }
    }
    println!("killed {kills} of {} times", 3 * calls);
    assert!(kills > 0, "the sample of {calls} calls is empty");
}

#[rustfmt::skip]
sharded!(kill_at_each_call_until_deleted() in
    kill_before_request_is_deleted_loses_no_request_1 0, kill_before_request_is_deleted_loses_no_request_2 1,
    kill_before_request_is_deleted_loses_no_request_3 2, kill_before_request_is_deleted_loses_no_request_4 3);

#[tokio::test(start_paused = true)]
async fn invalid_request_goes_to_dead_letter_queue_and_newer_one_stays() {
    let lab = lab(vec!["orders"]).await;
    lab.cloud.create_database(Database { kms_key: None, ..Database::new(A, HOME, "wiki") });
    let a = lab.admin(A, HOME);
    let bad = [
        ("every night at two".to_owned(), Reason::Malformed),
        (request("orders", "Nightly", ""), Reason::Malformed),
        (request("orders", "x", r#", "role": "admin""#), Reason::Malformed),
        (request("orders", "x", r#", "start_within": "30d", "access_for": "40d""#), Reason::Contradictory),
        (request("orders", "x", r#", "to_account": "333333333333""#), Reason::NotForUs),
        (request("ordres", "x", ""), Reason::Fault),
        (request("wiki", "x", ""), Reason::Fault),
    ];
    for (body, reason) in &bad {
        a.send(QUEUE, body).await;
        // An agent does not reject a new request: its listing of databases may be older.
        tokio::time::sleep(Duration::from_mins(2)).await;
        let ran = lab.source(&ONCE).await;
        assert_eq!(ran.exit, Exit::Failed, "{body}: {}", ran.out);
        assert_eq!(ran.rejected(), [*reason], "{}", ran.out);
    }
    let mut dead = a.peek(DEAD).await;
    let mut expected: Vec<_> = bad.iter().map(|(body, reason)| (body.clone(), Some(reason.to_string()))).collect();
    dead.sort();
    expected.sort();
    assert_eq!(dead, expected, "not dead-lettered verbatim with the reason");
    assert_eq!(labels(&lab).await, Vec::<String>::new());

    let newer = request("orders", "x", r#", "retries": 3"#).replace("\"version\": 1", "\"version\": 2");
    a.send(QUEUE, &newer).await;
    let ran = lab.source(&["run"]).await;
    assert_eq!(ran.exit, Exit::Settled, "{}", ran.out);
    let left = Event::NewerLeft { mailbox: Mailbox::Requests, version: 2, kind: "request".to_owned() };
    assert!(ran.events.contains(&left), "{}", ran.out);
    tokio::time::sleep(Duration::from_mins(16)).await;
    assert_eq!(a.peek(QUEUE).await, [(newer, None)]);
}

#[tokio::test(start_paused = true)]
async fn request_for_database_missing_in_stale_listing_is_retried() {
    let lab = lab(vec![]).await;
    let a = lab.admin(A, HOME);
    a.send(QUEUE, &request("orders", "cutover-1", "")).await;
    let ran = lab.source(&ONCE).await;
    assert_eq!(ran.exit, Exit::Settled, "{}", ran.out);
    lab.cloud.create_database(Database::new(A, HOME, "orders"));
    tokio::time::sleep(Duration::from_mins(1)).await;
    lab.source(&ONCE).await;
    assert_eq!(labels(&lab).await, ["cutover-1"]);
    assert_eq!(a.peek(DEAD).await, []);
}

#[tokio::test(start_paused = true)]
async fn terms_of_request_are_kept_in_snapshot_tag() {
    let lab = lab(vec!["orders"]).await;
    let more = r#", "start_within": "6h", "access_for": "2d", "priority": 7"#;
    lab.admin(A, HOME).send(QUEUE, &request("orders", "cutover-1", more)).await;
    lab.source(&ONCE).await;
    assert_eq!(tagged(&lab, "rds-handoff:terms").await, ["start-within=PT6H access-for=PT48H priority=7"]);
    // The next agent deletes the request; the agents after it see only the snapshot's tags.
    tokio::time::sleep(Duration::from_mins(11)).await;
    lab.source(&ONCE).await;
    assert!(is_empty(&lab).await);
    lab.configure_source(&[], "");
    assert_eq!(source_for(&lab, &Lab::ALONE, Duration::from_hours(1)).await.exit, Exit::Pending);
    // No agent runs during the six hours.
    tokio::time::sleep(Duration::from_hours(6)).await;
    let ran = lab.source(&Lab::ALONE).await;
    assert!(ran.settled(Outcome::Expired), "{}", ran.out);
    let offer: Offer = tagged(&lab, "rds-handoff:offer").await.pop().unwrap().parse().unwrap();
    let after = [offer.start_by, offer.access_until].map(|time| time.duration_since(offer.issued).as_hours());
    assert_eq!(after, [6, 48]);
}

#[tokio::test(start_paused = true)]
async fn run_ends_after_one_empty_poll() {
    let lab = lab(vec!["orders"]).await;
    for (args, wait) in [(&["run"][..], 20), (&["run", "--once"], 1)] {
        lab.cloud.forget_calls();
        let began = tokio::time::Instant::now();
        let ran = lab.source(args).await;
        assert_eq!(ran.exit, Exit::Settled, "{}", ran.out);
        assert_eq!(polls(&lab), 1);
        // The poll of the receipts takes another second.
        assert!((wait..wait + 3).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }
    // The requests queue is not polled without [requests], nor by `plan` and `status`.
    lab.configure_source(&[], "");
    lab.cloud.forget_calls();
    lab.source(&["run"]).await;
    for command in ["plan", "status"] {
        lab.configure_source(&[], "[requests]");
        lab.source(&[command]).await;
    }
    assert_eq!(polls(&lab), 0);
}

#[tokio::test(start_paused = true)]
async fn watching_agent_starts_requests_as_they_arrive() {
    let lab = lab(vec!["orders"]).await;
    let send = async {
        tokio::time::sleep(Duration::from_mins(65)).await;
        let idle = calls(&lab, "rds:DescribeDBSnapshots");
        lab.admin(A, HOME).send(QUEUE, &request("orders", "cutover-1", "")).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        (idle, labels(&lab).await)
    };
    let watch = ["run", "--watch", "--no-hello"];
    let (ran, (idle, labels)) = tokio::join!(source_for(&lab, &watch, Duration::from_mins(67)), send);
    assert_eq!(labels, ["cutover-1"], "{}", ran.out);
    assert!((3..=4).contains(&idle), "not one read of the snapshots every twenty minutes: {idle}");
}

#[tokio::test(start_paused = true)]
async fn request_that_cannot_start_returns_to_queue() {
    let lab = lab(vec!["orders"]).await;
    let a = lab.admin(A, HOME);
    let role = "rds-handoff-source-agent";
    let policies = Pair { requests: true, ..Lab::PAIR }.policies(role);
    let reduced =
        policies.iter().map(|policy| policy.to_string().replace("rds:CreateDBSnapshot", "rds:StopDBInstance"));
    let reduced: Vec<String> = reduced.collect();
    lab.cloud.put_role_policies(A, role, &reduced.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    a.send(QUEUE, &request("orders", "cutover-1", "")).await;
    // Longer than the visibility timeout: the agent extends it.
    let ran = lab.source(&["run", "--patience", "25m"]).await;
    assert_eq!(ran.exit, Exit::Blocked, "{}", ran.out);
    assert_eq!(ran.requested().len(), 1, "{}", ran.out);
    assert_eq!(a.peek(QUEUE).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn denied_requests_queue_does_not_block_declared_handoff() {
    let lab = lab(vec!["orders"]).await;
    lab.configure_source(&["orders"], "[requests]");
    let deny_receive = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Principal":"*","Action":"sqs:ReceiveMessage","Resource":"arn:aws:sqs:{HOME}:{A}:{QUEUE}"}}}}"#
    );
    lab.admin(A, HOME).set_queue_policy(QUEUE, &deny_receive).await;
    let (source, _) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!(source.exit, Exit::Blocked, "{}", source.out);
    assert!(source.settled(Outcome::Landed), "{}", source.out);
    let blocked: Vec<_> = source.blocked().map(|(subject, fault)| (subject, fault.code.as_deref())).collect();
    assert_eq!(blocked, [(&Mailbox::Requests.into(), Some("AccessDenied"))], "{}", source.out);
}

#[tokio::test(start_paused = true)]
async fn check_reports_third_account_in_requests_queue_policy() {
    let lab = lab(vec!["orders"]).await;
    let queue_lines = |ran: &Ran| {
        let lines = ran.out.lines().filter(|line| line.contains("queue rds-handoff-requests"));
        lines.map(str::trim).collect::<Vec<_>>().join("\n")
    };
    let ran = lab.source(&["check"]).await;
    assert_eq!(ran.exit, Exit::Settled, "{}", ran.out);
    assert_eq!(queue_lines(&ran).matches("passed").count(), 3, "{}", ran.out);
    let third = serde_json::json!({
        "Sid": "Auditors", "Effect": "Allow", "Principal": { "AWS": "333333333333" }, "Action": "sqs:*", "Resource": "*",
    });
    lab.admin(A, HOME).add_to_queue_policy(QUEUE, &[third]).await;
    let ran = lab.source(&["check"]).await;
    assert_eq!(ran.exit, Exit::Blocked, "{}", ran.out);
    let words =
        "its statement Auditors allows 333333333333 to send fix: remove it: only this account may send to this queue";
    assert!(ran.words().contains(words), "{}", ran.out);
}

#[tokio::test(start_paused = true)]
async fn request_whose_snapshot_lost_its_tags_goes_to_dead_letter_queue() {
    let lab = lab(vec!["orders"]).await;
    let a = lab.admin(A, HOME);
    a.send(QUEUE, &request("orders", "cutover-1", "")).await;
    lab.source(&ONCE).await;
    let arn = format!("arn:aws:rds:{HOME}:{A}:snapshot:{}", a.snapshots().await.pop().unwrap());
    let call = a.rds.remove_tags_from_resource().resource_name(arn);
    call.tag_keys("rds-handoff:id").tag_keys("rds-handoff:role").send().await.unwrap();
    tokio::time::sleep(Duration::from_mins(11)).await;
    let ran = lab.source(&ONCE).await;
    assert_eq!(ran.exit, Exit::Failed, "{}", ran.out);
    let dead = a.peek(DEAD).await;
    assert_eq!(dead, [(request("orders", "cutover-1", ""), Some("name-taken".to_owned()))]);
    assert!(is_empty(&lab).await);
}

#[tokio::test(start_paused = true)]
async fn invalid_declaration_also_blocks_requests() {
    let lab = lab(vec!["orders"]).await;
    lab.configure_source(&["ordres"], "[requests]");
    lab.admin(A, HOME).send(QUEUE, &request("orders", "cutover-1", "")).await;
    assert_eq!(lab.source(&ONCE).await.exit, Exit::Usage);
    assert_eq!((polls(&lab), labels(&lab).await), (0, vec![]));
}
