//! `check`: what is missing is known before a handoff begins.

use agent_runtime::Exit;
use e2e::{A, B, HOME, Lab, TARGET, World, differences};

#[tokio::test(start_paused = true)]
async fn a_healthy_pair_of_accounts_passes_and_nothing_is_changed() {
    let lab = Lab::new(World::slow()).await;
    let world = lab.cloud.fingerprint();
    lab.cloud.forget_calls();
    let (source, target) = (lab.source(&["check"]).await, lab.target(&["check"]).await);
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert_eq!(differences(&lab.cloud.fingerprint(), &world), "");
    assert!(lab.cloud.calls().iter().all(|call| !call.mutating));
    insta::assert_snapshot!("check_source", source.out);
    insta::assert_snapshot!("check_target", target.out);
}

#[tokio::test(start_paused = true)]
async fn what_is_broken_fails_with_its_mend() {
    let lab = Lab::new(World::slow()).await;
    let (a, b) = (lab.admin(A, HOME), lab.admin(B, TARGET));
    // Account A: the receipts queue lets nobody send, the database has another name.
    let receipts = format!("rds-handoff-receipts-{B}");
    a.set_queue_policy(&receipts, "").await;
    lab.edit("source.toml", "database = \"orders\"", "database = \"order\"");
    // Account B: the inbox lets anybody send, its own key is disabled, the groups do not exist.
    let anybody = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:{TARGET}:{B}:rds-handoff-inbox"}}}}"#
    );
    b.set_queue_policy("rds-handoff-inbox", &anybody).await;
    lab.edit("target.toml", "\"private\"", "\"later\"");
    lab.edit("target.toml", "deletion_protection = false", "deletion_protection = false\nparameter_group = \"ours\"");
    let key = b.own_key().await;
    b.kms.disable_key().key_id(key).send().await.unwrap();

    let (source, target) = (lab.source(&["check"]).await, lab.target(&["check"]).await);
    assert_eq!((source.exit, target.exit), (Exit::Blocked, Exit::Blocked), "{}\n{}", source.out, target.out);
    insta::assert_snapshot!("check_source_broken", source.out);
    let target =
        target.out.lines().map(|line| line.split("key/").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!("check_target_broken", target);
}
