//! The result of each action in each key state, and multi-Region keys.

use std::time::Duration;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{GrantOperation, KeyState, MultiRegionKeyType, Tag};

use crate::lab::{A, B, Clients, HERE, Lab, THERE, advance_time, code, hours};

async fn multi_region(clients: &Clients) -> String {
    clients.kms.create_key().multi_region(true).send().await.unwrap().key_metadata().unwrap().key_id().to_owned()
}

async fn replicate(clients: &Clients, key: &str, region: &str) -> Result<(), String> {
    let answer = clients.kms.replicate_key().key_id(key).replica_region(region).send().await;
    if answer.is_ok() { Ok(()) } else { Err(code(answer)) }
}

async fn state(clients: &Clients, key: &str) -> KeyState {
    let answer = clients.kms.describe_key().key_id(key).send().await.unwrap();
    answer.key_metadata().unwrap().key_state().unwrap().clone()
}

/// The results of one call of each action on a key.
async fn answers(clients: &Clients, key: &str) -> Vec<String> {
    macro_rules! ask {
        ($($call:expr),+ $(,)?) => {
            vec![$({ let answer = $call.send().await; if answer.is_ok() { "ok".to_owned() } else { code(answer) } }),+]
        };
    }
    let kms = &clients.kms;
    let tag = Tag::builder().tag_key("k").tag_value("v").build().unwrap();
    let grantee = format!("arn:aws:iam::{A}:role/agent");
    ask![
        kms.encrypt().key_id(key).plaintext(Blob::new("x")),
        kms.create_grant().key_id(key).grantee_principal(grantee).operations(GrantOperation::Decrypt),
        kms.list_grants().key_id(key),
        kms.put_key_policy().key_id(key).policy(
            format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{A}"}},"Action":"kms:*","Resource":"*"}}}}"#)
        ),
        kms.tag_resource().key_id(key).tags(tag),
        kms.update_key_description().key_id(key).description("x"),
        kms.enable_key_rotation().key_id(key),
        kms.get_key_rotation_status().key_id(key),
        kms.replicate_key().key_id(key).replica_region("ap-south-1"),
        kms.cancel_key_deletion().key_id(key),
    ]
}

#[tokio::test(start_paused = true)]
async fn actions_succeed_or_fail_by_key_state() {
    const WRONG: &str = "KMSInvalidStateException";
    const OFF: &str = "DisabledException";
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let key = multi_region(&here).await;
    assert_eq!(answers(&here, &key).await, ["ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok", WRONG]);
    here.kms.disable_key().key_id(&key).send().await.unwrap();
    assert_eq!(answers(&here, &key).await, [OFF, OFF, "ok", "ok", "ok", "ok", OFF, "ok", OFF, WRONG]);
    // Pending deletion; the last action cancels it.
    let key = multi_region(&here).await;
    here.kms.schedule_key_deletion().key_id(&key).send().await.unwrap();
    assert_eq!(answers(&here, &key).await, [WRONG, WRONG, "ok", "ok", WRONG, WRONG, WRONG, "ok", WRONG, "ok"]);
    assert_eq!(state(&here, &key).await, KeyState::Disabled);
    let alias = here.kms.create_alias().alias_name("alias/x").target_key_id(&key);
    alias.clone().send().await.unwrap();
    here.kms.schedule_key_deletion().key_id(&key).send().await.unwrap();
    assert_eq!(code(alias.alias_name("alias/y").send().await), WRONG);
    assert_eq!(code(here.kms.schedule_key_deletion().key_id(&key).send().await), WRONG);
    here.kms.delete_alias().alias_name("alias/x").send().await.unwrap();
    assert_eq!(code(here.kms.delete_alias().alias_name("alias/x").send().await), "NotFoundException");
    // Creating.
    let key = multi_region(&here).await;
    replicate(&here, &key, THERE).await.unwrap();
    let there = lab.agent(A, THERE);
    assert_eq!(answers(&there, &key).await, [WRONG, WRONG, "ok", "ok", "ok", "ok", WRONG, "ok", WRONG, WRONG]);
    assert_eq!(code(there.kms.disable_key().key_id(&key).send().await), WRONG);
}

