//! Keys, aliases and grants of KMS.

use std::time::Duration;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{GrantOperation, KeyState, MultiRegionKeyType, Tag};

use crate::lab::{A, B, HERE, Lab, THERE, advance_time, code, hours};

#[tokio::test(start_paused = true)]
async fn replica_shares_only_id_and_material_with_primary() {
    let lab = Lab::new();
    let (here, there) = (lab.agent(A, HERE), lab.agent(A, THERE));
    let single = here.key().await;
    let replicate = |key: &str| here.kms.replicate_key().key_id(key).replica_region(THERE).send();
    assert_eq!(code(replicate(&single).await), "UnsupportedOperationException");

    let tag = Tag::builder().tag_key("k").tag_value("v").build().unwrap();
    let primary = here.kms.create_key().multi_region(true).tags(tag).send().await.unwrap();
    let id = primary.key_metadata().unwrap().key_id().to_owned();
    assert!(id.starts_with("mrk-"));
    replicate(&id).await.unwrap();
    assert_eq!(code(replicate(&id).await), "AlreadyExistsException");

    let state = || async { there.kms.describe_key().key_id(&id).send().await.unwrap().key_metadata().unwrap().clone() };
    assert_eq!(state().await.key_state(), Some(&KeyState::Creating));
    let encrypt =
        |clients: &crate::lab::Clients| clients.kms.encrypt().key_id(&id).plaintext(Blob::new("hello")).send();
    assert_eq!(code(encrypt(&there).await), "KMSInvalidStateException");
    advance_time(Duration::from_secs(6)).await;
    let ready = state().await;
    assert_eq!(ready.key_state(), Some(&KeyState::Enabled));
    let family = ready.multi_region_configuration().unwrap();
    assert_eq!(family.multi_region_key_type(), Some(&MultiRegionKeyType::Replica));
    assert_eq!(family.primary_key().unwrap().region(), Some(HERE));
    assert_eq!(family.replica_keys()[0].region(), Some(THERE));
    assert!(there.kms.list_resource_tags().key_id(&id).send().await.unwrap().tags().is_empty());

    let sealed = encrypt(&here).await.unwrap().ciphertext_blob().unwrap().clone();
    let opened = there.kms.decrypt().ciphertext_blob(sealed).send().await.unwrap();
    assert_eq!(opened.plaintext().unwrap().as_ref(), b"hello");
    // A replica cannot be replicated.
    let again = there.kms.replicate_key().key_id(&id).replica_region("ap-south-1").send().await;
    assert_eq!(code(again), "UnsupportedOperationException");
}

#[tokio::test(start_paused = true)]
async fn alias_can_be_created_only_once() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let (first, second) = (here.key().await, here.key().await);
    let alias = |name: &str, key: &str| here.kms.create_alias().alias_name(name).target_key_id(key).send();
    assert_eq!(code(alias("mine", &first).await), "ValidationException");
    assert_eq!(code(alias("alias/aws/mine", &first).await), "NotAuthorizedException");
    alias("alias/mine", &first).await.unwrap();
    assert_eq!(code(alias("alias/mine", &second).await), "AlreadyExistsException");
    let found = here.kms.describe_key().key_id("alias/mine").send().await.unwrap();
    assert_eq!(found.key_metadata().unwrap().arn(), Some(first.as_str()));
    for index in 0..3 {
        alias(&format!("alias/more-{index}"), &second).await.unwrap();
    }
    let page = here.kms.list_aliases().limit(2).send().await.unwrap();
    assert!(page.truncated() && page.aliases().len() == 2);
    let rest = here.kms.list_aliases().marker(page.next_marker().unwrap()).send().await.unwrap();
    assert!(!rest.truncated() && rest.aliases().len() == 2);
    here.kms.delete_alias().alias_name("alias/mine").send().await.unwrap();
    assert_eq!(code(here.kms.describe_key().key_id("alias/mine").send().await), "NotFoundException");
}

