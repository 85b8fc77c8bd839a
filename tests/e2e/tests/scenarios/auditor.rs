//! The auditor reports each invariant at the call that breaks it, made by an attacker with an agent's role.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use agent_runtime::Exit;
use aws_sdk_rds::types::Tag;
use aws_sim::{Database, FULL_ACCESS};
use e2e::{A, Admin, B, HOME, Invariant, Lab, TARGET, World};
use futures_util::FutureExt as _;

const SOURCE: &str = "rds-handoff-source-agent";
const TARGET_ROLE: &str = "rds-handoff-target-agent";

/// A Lab with an open offer of `orders`, databases that do not belong to it, and agent roles with unrestricted
/// permissions.
async fn offered() -> Lab {
    let lab = Lab::new(World { databases: vec![], ..World::quick() }).await;
    let key = lab.admin(A, HOME).create_key("databases of account A").await;
    for name in ["orders", "payroll"] {
        lab.cloud.create_database(Database { kms_key: Some(key.clone()), ..Database::new(A, HOME, name) });
    }
    lab.cloud.create_database(Database { kms_key: None, ..Database::new(A, TARGET, "branch") });
    lab.configure_source(&["orders"], "");
    let source = lab.source_for(Duration::from_mins(15)).await;
    assert_eq!(source.exit, Exit::Pending, "{}", source.out);
    for (account, role) in [(A, SOURCE), (B, TARGET_ROLE)] {
        lab.cloud.put_role_policies(account, role, &[FULL_ACCESS]).unwrap();
        lab.cloud.put_role_boundary(account, role, None).unwrap();
    }
    assert_eq!(lab.broken(), None);
    lab
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(format!("rds-handoff:{key}")).value(value).build()
}

fn arn(region: &str, name: &str) -> String {
    format!("arn:aws:rds:{region}:{A}:snapshot:{name}")
}

async fn add_tag(by: &Admin, region: &str, snapshot: &str, key: &str, value: &str) {
    let call = by.rds.add_tags_to_resource().resource_name(arn(region, snapshot));
    call.tags(tag(key, value)).send().await.unwrap();
}

/// Takes a snapshot with these tags.
async fn take_snapshot(by: &Admin, database: &str, name: &str, tags: &[Tag]) {
    let call = by.rds.create_db_snapshot().db_instance_identifier(database).db_snapshot_identifier(name);
    call.set_tags(Some(tags.to_vec())).send().await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
}

async fn share(by: &Admin, name: &str, with: bool) {
    let call = by.rds.modify_db_snapshot_attribute().db_snapshot_identifier(name).attribute_name("restore");
    if with { call.values_to_add(B) } else { call.values_to_remove(B) }.send().await.unwrap();
}