#[tokio::test(start_paused = true)]
async fn update_primary_region_needs_replica_there() {
    let lab = Lab::new();
    let (here, there) = (lab.agent(A, HERE), lab.agent(A, THERE));
    let key = multi_region(&here).await;
    here.kms.enable_key_rotation().key_id(&key).rotation_period_in_days(90).send().await.unwrap();
    replicate(&here, &key, THERE).await.unwrap();
    let update = |clients: &Clients, region: &str| {
        clients.kms.update_primary_region().key_id(&key).primary_region(region).send()
    };
    assert_eq!(code(update(&here, THERE).await), "KMSInvalidStateException");
    advance_time(Duration::from_secs(6)).await;
    assert_eq!(code(update(&here, "nowhere").await), "ValidationException");
    assert_eq!(code(update(&here, "ap-south-1").await), "NotFoundException");
    assert_eq!(code(update(&here, HERE).await), "UnsupportedOperationException");
    assert_eq!(code(update(&there, HERE).await), "UnsupportedOperationException");
    let rotation = |clients: &Clients| clients.kms.get_key_rotation_status().key_id(&key).send();
    assert_eq!(rotation(&there).await.unwrap().rotation_period_in_days(), Some(90));
    assert_eq!(code(there.kms.disable_key_rotation().key_id(&key).send().await), "UnsupportedOperationException");

    there.kms.disable_key().key_id(&key).send().await.unwrap();
    assert_eq!(code(update(&here, THERE).await), "DisabledException");
    there.kms.enable_key().key_id(&key).send().await.unwrap();
    update(&here, THERE).await.unwrap();
    for clients in [&here, &there] {
        assert_eq!(state(clients, &key).await, KeyState::Updating);
        clients.kms.encrypt().key_id(&key).plaintext(Blob::new("x")).send().await.unwrap();
        assert_eq!(code(clients.kms.disable_key().key_id(&key).send().await), "KMSInvalidStateException");
    }
    assert_eq!(replicate(&there, &key, "ap-south-1").await, Err("KMSInvalidStateException".to_owned()));
    advance_time(Duration::from_secs(6)).await;
    let shown = there.kms.describe_key().key_id(&key).send().await.unwrap();
    let shown = shown.key_metadata().unwrap().multi_region_configuration().unwrap();
    assert_eq!(shown.multi_region_key_type(), Some(&MultiRegionKeyType::Primary));
    assert_eq!(shown.replica_keys()[0].region(), Some(HERE));
    assert_eq!(replicate(&here, &key, "ap-south-1").await, Err("UnsupportedOperationException".to_owned()));
    replicate(&there, &key, "ap-south-1").await.unwrap();
    assert_eq!(rotation(&here).await.unwrap().rotation_period_in_days(), Some(90));
    there.kms.disable_key_rotation().key_id(&key).send().await.unwrap();
    assert!(!rotation(&here).await.unwrap().key_rotation_enabled());

    // The former primary is deleted like any replica.
    let deleted = here.kms.schedule_key_deletion().key_id(&key).send().await.unwrap();
    assert_eq!(deleted.key_state(), Some(&KeyState::PendingDeletion));
}

#[tokio::test(start_paused = true)]
async fn replicas_are_created_by_primary_and_deleted_before_it() {
    let lab = Lab::new();
    let (here, there) = (lab.agent(A, HERE), lab.agent(A, THERE));
    let key = multi_region(&here).await;
    assert_eq!(replicate(&here, &key, "nowhere").await, Err("ValidationException".to_owned()));
    assert_eq!(replicate(&here, &key, HERE).await, Err("AlreadyExistsException".to_owned()));
    let call = here.kms.replicate_key().key_id(&key).replica_region(THERE).description("theirs").policy(
        format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{A}"}},"Action":"kms:*","Resource":"*"}}}}"#)
    );
    let tag = Tag::builder().tag_key("k").tag_value("v").build().unwrap();
    let made = call.tags(tag).send().await.unwrap();
    assert_eq!(made.replica_key_metadata().unwrap().description(), Some("theirs"));
    assert_eq!(made.replica_tags()[0].tag_key(), "k");
    advance_time(Duration::from_secs(6)).await;
    here.kms.disable_key().key_id(&key).send().await.unwrap();
    assert_eq!(replicate(&here, &key, "ap-south-1").await, Err("DisabledException".to_owned()));
    assert_eq!(state(&there, &key).await, KeyState::Enabled);
    there.kms.schedule_key_deletion().key_id(&key).pending_window_in_days(7).send().await.unwrap();
    here.kms.enable_key().key_id(&key).send().await.unwrap();
    assert_eq!(replicate(&here, &key, THERE).await, Err("AlreadyExistsException".to_owned()));
    advance_time(hours(7 * 24)).await;
    replicate(&here, &key, THERE).await.unwrap();
    here.kms.schedule_key_deletion().key_id(&key).pending_window_in_days(7).send().await.unwrap();
    assert_eq!(state(&here, &key).await, KeyState::PendingReplicaDeletion);
    advance_time(hours(30 * 24)).await;
    here.kms.cancel_key_deletion().key_id(&key).send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn aws_managed_keys_cannot_be_changed_by_callers() {
    let lab = Lab::new();
    lab.database("orders");
    let here = lab.agent(A, HERE);
    let found = here.kms.describe_key().key_id("alias/aws/rds").send().await.unwrap();
    let managed = found.key_metadata().unwrap().key_id().to_owned();
    here.kms.get_key_policy().key_id(&managed).send().await.unwrap();
    let status = here.kms.get_key_rotation_status().key_id(&managed).send().await.unwrap();
    assert!(status.key_rotation_enabled());
    let tag = Tag::builder().tag_key("k").tag_value("v").build().unwrap();
    let refusals = [
        code(here.kms.schedule_key_deletion().key_id(&managed).send().await),
        code(here.kms.disable_key().key_id(&managed).send().await),
        code(here.kms.tag_resource().key_id(&managed).tags(tag).send().await),
        code(here.kms.create_alias().alias_name("alias/mine").target_key_id(&managed).send().await),
        code(here.kms.update_key_description().key_id(&managed).description("x").send().await),
        code(here.kms.enable_key_rotation().key_id(&managed).send().await),
        code(here.kms.replicate_key().key_id(&managed).replica_region(THERE).send().await),
        code(here.kms.put_key_policy().key_id(&managed).policy("{}").send().await),
        code(here.kms.encrypt().key_id(&managed).plaintext(Blob::new("x")).send().await),
    ];
    assert!(refusals.iter().all(|refusal| refusal == "AccessDeniedException"), "{refusals:?}");
}

#[tokio::test(start_paused = true)]
async fn kms_lists_are_paged_and_reject_foreign_markers() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(here.key().await);
    }
    lab.agent(B, HERE).key().await;
    let first = here.kms.list_keys().limit(2).send().await.unwrap();
    assert!(first.truncated() && first.keys().len() == 2);
    let marker = first.next_marker().unwrap();
    let rest = here.kms.list_keys().marker(marker).send().await.unwrap();
    assert!(!rest.truncated() && rest.keys().len() == 1);
    assert_eq!(code(here.kms.list_keys().marker("made up").send().await), "InvalidMarkerException");
    assert_eq!(code(here.kms.list_aliases().marker(marker).send().await), "InvalidMarkerException");
    let bounds = [
        code(here.kms.list_keys().limit(1001).send().await),
        code(here.kms.list_aliases().limit(101).send().await),
        code(here.kms.list_grants().key_id(&keys[0]).limit(101).send().await),
        code(here.kms.list_resource_tags().key_id(&keys[0]).limit(51).send().await),
        code(here.kms.list_key_policies().key_id(&keys[0]).limit(0).send().await),
        code(
            here.kms
                .list_retirable_grants()
                .retiring_principal(format!("arn:aws:iam::{A}:root"))
                .limit(101)
                .send()
                .await,
        ),
    ];
    assert!(bounds.iter().all(|bound| bound == "ValidationException"), "{bounds:?}");
    let policies = here.kms.list_key_policies().key_id(&keys[0]).send().await.unwrap();
    assert_eq!(policies.policy_names(), ["default"]);
}

