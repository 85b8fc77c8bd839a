//! Key mode `existing`: account A's administrators make the handoff key, and the source agent changes nothing in KMS.
//! The share of the snapshot alone opens and ends access.

use std::collections::BTreeSet;
use std::time::Duration;

use agent_runtime::Exit;
use aws_sdk_rds::error::ProvideErrorMetadata as _;
use aws_sdk_rds::types::Tag;
use e2e::{A, Admin, B, HOME, Invariant, Lab, TARGET, Told, World};
use serde_json::Value;

const SOURCE: &str = "rds-handoff-source-agent";
const TARGET_ROLE: &str = "rds-handoff-target-agent";
const EXISTING: &str = "key_mode = \"existing\"";

fn alias() -> String {
    format!("alias/rds-handoff-{HOME}-{B}")
}

/// The KMS actions that the source agent has called itself, and whether each is mutating.
fn kms_calls(lab: &Lab) -> BTreeSet<(String, bool)> {
    let calls = lab.cloud.calls().into_iter().filter(|call| call.principal.contains(SOURCE) && call.service == "kms");
    calls.map(|call| (call.action, call.mutating)).collect()
}

fn assert_only_kms_reads(lab: &Lab) {
    let reads = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListResourceTags"];
    assert_eq!(kms_calls(lab), reads.map(|action| (action.to_owned(), false)).into());
}