/// Asserts that this invariant was broken by a call of this action, with these words.
#[track_caller]
fn assert_broken(lab: &Lab, invariant: Invariant, action: &str, found: &str) {
    let report = lab.broken().unwrap_or_default();
    let named = format!("broke the invariant {invariant:?}: ");
    assert!(report.contains(&named) && report.contains(action) && report.contains(found), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn auditor_reports_access_outside_an_open_offer() {
    let lab = offered().await;
    let source = lab.admin(A, HOME).snapshots().await.remove(0);
    let copy = lab.admin(A, TARGET).snapshots().await.remove(0);

    // Calls of an administrator break no invariant.
    for attacker in [false, true] {
        let lab = lab.fork();
        let by = if attacker { lab.attacker(A, SOURCE, TARGET) } else { lab.admin(A, TARGET) };
        take_snapshot(&by, "branch", "branch-copy", &[tag("role", "shared"), tag("id", "0123456789abcdef")]).await;
        assert_eq!(lab.broken(), None);
        share(&by, "branch-copy", true).await;
        if attacker {
            assert_broken(
                &lab,
                Invariant::Access,
                "rds:ModifyDBSnapshotAttribute",
                "branch-copy is shared with 222222222222",
            );
        }
        assert_eq!(lab.broken(), None);
    }
    // Settled, although the snapshot is still shared, or account B is still in the key's policy.
    for (unshared, found) in [(false, "is shared with 222222222222"), (true, "the policy of arn:aws:kms:us-west-2")] {
        let lab = lab.fork();
        if unshared {
            share(&lab.admin(A, TARGET), &copy, false).await;
        }
        let attacker = lab.attacker(A, SOURCE, HOME);
        add_tag(&attacker, HOME, &source, "ended", "revoked/2026-11-21T10:00:00Z").await;
        assert_eq!(lab.broken(), None, "withdrawal is allowed to take time");
        add_tag(&attacker, HOME, &source, "settled", "revoked/2026-11-21T10:00:00Z").await;
        assert_broken(&lab, Invariant::Access, "rds:AddTagsToResource", found);
    }
}

#[tokio::test(start_paused = true)]
async fn auditor_reports_duplicate_resource() {
    let lab = offered().await;
    let (home, name) = (lab.admin(A, HOME), lab.admin(A, HOME).snapshots().await.remove(0));
    let id = home.tags(&name).await.into_iter().find(|(key, _)| key == "rds-handoff:id").unwrap().1;
    let attacker = lab.attacker(A, SOURCE, HOME);
    take_snapshot(&attacker, "orders", "rds-handoff-orders-again-source", &[tag("role", "source"), tag("id", &id)])
        .await;
    assert_broken(&lab, Invariant::Once, "rds:CreateDBSnapshot", "has more than one source");

    let lab = lab.fork();
    let attacker = lab.attacker(A, SOURCE, HOME);
    let key_tag = |key: &str, value: &str| {
        aws_sdk_kms::types::Tag::builder().tag_key(format!("rds-handoff:{key}")).tag_value(value).build().unwrap()
    };
    let tags = vec![key_tag("role", "key"), key_tag("source-region", HOME), key_tag("target-account", B)];
    let key = attacker.kms.create_key().set_tags(Some(tags)).send().await.unwrap();
    assert_eq!(lab.broken(), None, "an unused key is allowed");
    tokio::time::sleep(Duration::from_mins(1)).await;
    let call = attacker.kms.update_alias().alias_name(format!("alias/rds-handoff-{HOME}-{B}"));
    call.target_key_id(key.key_metadata().unwrap().key_id()).send().await.unwrap();
    assert_broken(&lab, Invariant::Once, "kms:UpdateAlias", "names more than one key");
}

#[tokio::test(start_paused = true)]
async fn auditor_fails_scenario_at_call_that_exceeds_limit() {
    let lab = offered().await;
    lab.edit("source.toml", "[[target]]", "[limits]\ncopies_in_flight = 1\n[[target]]");
    let (home, attacker) = (lab.admin(A, HOME), lab.attacker(A, SOURCE, TARGET));
    let key = format!("arn:aws:kms:{TARGET}:{A}:key/{}", lab.replica_key().await);
    let copies = async {
        for nth in ["one", "two"] {
            take_snapshot(&home, "payroll", nth, &[]).await;
        }
        for nth in ["one", "two"] {
            let call = attacker.rds.copy_db_snapshot().source_db_snapshot_identifier(arn(HOME, nth)).kms_key_id(&key);
            let call = call.target_db_snapshot_identifier(format!("{nth}-copy"));
            call.tags(tag("role", "shared")).tags(tag("id", nth)).send().await.unwrap();
        }
        tokio::time::sleep(Duration::from_mins(30)).await;
    };
    let run = async { tokio::join!(lab.source_for(Duration::from_mins(20)), copies) };
    let ended = AssertUnwindSafe(run).catch_unwind().await;
    let report = ended.unwrap_err().downcast::<String>().unwrap();
    assert!(
        report.contains("rds:CopyDBSnapshot") && report.contains("2 copies are in flight in us-west-2"),
        "{report}"
    );
    assert_broken(
        &lab,
        Invariant::Limits,
        "rds:CopyDBSnapshot",
        "2 copies are in flight in us-west-2 of 111111111111, not 1",
    );
}

#[tokio::test(start_paused = true)]
async fn auditor_reports_change_of_foreign_resource() {
    let lab = offered().await;
    take_snapshot(&lab.admin(A, HOME), "payroll", "nightly", &[tag("role", "source")]).await;
    let own_key = lab.admin(B, TARGET).own_key().await;
    let with_attacker = || {
        let lab = lab.fork();
        let thieves = (lab.attacker(A, SOURCE, HOME), lab.attacker(B, TARGET_ROLE, TARGET));
        (lab, thieves)
    };
    let (lab, (a, _)) = with_attacker();
    a.rds.delete_db_snapshot().db_snapshot_identifier("nightly").send().await.unwrap();
    assert_broken(
        &lab,
        Invariant::Foreign,
        "rds:DeleteDBSnapshot",
        "nightly is not the handoff's own, and was changed",
    );
    let (lab, (a, _)) = with_attacker();
    add_tag(&a, HOME, "nightly", "id", "0123456789abcdef").await;
    assert_broken(
        &lab,
        Invariant::Foreign,
        "rds:AddTagsToResource",
        "nightly is not the handoff's own, and was changed",
    );
    let (lab, (a, _)) = with_attacker();
    a.rds.modify_db_instance().db_instance_identifier("payroll").multi_az(true).send().await.unwrap();
    assert_broken(
        &lab,
        Invariant::Foreign,
        "rds:ModifyDBInstance",
        "payroll is not the handoff's own, and was changed",
    );
    let (lab, (a, _)) = with_attacker();
    take_snapshot(&a, "payroll", "mine", &[]).await;
    assert_broken(&lab, Invariant::Foreign, "rds:CreateDBSnapshot", "mine was made, and is not the handoff's own");
    let (lab, (_, b)) = with_attacker();
    b.kms.update_key_description().key_id(&own_key).description("mine").send().await.unwrap();
    assert_broken(&lab, Invariant::Foreign, "kms:UpdateKeyDescription", "is not the handoff's own, and was changed");
    let (lab, (_, b)) = with_attacker();
    b.sqs.purge_queue().queue_url(b.queue_url("rds-handoff-inbox")).send().await.unwrap();
    assert_broken(&lab, Invariant::Foreign, "sqs:PurgeQueue", "an agent must not change queues");
}

#[tokio::test(start_paused = true)]
async fn auditor_reports_lost_or_overwritten_record() {
    let lab = offered().await;
    let source = lab.admin(A, HOME).snapshots().await.remove(0);
    let ended = "revoked/2026-11-21T10:00:00Z";
    add_tag(&lab.admin(A, HOME), HOME, &source, "ended", ended).await;
    lab.exempt(Invariant::Access, "this scenario tests records, not access");
    let with_attacker = || {
        let lab = lab.fork();
        let attacker = lab.attacker(A, SOURCE, HOME);
        (lab, attacker)
    };
    let (lab, attacker) = with_attacker();
    add_tag(&attacker, HOME, &source, "ended", ended).await;
    assert_eq!(lab.broken(), None, "writing the same value again is allowed");
    add_tag(&attacker, HOME, &source, "ended", "revoked/2026-11-21T10:01:00Z").await;
    assert_eq!(lab.broken(), None, "a correction within two minutes is allowed");
    add_tag(&attacker, HOME, &source, "ended", "revoked/2026-11-21T10:02:01Z").await;
    assert_broken(&lab, Invariant::EndOnce, "rds:AddTagsToResource", "had rds-handoff:ended=revoked");
    add_tag(&attacker, HOME, &source, "ended", "landed/2026-11-21T10:00:01Z").await;
    assert_broken(&lab, Invariant::Record, "rds:AddTagsToResource", "had rds-handoff:ended=revoked");
    let (lab, attacker) = with_attacker();
    add_tag(&attacker, HOME, &source, "offer", "another").await;
    assert_broken(&lab, Invariant::Record, "rds:AddTagsToResource", "had rds-handoff:offer=number=1");
    for key in ["ended", "offer"] {
        let (lab, attacker) = with_attacker();
        let call = attacker.rds.remove_tags_from_resource().resource_name(arn(HOME, &source));
        call.tag_keys(format!("rds-handoff:{key}")).send().await.unwrap();
        assert_broken(&lab, Invariant::Record, "rds:RemoveTagsFromResource", &format!("had rds-handoff:{key}="));
    }
    let (lab, attacker) = with_attacker();
    attacker.rds.delete_db_snapshot().db_snapshot_identifier(&source).send().await.unwrap();
    assert_broken(&lab, Invariant::Record, "rds:DeleteDBSnapshot", "was deleted");
}
