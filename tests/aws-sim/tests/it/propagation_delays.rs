//! Propagation delays: changes that are visible at once and take effect later.

use std::time::Duration;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_sqs::types::QueueAttributeName;

use crate::lab::{A, B, HERE, Lab, THERE, advance_time, code, hours, snapshot_arn};

fn lab_with_delay(seconds: u64) -> Lab {
    Lab::with(|settings| settings.lags.authorization = Duration::from_secs(seconds))
}

/// A key policy that allows everything to account A, and these actions to B.
fn policy(actions: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":"{A}"}},"Action":"kms:*","Resource":"*"}},
            {{"Effect":"Allow","Principal":{{"AWS":"{B}"}},"Action":"{actions}","Resource":"*"}}]}}"#
    )
}

#[tokio::test(start_paused = true)]
async fn new_key_is_visible_before_it_can_be_used() {
    let lab = lab_with_delay(10);
    let here = lab.agent(A, HERE);
    let key = here.key().await;
    here.kms.describe_key().key_id(&key).send().await.unwrap();
    let encrypt = || here.kms.encrypt().key_id(&key).plaintext(Blob::new("x")).send();
    assert_eq!(code(encrypt().await), "NotFoundException");
    advance_time(Duration::from_secs(10)).await;
    encrypt().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn key_policy_is_visible_at_once_and_takes_effect_later() {
    let lab = lab_with_delay(60);
    lab.database("orders");
    let (a, b) = (lab.agent(A, HERE), lab.agent(B, HERE));
    let (key, own) = (a.key().await, b.key().await);
    advance_time(hours(1)).await;
    a.snapshot("orders", "first").await;
    a.copy("first", "copy", &key).await;
    advance_time(hours(4)).await;
    a.share("copy", B).await;

    let put = async |actions: &str| {
        a.kms.put_key_policy().key_id(&key).policy(policy(actions)).send().await.unwrap();
        let shown = a.kms.get_key_policy().key_id(&key).send().await.unwrap();
        assert!(shown.policy().unwrap().contains(actions));
    };
    let source = snapshot_arn(A, HERE, "copy");
    let copy = |target: &str| {
        let call = b.rds.copy_db_snapshot().source_db_snapshot_identifier(&source);
        call.target_db_snapshot_identifier(target).kms_key_id(&own).send()
    };
    let describe = || b.kms.describe_key().key_id(&key).send();
    put("kms:*").await;
    assert_eq!(code(describe().await), "AccessDeniedException");
    assert_eq!(code(copy("early").await), "KMSKeyNotAccessibleFault");
    advance_time(Duration::from_mins(1)).await;
    describe().await.unwrap();
    copy("in-time").await.unwrap();
    // Replacing a document that is not in effect yet does not shorten the delay of the first one.
    put("kms:Encrypt").await;
    advance_time(Duration::from_secs(30)).await;
    put("kms:Decrypt").await;
    advance_time(Duration::from_secs(29)).await;
    describe().await.unwrap();
    advance_time(Duration::from_secs(2)).await;
    assert_eq!(code(describe().await), "AccessDeniedException");
}

#[tokio::test(start_paused = true)]
async fn queue_policy_is_visible_at_once_and_takes_effect_later() {
    let lab = Lab::with(|settings| {
        settings.lags.authorization = Duration::from_mins(1);
        settings.speed = 2;
    });
    let (a, b) = (lab.agent(A, THERE), lab.agent(B, THERE));
    let url = b.sqs.create_queue().queue_name("q").send().await.unwrap().queue_url().unwrap().to_owned();
    let send = || a.sqs.send_message().queue_url(&url).message_body("x").send();
    let set = async |policy: &str| {
        let call = b.sqs.set_queue_attributes().queue_url(&url).attributes(QueueAttributeName::Policy, policy);
        call.send().await.unwrap();
        let call = b.sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::Policy);
        let shown = call.send().await.unwrap();
        assert_eq!(shown.attributes().is_some(), !policy.is_empty());
    };
    set(&policy("sqs:*").replace("kms:", "sqs:")).await;
    assert_eq!(code(send().await), "AccessDenied");
    advance_time(Duration::from_secs(30)).await;
    send().await.unwrap();
    set("").await;
    send().await.unwrap();
    advance_time(Duration::from_secs(30)).await;
    assert_eq!(code(send().await), "AccessDenied");
}
