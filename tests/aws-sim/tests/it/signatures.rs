//! Authentication.

use std::time::Duration;

use aws_sim::{Clock, Credentials};
use aws_smithy_async::time::TimeSource;

use crate::lab::{A, B, HERE, Lab, THERE, advance_time, code, hours};

#[tokio::test(start_paused = true)]
async fn wrong_signature_is_refused() {
    let lab = Lab::new();
    assert_eq!(lab.root(A, HERE).sts.get_caller_identity().send().await.unwrap().account(), Some(A));
    let forged = Credentials { secret_access_key: "guessed".to_owned(), ..lab.cloud.root(A) };
    let forged = lab.clients(&forged, HERE, lab.cloud.connector());
    assert_eq!(code(forged.sts.get_caller_identity().send().await), "SignatureDoesNotMatch");
    assert_eq!(code(forged.kms.list_keys().send().await), "InvalidSignatureException");
    assert_eq!(code(forged.sqs.list_queues().send().await), "InvalidSignatureException");
}

#[tokio::test(start_paused = true)]
async fn unknown_access_key_or_wrong_token_is_refused() {
    let lab = Lab::new();
    let role = lab.cloud.role(A, "agent");
    let identity = lab.agent(A, HERE).sts.get_caller_identity().send().await.unwrap();
    assert_eq!(identity.arn(), Some(format!("arn:aws:sts::{A}:assumed-role/agent/agent").as_str()));
    for wrong in [
        Credentials { access_key_id: "AKIANOBODY".to_owned(), ..role.clone() },
        Credentials { session_token: Some("another".to_owned()), ..role.clone() },
        Credentials { session_token: None, ..role },
    ] {
        let clients = lab.clients(&wrong, HERE, lab.cloud.connector());
        assert_eq!(code(clients.rds.describe_db_instances().send().await), "InvalidClientTokenId");
        assert_eq!(code(clients.kms.list_keys().send().await), "UnrecognizedClientException");
    }
}

#[tokio::test(start_paused = true)]
async fn principals_are_unknown_in_disabled_region() {
    let lab = Lab::new();
    let (here, there) = (lab.agent(A, HERE), lab.agent(A, THERE));
    lab.cloud.set_disabled_regions(A, &[THERE]);
    assert_eq!(code(there.sts.get_caller_identity().send().await), "InvalidClientTokenId");
    assert_eq!(code(there.rds.describe_db_instances().send().await), "InvalidClientTokenId");
    assert_eq!(code(there.kms.list_keys().send().await), "UnrecognizedClientException");
    lab.agent(B, THERE).sts.get_caller_identity().send().await.unwrap();
    let key = here.kms.create_key().multi_region(true).send().await.unwrap();
    let key = key.key_metadata().unwrap().key_id();
    let replicate = || here.kms.replicate_key().key_id(key).replica_region(THERE).send();
    assert_eq!(code(replicate().await), "UnsupportedOperationException");
    lab.cloud.set_disabled_regions(A, &[]);
    there.sts.get_caller_identity().send().await.unwrap();
    advance_time(hours(1)).await;
    replicate().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn request_time_may_differ_by_fifteen_minutes() {
    let lab = Lab::new();
    let client = |off: i64| {
        let now = lab.cloud.clock().now();
        let shift = Duration::from_secs(off.unsigned_abs());
        let clock = Clock::starting_at(if off < 0 { now - shift } else { now + shift });
        let config = lab.root(A, HERE).sts.config().to_builder().time_source(clock).build();
        aws_sdk_sts::Client::from_conf(config)
    };
    for near in [-14 * 60, 14 * 60] {
        client(near).get_caller_identity().send().await.unwrap();
    }
    for far in [-16 * 60, 16 * 60] {
        assert_eq!(code(client(far).get_caller_identity().send().await), "SignatureDoesNotMatch");
    }
}

#[tokio::test(start_paused = true)]
async fn assumed_session_is_limited_to_own_account_and_expires() {
    let lab = Lab::new();
    lab.cloud.role(A, "other");
    let other = format!("arn:aws:iam::{A}:role/other");
    let assume = |clients: &crate::lab::Clients, role: &str| {
        clients.sts.assume_role().role_arn(role).role_session_name("me").send()
    };
    let (agent, stranger) = (lab.agent(A, HERE), lab.agent(B, HERE));
    assert_eq!(code(assume(&lab.root(A, HERE), &other).await), "AccessDenied");
    assert_eq!(code(assume(&stranger, &other).await), "AccessDenied");
    assert_eq!(code(assume(&agent, &format!("arn:aws:iam::{A}:role/none")).await), "AccessDenied");
    let opened = assume(&agent, &other).await.unwrap();
    let given = opened.credentials().unwrap();
    let session = Credentials {
        access_key_id: given.access_key_id().to_owned(),
        secret_access_key: given.secret_access_key().to_owned(),
        session_token: Some(given.session_token().to_owned()),
    };
    let session = lab.clients(&session, HERE, lab.cloud.connector());
    let identity = session.sts.get_caller_identity().send().await.unwrap();
    assert_eq!(identity.arn(), Some(format!("arn:aws:sts::{A}:assumed-role/other/me").as_str()));
    advance_time(hours(1)).await;
    assert_eq!(code(session.sts.get_caller_identity().send().await), "ExpiredToken");
}