#[tokio::test(start_paused = true)]
async fn primary_deletion_waits_for_replica_deletion() {
    let lab = Lab::new();
    let (here, there) = (lab.agent(A, HERE), lab.agent(A, THERE));
    let primary = here.kms.create_key().multi_region(true).send().await.unwrap();
    let id = primary.key_metadata().unwrap().key_id().to_owned();
    here.kms.replicate_key().key_id(&id).replica_region(THERE).send().await.unwrap();
    advance_time(hours(1)).await;
    let schedule = |clients: &crate::lab::Clients, days: i32| {
        clients.kms.schedule_key_deletion().key_id(&id).pending_window_in_days(days).send()
    };
    assert_eq!(code(schedule(&here, 6).await), "ValidationException");
    let waiting = schedule(&here, 7).await.unwrap();
    assert_eq!(waiting.key_state(), Some(&KeyState::PendingReplicaDeletion));
    schedule(&there, 7).await.unwrap();
    assert_eq!(code(there.kms.enable_key().key_id(&id).send().await), "KMSInvalidStateException");
    advance_time(hours(7 * 24 + 1)).await;
    assert_eq!(code(there.kms.describe_key().key_id(&id).send().await), "NotFoundException");
    let primary = here.kms.describe_key().key_id(&id).send().await.unwrap();
    assert_eq!(primary.key_metadata().unwrap().key_state(), Some(&KeyState::PendingDeletion));
    here.kms.cancel_key_deletion().key_id(&id).send().await.unwrap();
    let primary = here.kms.describe_key().key_id(&id).send().await.unwrap();
    assert_eq!(primary.key_metadata().unwrap().key_state(), Some(&KeyState::Disabled));
}

#[tokio::test(start_paused = true)]
async fn create_grant_with_same_name_returns_same_grant() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    lab.cloud.role(B, "agent");
    let key = here.key().await;
    let grant = |name: Option<&str>, to: &str| {
        let call = here.kms.create_grant().key_id(&key).grantee_principal(to).operations(GrantOperation::Decrypt);
        call.set_name(name.map(str::to_owned)).send()
    };
    let role = format!("arn:aws:iam::{B}:role/agent");
    assert_eq!(code(grant(None, &format!("arn:aws:iam::{B}:role/nobody")).await), "InvalidArnException");
    let first = grant(Some("n"), &role).await.unwrap();
    assert_eq!(first.grant_id(), grant(Some("n"), &role).await.unwrap().grant_id());
    grant(None, &role).await.unwrap();
    grant(None, &role).await.unwrap();
    let grants = here.kms.list_grants().key_id(&key).limit(2).send().await.unwrap();
    assert!(grants.truncated() && grants.grants().len() == 2);
    assert_eq!(grants.grants()[0].issuing_account(), Some(format!("arn:aws:iam::{A}:root").as_str()));
    let revoke = || here.kms.revoke_grant().key_id(&key).grant_id(first.grant_id().unwrap()).send();
    revoke().await.unwrap();
    assert_eq!(code(revoke().await), "NotFoundException");
    here.kms.disable_key().key_id(&key).send().await.unwrap();
    assert_eq!(code(grant(None, &role).await), "DisabledException");
}

#[tokio::test(start_paused = true)]
async fn foreign_key_needs_arn_and_permission_of_key_policy() {
    let lab = Lab::new();
    let (a, b) = (lab.agent(A, THERE), lab.agent(B, THERE));
    let key = a.key().await;
    let describe = |named: &str| b.kms.describe_key().key_id(named).send();
    let refused = describe(&key).await.unwrap_err().into_service_error().to_string();
    assert!(refused.contains("AccessDenied"), "{refused}");
    assert_eq!(code(describe(key.rsplit('/').next().unwrap()).await), "NotFoundException");
    let open = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":"{A}"}},"Action":"kms:*","Resource":"*"}},
            {{"Effect":"Allow","Principal":{{"AWS":"{B}"}},"Action":"kms:*","Resource":"*"}}]}}"#
    );
    a.kms.put_key_policy().key_id(&key).policy(open).send().await.unwrap();
    describe(&key).await.unwrap();
    // A policy cannot allow actions that do not work across accounts.
    let put = b.kms.get_key_policy().key_id(&key).send().await;
    assert_eq!(code(put), "AccessDeniedException");
}
