//! `check` reports what is missing before a handoff starts.

use std::time::Duration;

use agent_runtime::Exit;
use e2e::{A, B, HOME, Lab, TARGET, World, differences, without_request_ids};

#[tokio::test(start_paused = true)]
async fn check_passes_for_correct_accounts_and_changes_nothing() {
    let lab = Lab::new(World::slow()).await;
    let world = lab.cloud.fingerprint();
    lab.cloud.forget_calls();
    let (source, target) = (lab.source(&["check"]).await, lab.target(&["check"]).await);
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert_eq!(differences(&lab.cloud.fingerprint(), &world), "");
    assert!(lab.cloud.calls().iter().all(|call| !call.mutating));
    insta::assert_snapshot!("check_source", source.out);
    insta::assert_snapshot!("check_target", target.out);
    insta::assert_snapshot!("check_json", lab.target(&["check", "--format", "json"]).await.out);
}

#[tokio::test(start_paused = true)]
async fn check_reports_each_misconfiguration_with_its_fix() {
    let lab = Lab::new(World::slow()).await;
    let (a, b) = (lab.admin(A, HOME), lab.admin(B, TARGET));
    // Account A: the receipts queue has no policy, the configured database does not exist.
    let receipts = format!("rds-handoff-receipts-{B}");
    a.set_queue_policy(&receipts, "").await;
    lab.edit("source.toml", "database = \"orders\"", "database = \"order\"");
    // Account B: everybody may send to the inbox, the own key is disabled, the groups do not exist.
    let anybody = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:{TARGET}:{B}:rds-handoff-inbox"}}}}"#
    );
    b.set_queue_policy("rds-handoff-inbox", &anybody).await;
    lab.edit("target.toml", "\"private\"", "\"later\"");
    // Settings that the agent cannot check.
    let more = "parameter_group = \"ours\"\nca = \"rds-ca-rsa2048-g1\"\nmonitoring_seconds = 60\n\
                monitoring_role = \"arn:aws:iam::222222222222:role/rds/rds-monitoring\"";
    lab.edit("target.toml", "deletion_protection = false", &format!("deletion_protection = false\n{more}"));
    let key = b.own_key().await;
    b.kms.disable_key().key_id(key).send().await.unwrap();

    let (source, target) = (lab.source(&["check"]).await, lab.target(&["check"]).await);
    assert_eq!((source.exit, target.exit), (Exit::Blocked, Exit::Blocked), "{}\n{}", source.out, target.out);
    insta::assert_snapshot!("check_source_broken", source.out);
    let target =
        target.out.lines().map(|line| line.split("key/").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!("check_target_broken", target);
}

#[tokio::test(start_paused = true)]
async fn check_fails_for_queue_that_lets_third_account_send() {
    let lab = Lab::new(World::slow()).await;
    let (a, b) = (lab.admin(A, HOME), lab.admin(B, TARGET));
    let third = serde_json::json!({
        "Sid": "Auditors", "Effect": "Allow", "Principal": { "AWS": "333333333333" }, "Action": "sqs:*", "Resource": "*",
    });
    let receipts = format!("rds-handoff-receipts-{B}");
    a.add_to_queue_policy(&receipts, std::slice::from_ref(&third)).await;
    b.add_to_queue_policy("rds-handoff-inbox", &[third]).await;
    for ran in [lab.source(&["check"]).await, lab.target(&["check"]).await] {
        assert_eq!(ran.exit, Exit::Blocked, "{}", ran.out);
        let words = "its statement Auditors allows 333333333333 to send";
        assert!(ran.words().contains(words) && ran.words().contains(" 1 failed"), "{}", ran.out);
    }
}

#[tokio::test(start_paused = true)]
async fn check_uses_role_names_of_target_configuration() {
    let lab = Lab::new(World::slow()).await;
    lab.edit("target.toml", "key = ", "role = \"theirs\"\nkey = ");
    lab.edit("target.toml", "[[from]]", "[[from]]\nrole = \"ours\"");
    let ran = lab.target(&["check"]).await;
    assert_eq!(ran.exit, Exit::Blocked, "{}", ran.out);
    for words in ["run the agent as role theirs", "allows ours of account 111111111111 to send", ":role/ours"] {
        assert!(ran.words().contains(words), "{words}: {}", ran.out);
    }
}

/// The findings of `check` whose first line contains `thing`, with all their lines.
fn findings_about(out: &str, thing: &str) -> String {
    let mut is_about = false;
    let mut found = String::new();
    for line in out.lines() {
        if !line.starts_with("   ") {
            is_about = line.contains(thing);
        }
        if is_about {
            found.push_str(line);
            found.push('\n');
        }
    }
    found
}