async fn replica_policy(lab: &Lab) -> String {
    let key = lab.replica_key().await;
    let answer = lab.admin(A, TARGET).kms.get_key_policy().key_id(key).send().await.unwrap();
    answer.policy().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn handoff_with_existing_key_settles_with_kms_reads_only() {
    let lab = Lab::new(World { existing_key: true, ..World::slow() }).await;
    let policy = replica_policy(&lab).await;
    // Wait for the propagation of the new key.
    tokio::time::sleep(Duration::from_mins(1)).await;
    lab.cloud.forget_calls();
    let (check, plan) = (lab.source(&["check"]).await, lab.source(&["plan"]).await);
    assert_eq!((check.exit, plan.exit), (Exit::Settled, Exit::Pending), "{}\n{}", check.out, plan.out);
    insta::assert_snapshot!("existing_check", check.out);
    insta::assert_snapshot!("existing_plan", plan.out);

    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert!(lab.restored("orders-cutover-1").is_some());
    assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"));
    assert_eq!(lab.admin(A, TARGET).snapshots().await, Vec::<String>::new(), "the shared copy still exists");
    let status = lab.source(&["status"]).await;
    assert_eq!(status.exit, Exit::Settled);
    insta::assert_snapshot!("existing_status", status.out);
    assert_only_kms_reads(&lab);
    assert_eq!(replica_policy(&lab).await, policy);
    for line in [check, plan, status].iter().flat_map(|ran| ran.out.lines()) {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn account_b_keeps_use_of_existing_key_but_copies_only_what_is_shared() {
    let lab = Lab::new(World { existing_key: true, ..World::quick() }).await;
    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert!(replica_policy(&lab).await.contains("RdsHandoffTargetCopies"));
    let grants = lab.admin(A, TARGET).kms.list_grants().key_id(lab.replica_key().await).send().await.unwrap();
    assert!(grants.grants().iter().any(|grant| grant.issuing_account().unwrap().contains(B)), "B's grants are gone");

    lab.exempt(Invariant::Foreign, "an attacker makes copies that carry only the tags that the policies ask for");
    // Another copy under the same key, as the next handoff would make it.
    let tag = |role: &str| Tag::builder().key("rds-handoff:role").value(role).build();
    let snapshot = lab.admin(A, HOME).snapshots().await.remove(0);
    let key = format!("arn:aws:kms:{TARGET}:{A}:key/{}", lab.replica_key().await);
    let copy = lab.attacker(A, SOURCE, TARGET).rds.copy_db_snapshot().kms_key_id(key).tags(tag("shared"));
    let copy = copy.source_db_snapshot_identifier(format!("arn:aws:rds:{HOME}:{A}:snapshot:{snapshot}"));
    copy.target_db_snapshot_identifier("rds-handoff-next-shared").send().await.unwrap();
    tokio::time::sleep(Duration::from_hours(1)).await;

    let (own, b) = (lab.admin(B, TARGET).own_key().await, lab.attacker(B, TARGET_ROLE, TARGET));
    let copy_as_b = || {
        let copy = b.rds.copy_db_snapshot().kms_key_id(&own).tags(tag("target"));
        let copy =
            copy.source_db_snapshot_identifier(format!("arn:aws:rds:{TARGET}:{A}:snapshot:rds-handoff-next-shared"));
        copy.target_db_snapshot_identifier("rds-handoff-next-target").send()
    };
    let refused = copy_as_b().await.unwrap_err();
    assert_eq!(refused.code(), Some("DBSnapshotNotFound"), "{refused:?}");
    let share = lab.admin(A, TARGET).rds.modify_db_snapshot_attribute().attribute_name("restore").values_to_add(B);
    share.db_snapshot_identifier("rds-handoff-next-shared").send().await.unwrap();
    copy_as_b().await.expect("B cannot copy the shared snapshot");
}

#[tokio::test(start_paused = true)]
async fn boundary_denies_key_changes_to_role_with_full_kms_access() {
    let lab = Lab::new(World { existing_key: true, ..World::quick() }).await;
    let all = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#;
    lab.cloud.put_role_policies(A, SOURCE, &[all]).unwrap();
    let (replica, policy) = (lab.replica_key().await, replica_policy(&lab).await);
    let kms = lab.attacker(A, SOURCE, TARGET).kms;
    kms.get_key_policy().key_id(&replica).send().await.expect("reads are allowed");
    let refused = [
        kms.create_key().send().await.map(drop).map_err(aws_sdk_kms::Error::from),
        kms.put_key_policy().key_id(&replica).policy(policy).send().await.map(drop).map_err(Into::into),
        kms.create_alias().alias_name("alias/mine").target_key_id(&replica).send().await.map(drop).map_err(Into::into),
        kms.revoke_grant().key_id(&replica).grant_id("any").send().await.map(drop).map_err(Into::into),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().code(), Some("AccessDeniedException"));
    }
}

/// What administrators may have configured wrong.
#[derive(Debug, Clone, Copy)]
enum Mistake {
    NoAlias,
    AliasOfAnotherKey,
    AliasOfAKeyOfOneRegion,
    AliasOfAPrimary,
    NoTags,
    Disabled,
    OtherRole,
}

impl Mistake {
    /// Makes the mistake, or, with `reported`, corrects it as the agent's fix says.
    async fn set(self, lab: &Lab, reported: Option<&Told>, replica: &str, other: &str) {
        let (Admin { kms, .. }, good) = (&lab.admin(A, TARGET), reported.is_some());
        match self {
            Self::NoAlias if good => {
                drop(kms.create_alias().alias_name(alias()).target_key_id(replica).send().await.unwrap());
            }
            Self::NoAlias => drop(kms.delete_alias().alias_name(alias()).send().await.unwrap()),
            Self::AliasOfAnotherKey | Self::AliasOfAKeyOfOneRegion | Self::AliasOfAPrimary => {
                let key = if good { replica } else { other };
                tag(kms, other, !matches!(self, Self::AliasOfAnotherKey)).await;
                kms.update_alias().alias_name(alias()).target_key_id(key).send().await.unwrap();
            }
            Self::NoTags => match reported {
                Some(reported) => run_tag_resource(lab, &reported.paste()).await,
                None => tag(kms, replica, false).await,
            },
            Self::Disabled if good => drop(kms.enable_key().key_id(replica).send().await.unwrap()),
            Self::Disabled => drop(kms.disable_key().key_id(replica).send().await.unwrap()),
            Self::OtherRole => {
                let policy = replica_policy(lab).await.replace("/rds-handoff-target-agent", "/other");
                let mut policy: Value = serde_json::from_str(&policy).unwrap();
                if let Some(reported) = reported {
                    let (pasted, there) = (reported.statements(), policy["Statement"].as_array_mut().unwrap());
                    there.retain(|one| pasted.iter().all(|pasted| pasted["Sid"] != one["Sid"]));
                    there.extend(pasted);
                }
                kms.put_key_policy().key_id(replica).policy(policy.to_string()).send().await.unwrap();
            }
        }
    }

    /// Words of the agent's fault and fix.
    fn expected(self) -> [&'static str; 2] {
        match self {
            Self::NoAlias => [
                "names no key in us-west-2",
                "deploy source-target-region.yaml there, with TargetAccount=222222222222 and PrimaryKeyArn",
            ],
            Self::AliasOfAnotherKey => ["does not carry the tags of this handoff key", "aws kms tag-resource"],
            Self::AliasOfAKeyOfOneRegion | Self::AliasOfAPrimary => {
                ["is not the replica of a multi-Region key whose primary is in ap-northeast-1", "let alias/"]
            }
            Self::NoTags => ["does not carry the tags", "TagKey=rds-handoff:role,TagValue=key"],
            Self::Disabled => ["is Disabled", "enable it"],
            Self::OtherRole => [
                "does not let role rds-handoff-target-agent of account 222222222222 use it through RDS",
                "put these statements into the policy, in place of those with the same Sids: {",
            ],
        }
    }
}

/// Runs the command `aws kms tag-resource` of a fix.
async fn run_tag_resource(lab: &Lab, command: &str) {
    let command = command.replace("\\\n", "");
    let words: Vec<&str> = command.split_whitespace().collect();
    let ["aws", "kms", "tag-resource", "--region", region, "--key-id", key, "--tags", tags @ ..] = &words[..] else {
        panic!("{command}")
    };
    let tag = |tag: &&str| {
        let (name, value) = tag.strip_prefix("TagKey=").unwrap().split_once(",TagValue=").unwrap();
        aws_sdk_kms::types::Tag::builder().tag_key(name).tag_value(value).build().unwrap()
    };
    let call = lab.admin(A, region).kms.tag_resource().key_id(*key);
    call.set_tags(Some(tags.iter().map(tag).collect())).send().await.unwrap();
}

async fn tag(kms: &aws_sdk_kms::Client, key: &str, on: bool) {
    let tags = [("role", "key"), ("source-region", HOME), ("target-account", B)];
    let name = |(name, _): &(&str, &str)| format!("rds-handoff:{name}");
    if on {
        let tag = |of: &(&str, &str)| aws_sdk_kms::types::Tag::builder().tag_key(name(of)).tag_value(of.1).build();
        let tags = tags.iter().map(|of| tag(of).unwrap()).collect();
        kms.tag_resource().key_id(key).set_tags(Some(tags)).send().await.unwrap();
    } else {
        kms.untag_resource().key_id(key).set_tag_keys(Some(tags.iter().map(name).collect())).send().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn misconfigured_existing_key_blocks_until_its_fix_is_applied() {
    for mistake in [
        Mistake::NoAlias,
        Mistake::AliasOfAnotherKey,
        Mistake::AliasOfAKeyOfOneRegion,
        Mistake::AliasOfAPrimary,
        Mistake::NoTags,
        Mistake::Disabled,
        Mistake::OtherRole,
    ] {
        let lab = Lab::new(World { existing_key: true, ..World::quick() }).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
        let (a, replica) = (lab.admin(A, TARGET), lab.replica_key().await);
        let other = a.kms.create_key().multi_region(matches!(mistake, Mistake::AliasOfAPrimary)).send().await.unwrap();
        let other = other.key_metadata().unwrap().key_id();
        mistake.set(&lab, None, &replica, other).await;
        lab.cloud.forget_calls();
        for args in [["check"], ["plan"], ["run"]] {
            let ran = lab.source(&args).await;
            assert_eq!(ran.exit, Exit::Blocked, "{mistake:?}: {}", ran.out);
            for words in mistake.expected() {
                assert!(ran.words().contains(words), "{mistake:?}, {words}: {}", ran.out);
            }
        }
        assert!(lab.admin(A, HOME).snapshots().await.is_empty(), "a snapshot was taken");

        let fix = async {
            tokio::time::sleep(Duration::from_mins(20)).await;
            let reported = lab.told("source-agent", 0).await;
            if matches!(mistake, Mistake::NoTags | Mistake::OtherRole) {
                insta::assert_snapshot!(format!("existing_{mistake:?}"), reported.0.replace(&replica, "KEY"));
            }
            mistake.set(&lab, Some(&reported), &replica, other).await;
            let fixed = tokio::time::Instant::now();
            lab.target_until_restored(&["orders-cutover-1"]).await;
            fixed.elapsed()
        };
        let source = lab.source(&["run", "--patience", "10h"]);
        let (source, took) = Box::pin(Lab::in_time(async { tokio::join!(source, fix) })).await;
        assert_eq!(source.exit, Exit::Settled, "{mistake:?}: {}", source.out);
        assert!(took < Duration::from_mins(30), "{mistake:?}: not seen at the next poll: {took:?}");
        assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"));
        assert_only_kms_reads(&lab);
    }
}

#[tokio::test(start_paused = true)]
async fn active_handoff_keeps_its_key_mode() {
    for (existing_key, edit) in
        [(true, (EXISTING, "")), (false, ("region = \"us-west-2\"", "region = \"us-west-2\"\nkey_mode = \"existing\""))]
    {
        let lab = Lab::new(World { existing_key, ..World::quick() }).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
        lab.cloud.forget_calls();
        let source = lab.source_for(Duration::from_secs(30)).await;
        assert_eq!(source.exit, Exit::Pending, "not stopped halfway: {}", source.out);
        lab.edit("source.toml", edit.0, edit.1);
        let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
        assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
        assert_eq!(replica_policy(&lab).await.contains(B), existing_key);
        if existing_key {
            assert_only_kms_reads(&lab);
        } else {
            assert!(kms_calls(&lab).contains(&("kms:PutKeyPolicy".to_owned(), true)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ended_managed_handoff_keeps_key_open_for_existing_mode_handoff() {
    let lab = Lab::new(World { databases: vec!["orders", "payroll"], ..World::quick() }).await;
    lab.configure_source(&["orders"], "");
    lab.source_for(Duration::from_mins(15)).await;
    // Both modes use the key of the same alias.
    lab.configure_source(&["payroll"], EXISTING);
    lab.source_for(Duration::from_mins(15)).await;
    assert_eq!(lab.admin(B, TARGET).peek("rds-handoff-inbox").await.len(), 2, "not two open offers");
    let a = lab.admin(A, HOME);
    let orders = a.snapshots().await.into_iter().find(|name| name.contains("orders")).unwrap();
    let ended = Tag::builder().key("rds-handoff:ended").value("revoked/2026-11-21T10:00:00Z").build();
    let arn = format!("arn:aws:rds:{HOME}:{A}:snapshot:{orders}");
    a.rds.add_tags_to_resource().resource_name(arn).tags(ended).send().await.unwrap();
    lab.source_for(Duration::from_mins(15)).await;

    let target = async {
        while lab.restored("payroll-cutover-1").is_none() {
            lab.target(&["run", "--once"]).await;
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    };
    let (source, ()) = Box::pin(Lab::in_time(async { tokio::join!(lab.source(&["run"]), target) })).await;
    assert_eq!(source.exit, Exit::Settled, "{}", source.out);
    assert_eq!(lab.restored("payroll-cutover-1"), lab.original("payroll"));
}

#[tokio::test(start_paused = true)]
async fn key_mode_flag_selects_key_steps_of_plan() {
    let lab = Lab::new(World { existing_key: true, ..World::quick() }).await;
    let plan = async |mode: &'static str| lab.source(&[&Lab::BY_FLAGS[..], &["--key-mode", mode]].concat()).await;
    let (existing, managed, wrong) = (plan("existing").await, plan("managed").await, plan("borrowed").await);
    assert!(existing.out.contains("existing-key") && !existing.out.contains("share-key"), "{}", existing.out);
    assert!(!managed.out.contains("existing-key") && managed.out.contains("share-key"), "{}", managed.out);
    assert_eq!(wrong.exit, Exit::Usage, "{}", wrong.out);
}