#[tokio::test(start_paused = true)]
async fn keys_have_at_most_fifty_tags_and_aliases() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let key = here.key().await;
    let tags = |from: usize, to: usize| {
        let tag = |index: usize| Tag::builder().tag_key(format!("k{index}")).tag_value("v").build().unwrap();
        Some((from..to).map(tag).collect::<Vec<_>>())
    };
    let tag = |tags: Option<Vec<Tag>>| here.kms.tag_resource().key_id(&key).set_tags(tags).send();
    tag(tags(0, 50)).await.unwrap();
    tag(tags(0, 1)).await.unwrap();
    assert_eq!(code(tag(tags(50, 51)).await), "LimitExceededException");
    assert_eq!(code(here.kms.create_key().set_tags(tags(0, 51)).send().await), "LimitExceededException");
    let wrong = |key: &str| Some(vec![Tag::builder().tag_key(key).tag_value("v").build().unwrap(); 1]);
    assert_eq!(code(tag(wrong("aws:x")).await), "TagException");
    assert_eq!(code(tag(Some([wrong("a").unwrap(), wrong("a").unwrap()].concat())).await), "TagException");
    let untag = |name: &str| here.kms.untag_resource().key_id(&key).tag_keys(name).send();
    untag("k0").await.unwrap();
    let left = here.kms.list_resource_tags().key_id(&key).limit(50).send().await.unwrap();
    assert_eq!(left.tags().len(), 49);

    let alias = |name: &str| here.kms.create_alias().alias_name(name).target_key_id(&key).send();
    for index in 0..50 {
        alias(&format!("alias/a{index}")).await.unwrap();
    }
    assert_eq!(code(alias("alias/one-more").await), "LimitExceededException");
    assert_eq!(code(alias("alias/a b").await), "InvalidAliasNameException");
    let other = here.key().await;
    let more = here.kms.create_alias().alias_name("alias/b").target_key_id(&other);
    more.send().await.unwrap();
    let update = here.kms.update_alias().alias_name("alias/b").target_key_id(&key).send().await;
    assert_eq!(code(update), "LimitExceededException");
    let by_alias = here.kms.create_alias().alias_name("alias/c").target_key_id("alias/b").send().await;
    assert_eq!(code(by_alias), "ValidationException");
    let of_key = here.kms.list_aliases().key_id(&other).send().await.unwrap();
    assert_eq!(of_key.aliases()[0].alias_name(), Some("alias/b"));
    assert_eq!(code(here.kms.disable_key().key_id("alias/b").send().await), "InvalidArnException");
    for named in ["arn:aws:sqs:eu-west-1:111111111111:q", "arn:nonsense"] {
        assert_eq!(code(here.kms.describe_key().key_id(named).send().await), "InvalidArnException");
    }
    assert_eq!(code(here.kms.describe_key().key_id("x".repeat(2049)).send().await), "ValidationException");
}
