//! The acts of an attacker who has the credentials of a role.

use std::time::Duration;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{GrantOperation, KeySpec, KeyUsageType};
use aws_sdk_rds::error::ProvideErrorMetadata;
use e2e::{A, Admin, B, HOME, TARGET};
use serde_json::json;

use super::policies::{SOURCE, TARGET_ROLE};
use super::scene::{C, ELSEWHERE, Scene, handoff_key_tags, key_tags, open_to, tags};

type Tags = &'static [(&'static str, &'static str)];

/// The account, role and Region of the caller.
#[derive(Debug, Clone, Copy)]
pub(super) struct By(pub(super) &'static str, pub(super) &'static str, pub(super) &'static str);

// S is account A's agent, T is account B's agent, APP another role, OF_C a role of account C. The Region is the target
// Region, or as the suffix or the value says.
pub(super) const S_HOME: By = By(A, SOURCE, HOME);
pub(super) const S: By = By(A, SOURCE, TARGET);
pub(super) const S_ELSEWHERE: By = By(A, SOURCE, ELSEWHERE);
pub(super) const T: By = By(B, TARGET_ROLE, TARGET);
pub(super) const T_HOME: By = By(B, TARGET_ROLE, HOME);
pub(super) const T_ELSEWHERE: By = By(B, TARGET_ROLE, ELSEWHERE);
pub(super) const APP_OF_A: By = By(A, "app", TARGET);
pub(super) const APP_OF_B: By = By(B, "app", TARGET);
pub(super) const APP_OF_A_HOME: By = By(A, "app", HOME);
pub(super) const APP_OF_B_HOME: By = By(B, "app", HOME);
pub(super) const OF_C: By = By(C, "app", TARGET);
pub(super) const OF_C_HOME: By = By(C, "app", HOME);
pub(super) const SOURCE_OF_C: By = By(C, SOURCE, TARGET);
pub(super) const TARGET_OF_C: By = By(C, TARGET_ROLE, HOME);

/// A snapshot: its account, Region, and its name or its role in the handoff.
pub(super) type Snapshot = (&'static str, &'static str, &'static str);

/// One act; keys are named as in [`Scene::keys`].
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Allows an account to send to a queue of the caller's account.
    Admits(&'static str, &'static str),
    Assumes(&'static str, &'static str),
    Copies(Snapshot, &'static str, Option<&'static str>, Tags),
    CopiesAfter(Duration, Snapshot, &'static str, Option<&'static str>, Tags),
    DeletesADatabase(&'static str),
    DeletesAKey(&'static str),
    DeletesASnapshot(&'static str),
    Describes(&'static str),
    Empties(&'static str, &'static str, &'static str),
    Encrypts(&'static str),
    Grants(&'static str),
    ListsDatabases,
    ListsGroups,
    ListsKeys,
    ReadsQuotas,
    MakesAKey(Key),
    Modifies(&'static str, Change),
    /// Creates the alias of the route for this key, after an administrator has deleted it.
    NamesAHandoffKey(&'static str),
    NamesAKey(&'static str, &'static str),
    /// Allows account C to use the key; with the flag, account C alone, and nobody else can change the policy any more.
    OpensAKey(&'static str, bool),
    ReadsThePolicy(&'static str),
    Receives(&'static str, &'static str, &'static str),
    Replicates(&'static str, &'static str),
    Restores(&'static str, &'static str, Change, Tags),
    RevokesGrants(&'static str),
    /// With the flag: without TLS.
    Sends(&'static str, &'static str, &'static str, bool),
    Shares(&'static str, &'static str),
    Snapshots(&'static str, &'static str, Tags),
    Tags(&'static str, Tags),
    TagsAKey(&'static str),
}

/// How a new key differs from a handoff key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    Right,
    Marked(&'static str),
    WithAnotherTag,
    SingleRegion,
    ForSigning,
    LockedOut,
}

/// A setting that is changed in a restore or a modification.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    None,
    Public,
    Protection,
    Secret,
    Monitoring(&'static str),
    Subnets(&'static str),
}

/// The result of a call: the error is the code of AWS.
pub(super) type Answer = Result<(), String>;

/// The result of an attack.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// AWS refused this permission in this layer.
    Refused(String, &'static str),
    /// The call failed for another reason.
    Failed(String),
}

fn answer<T, E: ProvideErrorMetadata>(answer: Result<T, E>) -> Answer {
    answer.map(drop).map_err(|error| error.code().unwrap_or("no answer").to_owned())
}

impl Scene {
    fn snapshot(&self, name: &str) -> String {
        self.snapshots.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }

    /// Performs an act.
    pub(super) async fn perform(&self, By(account, role, region): By, act: &Act) -> Answer {
        let by = self.lab.attacker(account, role, region);
        match act {
            Act::Admits(..) | Act::Assumes(..) | Act::Empties(..) | Act::Receives(..) | Act::Sends(..) => {
                self.call_sqs_or_sts(&by, act).await
            }
            Act::Copies(..)
            | Act::CopiesAfter(..)
            | Act::DeletesADatabase(_)
            | Act::DeletesASnapshot(_)
            | Act::ListsDatabases
            | Act::ListsGroups
            | Act::ReadsQuotas
            | Act::Modifies(..)
            | Act::Restores(..)
            | Act::Shares(..)
            | Act::Snapshots(..)
            | Act::Tags(..) => self.call_rds(&by, region, account, act).await,
            _ => self.call_kms(&by, region, account, act).await,
        }
    }

    /// Tries an act, and finds which permission was refused.
    pub(super) async fn attempt(&self, by: By, act: &Act) -> Outcome {
        let Err(code) = self.perform(by, act).await else { return Outcome::Done };
        let call = self.lab.cloud.calls().pop().unwrap();
        // RDS has its own error code for a key that its caller may not use.
        let known = code.starts_with("AccessDenied") || code == "KMSKeyNotAccessibleFault";
        match call.decisions.last().filter(|decision| known && !decision.allowed) {
            Some(decision) => Outcome::Refused(decision.action.clone(), decision.grounds[0].layer),
            None => Outcome::Failed(format!("{code} {}", call.rule)),
        }
    }

    async fn call_rds(&self, by: &Admin, region: &str, account: &str, act: &Act) -> Answer {
        let rds = &by.rds;
        match act {
            Act::ListsDatabases => answer(rds.describe_db_instances().send().await),
            Act::ListsGroups => answer(rds.describe_db_subnet_groups().send().await),
            Act::ReadsQuotas => answer(rds.describe_account_attributes().send().await),
            Act::Snapshots(database, name, pairs) => {
                let call = rds.create_db_snapshot().db_instance_identifier(*database).db_snapshot_identifier(*name);
                answer(call.set_tags(tags(pairs)).send().await)
            }
            Act::CopiesAfter(time, from, to, key, pairs) => {
                tokio::time::sleep(*time).await;
                Box::pin(self.call_rds(by, region, account, &Act::Copies(*from, to, *key, pairs))).await
            }
            Act::Copies((owner, at, name), to, key, pairs) => {
                let source = format!("arn:aws:rds:{at}:{owner}:snapshot:{}", self.snapshot(name));
                let call = rds.copy_db_snapshot().source_db_snapshot_identifier(source);
                let call = call.target_db_snapshot_identifier(*to).set_tags(tags(pairs));
                answer(call.set_kms_key_id(key.map(|key| self.keys[key].clone())).send().await)
            }
            Act::Shares(name, with) => {
                let call = rds.modify_db_snapshot_attribute().db_snapshot_identifier(self.snapshot(name));
                answer(call.attribute_name("restore").values_to_add(*with).send().await)
            }
            Act::DeletesASnapshot(name) => {
                answer(rds.delete_db_snapshot().db_snapshot_identifier(self.snapshot(name)).send().await)
            }
            Act::DeletesADatabase(name) => {
                answer(rds.delete_db_instance().db_instance_identifier(*name).skip_final_snapshot(true).send().await)
            }
            Act::Tags(resource, pairs) => {
                let (kind, name) = resource.split_once(':').unwrap();
                let arn = format!("arn:aws:rds:{region}:{account}:{kind}:{}", self.snapshot(name));
                answer(rds.add_tags_to_resource().resource_name(arn).set_tags(tags(pairs)).send().await)
            }
            Act::Restores(from, name, change, pairs) => {
                let call = rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier(self.snapshot(from));
                let call = call.db_instance_identifier(*name).set_tags(tags(pairs));
                let call = match change {
                    Change::Subnets(group) => call.db_subnet_group_name(*group),
                    _ => call.db_subnet_group_name("private"),
                };
                answer(call.publicly_accessible(matches!(change, Change::Public)).send().await)
            }
            Act::Modifies(name, change) => {
                let call = rds.modify_db_instance().db_instance_identifier(*name).apply_immediately(true);
                let call = match change {
                    Change::Public => call.publicly_accessible(true),
                    Change::Protection => call.deletion_protection(false),
                    Change::Secret => call.manage_master_user_password(true),
                    Change::Monitoring(role) => {
                        call.monitoring_role_arn(format!("arn:aws:iam::{B}:role/{role}")).monitoring_interval(60)
                    }
                    _ => call,
                };
                answer(call.send().await)
            }
            other => panic!("{other:?} is not for RDS"),
        }
    }

    async fn call_kms(&self, by: &Admin, region: &str, account: &str, act: &Act) -> Answer {
        let (kms, key) = (&by.kms, |name: &str| self.keys[name].clone());
        match act {
            Act::ListsKeys => answer(kms.list_keys().send().await),
            Act::Describes(name) => answer(kms.describe_key().key_id(key(name)).send().await),
            Act::Encrypts(name) => {
                answer(kms.encrypt().key_id(key(name)).plaintext(Blob::new(b"0123456789".to_vec())).send().await)
            }
            Act::Grants(name) => {
                let call = kms.create_grant().key_id(key(name)).grantee_principal(format!("arn:aws:iam::{C}:root"));
                answer(call.operations(GrantOperation::Decrypt).send().await)
            }
            Act::ReadsThePolicy(name) => answer(kms.get_key_policy().key_id(key(name)).send().await),
            Act::RevokesGrants(name) => {
                let grants = kms.list_grants().key_id(key(name)).send().await;
                let grants = match grants {
                    Ok(grants) => grants,
                    Err(error) => return answer::<(), _>(Err(error)),
                };
                let grant = grants.grants()[0].grant_id().unwrap();
                answer(kms.revoke_grant().key_id(key(name)).grant_id(grant).send().await)
            }
            Act::OpensAKey(name, for_ever) => {
                let policy = if *for_ever { open_to(&[C]) } else { open_to(&[account, C]) };
                let call = kms.put_key_policy().key_id(key(name)).policy(policy);
                answer(call.bypass_policy_lockout_safety_check(*for_ever).send().await)
            }
            Act::DeletesAKey(name) => answer(kms.schedule_key_deletion().key_id(key(name)).send().await),
            Act::TagsAKey(name) => {
                answer(kms.tag_resource().key_id(key(name)).set_tags(key_tags(&handoff_key_tags(None))).send().await)
            }
            Act::NamesAKey(alias, name) => {
                answer(kms.create_alias().alias_name(*alias).target_key_id(key(name)).send().await)
            }
            Act::NamesAHandoffKey(name) => {
                let alias = format!("alias/rds-handoff-{HOME}-{B}");
                self.lab.admin(A, region).kms.delete_alias().alias_name(&alias).send().await.unwrap();
                answer(kms.create_alias().alias_name(alias).target_key_id(key(name)).send().await)
            }
            Act::Replicates(name, to) => {
                let call = kms.replicate_key().key_id(key(name)).replica_region(*to);
                answer(call.set_tags(key_tags(&handoff_key_tags(None))).send().await)
            }
            Act::MakesAKey(making) => {
                let other = if let Key::Marked(other) = making { Some(*other) } else { None };
                let mut made = handoff_key_tags(other);
                if matches!(making, Key::WithAnotherTag) {
                    made.push(("team", "payroll"));
                }
                let call = kms.create_key().set_tags(key_tags(&made));
                let call = call.multi_region(!matches!(making, Key::SingleRegion));
                let call = match making {
                    Key::ForSigning => {
                        call.key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify).multi_region(true)
                    }
                    Key::LockedOut => call.policy(open_to(&[C])).bypass_policy_lockout_safety_check(true),
                    _ => call,
                };
                answer(call.send().await)
            }
            other => panic!("{other:?} is not for KMS"),
        }
    }

    async fn call_sqs_or_sts(&self, by: &Admin, act: &Act) -> Answer {
        match act {
            Act::Admits(account, queue) => {
                let allowed = json!({
                    "Effect": "Allow", "Principal": { "AWS": account }, "Action": "sqs:SendMessage", "Resource": "*",
                });
                by.add_to_queue_policy(queue, &[allowed]).await;
                Ok(())
            }
            Act::Assumes(account, role) => {
                let role = format!("arn:aws:iam::{account}:role/{role}");
                answer(by.sts.assume_role().role_arn(role).role_session_name("attacker").send().await)
            }
            Act::Empties(account, region, queue) => {
                let url = self.lab.admin(account, region).queue_url(queue);
                answer(by.sqs.purge_queue().queue_url(url).send().await)
            }
            Act::Receives(account, region, queue) => {
                let url = self.lab.admin(account, region).queue_url(queue);
                answer(by.sqs.receive_message().queue_url(url).send().await)
            }
            Act::Sends(account, region, queue, plain) => {
                let url = self.lab.admin(account, region).queue_url(queue);
                let mut config = by.sqs.config().to_builder();
                if *plain {
                    config = config.endpoint_url(format!("http://sqs.{region}.amazonaws.com"));
                }
                let sqs = aws_sdk_sqs::Client::from_conf(config.build());
                answer(sqs.send_message().queue_url(url).message_body("{}").send().await)
            }
            other => panic!("{other:?} is not for SQS or STS"),
        }
    }
}