#[tokio::test(start_paused = true)]
async fn check_names_disabled_region_and_skips_its_other_checks() {
    let lab = Lab::new(World::slow()).await;
    lab.cloud.set_disabled_regions(A, &[TARGET]);
    lab.cloud.set_disabled_regions(B, &[HOME]);
    let (source, target) = (lab.source(&["check"]).await, lab.target(&["check"]).await);
    assert_eq!((source.exit, target.exit), (Exit::Blocked, Exit::Blocked), "{}\n{}", source.out, target.out);
    insta::assert_snapshot!("check_region", format!("{}\n{}", source.out, findings_about(&target.out, "Region ")));
    // If the agent's own Region is disabled, every command ends at once.
    lab.cloud.set_disabled_regions(A, &[HOME]);
    let source = lab.source(&["check"]).await;
    assert_eq!(source.exit, Exit::Blocked);
    assert!(source.words().contains("in an opt-in Region, check that it is enabled"), "{}", source.out);
}

#[tokio::test(start_paused = true)]
async fn check_lists_principals_allowed_by_handoff_key() {
    let lab = Lab::new(World::slow()).await;
    let a = lab.admin(A, TARGET);
    let key = async |lab: &Lab| {
        lab.cloud.forget_calls();
        let ran = lab.source(&["check"]).await;
        assert!(lab.cloud.calls().iter().all(|call| !call.mutating));
        findings_about(&ran.out, "handoff key in")
    };
    lab.source_for(Duration::from_hours(5)).await;
    let open = key(&lab).await;
    let (source, _) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!(source.exit, Exit::Settled, "{}", source.out);
    let closed = key(&lab).await;
    let id = lab.replica_key().await;
    let policy = a.kms.get_key_policy().key_id(&id).send().await.unwrap().policy().unwrap().to_owned();
    let mut policy: serde_json::Value = serde_json::from_str(&policy).unwrap();
    let statements = policy["Statement"].as_array_mut().unwrap();
    let copies = statements.iter_mut().find(|statement| statement["Sid"] == "SourceAgentCopies").unwrap();
    copies["Condition"]["StringEquals"].as_object_mut().unwrap().remove("kms:ViaService");
    for (sid, account) in [("Auditors", "333333333333"), ("RdsHandoffTargetCopies", B)] {
        let principal = serde_json::json!({ "AWS": format!("arn:aws:iam::{account}:root") });
        let statement = serde_json::json!({
            "Sid": sid, "Effect": "Allow", "Principal": principal, "Action": "kms:Decrypt", "Resource": "*",
        });
        statements.push(statement);
    }
    a.kms.put_key_policy().key_id(&id).policy(policy.to_string()).send().await.unwrap();
    let broken = key(&lab).await;
    let findings = format!("open\n{open}\nclosed\n{closed}\nbroken\n{broken}");
    insta::assert_snapshot!("check_key", findings.replace(&id, "mrk-0"));
}

#[tokio::test(start_paused = true)]
async fn check_fails_for_own_key_that_cannot_encrypt_databases() {
    use aws_sdk_kms::types::{KeySpec, KeyUsageType, Tag};
    let lab = Lab::new(World::slow()).await;
    let b = lab.admin(B, TARGET);
    let tag = Tag::builder().tag_key("rds-handoff:role").tag_value("own-key").build().unwrap();
    let asymmetric =
        b.kms.create_key().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify).tags(tag.clone());
    let asymmetric = asymmetric.send().await.unwrap().key_metadata().unwrap().arn().unwrap().to_owned();
    let untagged = b.create_key("for databases").await;
    let own_key = async |key: &str| {
        lab.configure_target(key, "");
        let ran = lab.target(&["check"]).await;
        (
            ran.exit,
            without_request_ids(&findings_about(&ran.out, "own key:"))
                .replace(key.split('/').next_back().unwrap(), "<key>"),
        )
    };
    let (failed, asymmetric) = own_key(&asymmetric).await;
    assert_eq!(failed, Exit::Blocked);
    let (failed, refused) = own_key(&untagged).await;
    assert_eq!(failed, Exit::Blocked);
    insta::assert_snapshot!("check_own_key", format!("{asymmetric}{refused}"));
    // The printed fix works.
    b.kms.tag_resource().key_id(&untagged).tags(tag).send().await.unwrap();
    assert_eq!(own_key(&untagged).await.0, Exit::Settled);
}
