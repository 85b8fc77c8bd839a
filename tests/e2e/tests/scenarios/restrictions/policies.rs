//! The restrictions in each statement of the shipped policies, and how to lift them.

use std::collections::BTreeMap;

use e2e::{A, B, HOME, Lab, TARGET};
use serde_json::{Value, json};
use stack::Template;

pub(super) const SOURCE: &str = "rds-handoff-source-agent";
pub(super) const TARGET_ROLE: &str = "rds-handoff-target-agent";

/// A policy by its place. Those of key mode `existing` replace the corresponding ones of key mode `managed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doc {
    SourceRole,
    SourceBoundary,
    SourceTrust,
    TargetRole,
    TargetBoundary,
    TargetTrust,
    Inbox,
    InboxDead,
    Receipts,
    ReceiptsDead,
    Requests,
    RequestsDead,
    OwnKey,
    Primary,
    Replica,
    ExistingRole,
    ExistingBoundary,
    ExistingPrimary,
    ExistingReplica,
}

/// One restriction of a statement: the policy, the Sid, and the element. The element is `Deny`; or, of an Allow,
/// `Resource`, `Principal` or `Action` if it is not `*`, or a condition by its operator and key.
pub(super) type Restriction = (Doc, String, String);

/// The documents of all policies. A role has several documents.
#[derive(Debug, Clone, Default)]
pub(super) struct Policies(pub(super) BTreeMap<Doc, Vec<Value>>);

impl Policies {
    /// Reads the policies from the templates, with parameters as narrow as a careful administrator chooses them. The
    /// policies of the managed handoff key are written by the agent: they are read from the Lab.
    pub(super) async fn shipped(lab: &Lab, database_key: &str) -> Self {
        let mut policies = Self::default();
        let databases = format!("arn:aws:rds:{HOME}:{A}:db:orders,arn:aws:rds:{HOME}:{A}:db:plain");
        let route = [("SourceRegion", HOME), ("TargetRegion", TARGET)];
        let runner = |account: &str| format!("arn:aws:iam::{account}:role/runner");
        let (runner_a, runner_b) = (runner(A), runner(B));
        let monitoring = format!("arn:aws:iam::{B}:role/rds-monitoring");
        let of_a =
            [&route[..], &[("TargetAccount", B), ("Databases", &databases), ("DatabaseKeys", database_key)]].concat();
        let trusted = [&of_a[..], &[("TrustedPrincipals", &runner_a)]].concat();
        let served = [&of_a[..], &[("TrustedService", "ecs-tasks.amazonaws.com"), ("KeyMode", "existing")]].concat();
        let of_b = [
            ("SourceAccount", A),
            ("RestoredDatabases", "*-cutover-*"),
            ("SubnetGroup", "private"),
            ("MonitoringRole", &monitoring),
        ];
        let of_b = [&route[..], &of_b].concat();
        let trusted_b = [&of_b[..], &[("TrustedPrincipals", &runner_b)]].concat();
        let served_b = [&of_b[..], &[("TrustedService", "ecs-tasks.amazonaws.com")]].concat();
        let existing = [("TargetAccount", B), ("KeyMode", "existing")];
        let replica = [("SourceRegion", HOME), ("TargetAccount", B), ("PrimaryKeyArn", "arn")];
        policies.read(&Template::read("source-account.yaml", A, HOME, &trusted), false);
        policies.read(&Template::read("target-account.yaml", B, TARGET, &trusted_b), false);
        policies.read(&Template::read("source-region.yaml", A, HOME, &existing[..1]), false);
        policies.read(&Template::read("target-region.yaml", B, TARGET, &[("SourceAccounts", A)]), false);
        policies.read(&Template::read("source-requests.yaml", A, HOME, &[]), false);
        policies.read(&Template::read("source-account.yaml", A, HOME, &served), true);
        policies.read(&Template::read("target-account.yaml", B, TARGET, &served_b), true);
        policies.read(&Template::read("source-region.yaml", A, HOME, &existing), true);
        policies.read(&Template::read("source-target-region.yaml", A, TARGET, &replica), true);
        for (doc, region) in [(Doc::Primary, HOME), (Doc::Replica, TARGET)] {
            let key = lab.replica_key().await;
            let policy = lab.admin(A, region).kms.get_key_policy().key_id(key).send().await.unwrap();
            policies.0.insert(doc, vec![serde_json::from_str(policy.policy().unwrap()).unwrap()]);
        }
        policies
    }

    /// Adds the policies of a stack. `existing` marks the stacks of the second choice of parameters, with key mode
    /// `existing`: of these only the policies that the first choice does not have.
    fn read(&mut self, template: &Template, existing: bool) {
        for (name, resource) in template.resources() {
            let of_a = template.account() == A;
            let properties = &resource.properties;
            let policy = &properties["PolicyDocument"];
            let queue = || properties["Queues"][0].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
            let (doc, policy) = match (resource.kind.as_str(), existing) {
                ("AWS::IAM::Role", _) if of_a => (Doc::SourceTrust, &properties["AssumeRolePolicyDocument"]),
                ("AWS::IAM::Role", _) => (Doc::TargetTrust, &properties["AssumeRolePolicyDocument"]),
                ("AWS::IAM::ManagedPolicy", false) => match (of_a, properties.get("Roles")) {
                    (true, Some(_)) => (Doc::SourceRole, policy),
                    (true, None) => (Doc::SourceBoundary, policy),
                    (false, Some(_)) => (Doc::TargetRole, policy),
                    (false, None) => (Doc::TargetBoundary, policy),
                },
                ("AWS::IAM::ManagedPolicy", true) if of_a => match properties.get("Roles") {
                    Some(_) => (Doc::ExistingRole, policy),
                    None => (Doc::ExistingBoundary, policy),
                },
                ("AWS::SQS::QueuePolicy", false) => {
                    let doc = match queue() {
                        queue if queue == "rds-handoff-inbox" => Doc::Inbox,
                        queue if queue == "rds-handoff-inbox-dead" => Doc::InboxDead,
                        queue if queue == "rds-handoff-requests" => Doc::Requests,
                        queue if queue == "rds-handoff-requests-dead" => Doc::RequestsDead,
                        queue if queue.ends_with("-dead") => Doc::ReceiptsDead,
                        _ => Doc::Receipts,
                    };
                    (doc, policy)
                }
                ("AWS::KMS::Key", true) => (Doc::ExistingPrimary, &properties["KeyPolicy"]),
                ("AWS::KMS::Key", false) => (Doc::OwnKey, &properties["KeyPolicy"]),
                ("AWS::KMS::ReplicaKey", _) => (Doc::ExistingReplica, &properties["KeyPolicy"]),
                _ => {
                    assert!(existing || policy.is_null(), "{name} has a policy that is not tested");
                    continue;
                }
            };
            self.0.entry(doc).or_default().push(policy.clone());
        }
    }

    /// All restrictions.
    pub(super) fn restrictions(&self) -> Vec<Restriction> {
        let mut found = Vec::new();
        for (doc, documents) in &self.0 {
            for statement in statements(documents) {
                // Skip a statement that is the same in both key modes.
                let like = match doc {
                    Doc::ExistingRole => Some(Doc::SourceRole),
                    Doc::ExistingBoundary => Some(Doc::SourceBoundary),
                    _ => None,
                };
                if like.is_some_and(|like| statements(&self.0[&like]).any(|same| same == statement)) {
                    continue;
                }
                let sid = statement["Sid"].as_str().unwrap_or_else(|| panic!("{doc:?}: a statement without a Sid"));
                found.extend(
                    doc.restrictions(statement).into_iter().map(|restriction| (*doc, sid.to_owned(), restriction)),
                );
            }
        }
        found
    }

    /// Removes one restriction.
    pub(super) fn lift(&mut self, (doc, sid, what): &Restriction) {
        let named = |statement: &Value| statement["Sid"] == **sid;
        let mut all = self.0.get_mut(doc).unwrap().iter_mut().map(|it| it["Statement"].as_array_mut().unwrap());
        let statements = all.find(|all| all.iter().any(named)).unwrap_or_else(|| panic!("{doc:?} has no {sid}"));
        let statement = statements.iter_mut().find(|statement| named(statement)).unwrap();
        match what.as_str() {
            "Deny" => statements.retain(|statement| !named(statement)),
            "Principal" => statement["Principal"] = json!({ "AWS": "*" }),
            "Resource" | "Action" => statement[what.as_str()] = json!("*"),
            condition => {
                let (operator, key) = condition.split_once(' ').unwrap();
                let conditions = statement["Condition"].as_object_mut().unwrap();
                let keys = conditions[operator].as_object_mut().unwrap();
                assert!(keys.remove(key).is_some(), "{doc:?} {sid} has no {condition}");
                if keys.is_empty() {
                    conditions.remove(operator);
                }
            }
        }
    }

    /// Replaces a policy by one that allows every action.
    pub(super) fn lift_all(&mut self, doc: Doc) {
        let mut statement = json!({ "Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*" });
        if doc.names_principals() {
            statement["Principal"] = json!({ "AWS": "*" });
        }
        self.0.insert(doc, vec![json!({ "Version": "2012-10-17", "Statement": [statement] })]);
    }

    /// Attaches one of the policies.
    pub(super) async fn put(&self, doc: Doc, lab: &Lab) {
        // A document without statements means: no policy.
        let text =
            |document: &Value| if document["Statement"] == json!([]) { String::new() } else { document.to_string() };
        let documents: Vec<String> = self.0[&doc].iter().map(text).collect();
        let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
        let (cloud, one) = (&lab.cloud, documents[0]);
        let queue = async |account: &str, region: &str, name: &str| {
            lab.admin(account, region).set_queue_policy(name, one).await;
        };
        let key = async |account: &str, region: &str, alias: &str| {
            let kms = lab.admin(account, region).kms;
            let described = kms.describe_key().key_id(format!("alias/rds-handoff-{alias}")).send().await.unwrap();
            let key = described.key_metadata().unwrap().key_id();
            kms.put_key_policy().key_id(key).policy(one).send().await.unwrap();
        };
        let (receipts, route) = (format!("rds-handoff-receipts-{B}"), format!("{HOME}-{B}"));
        match doc {
            Doc::SourceRole | Doc::ExistingRole => cloud.put_role_policies(A, SOURCE, &documents).unwrap(),
            Doc::TargetRole => cloud.put_role_policies(B, TARGET_ROLE, &documents).unwrap(),
            Doc::SourceBoundary | Doc::ExistingBoundary => cloud.put_role_boundary(A, SOURCE, Some(one)).unwrap(),
            Doc::TargetBoundary => cloud.put_role_boundary(B, TARGET_ROLE, Some(one)).unwrap(),
            Doc::SourceTrust => cloud.put_role_trust(A, SOURCE, one).unwrap(),
            Doc::TargetTrust => cloud.put_role_trust(B, TARGET_ROLE, one).unwrap(),
            Doc::Inbox => queue(B, TARGET, "rds-handoff-inbox").await,
            Doc::InboxDead => queue(B, TARGET, "rds-handoff-inbox-dead").await,
            Doc::Receipts => queue(A, HOME, &receipts).await,
            Doc::ReceiptsDead => queue(A, HOME, &format!("{receipts}-dead")).await,
            Doc::Requests => queue(A, HOME, "rds-handoff-requests").await,
            Doc::RequestsDead => queue(A, HOME, "rds-handoff-requests-dead").await,
            Doc::OwnKey => key(B, TARGET, "own").await,
            Doc::Primary | Doc::ExistingPrimary => key(A, HOME, &route).await,
            Doc::Replica | Doc::ExistingReplica => key(A, TARGET, &route).await,
        }
    }
}

impl Doc {
    fn names_principals(self) -> bool {
        !matches!(
            self,
            Self::SourceRole
                | Self::SourceBoundary
                | Self::TargetRole
                | Self::TargetBoundary
                | Self::ExistingRole
                | Self::ExistingBoundary
        )
    }

    /// The name of the policy layer in a refusal.
    pub(super) fn layer(self) -> &'static str {
        match self {
            Self::SourceRole | Self::TargetRole | Self::ExistingRole => "identity-based policy",
            Self::SourceBoundary | Self::TargetBoundary | Self::ExistingBoundary => "permissions boundary",
            Self::SourceTrust | Self::TargetTrust => "role trust policy",
            _ => "resource-based policy",
        }
    }

    /// The restrictions of a statement. The actions of a role's statements are left out, since `least_privilege` tests
    /// them; so are the action of a trust policy, which is the only one, and the resource of a resource-based policy,
    /// which is that resource.
    fn restrictions(self, statement: &Value) -> Vec<String> {
        if statement["Effect"] == "Deny" {
            return vec!["Deny".to_owned()];
        }
        let elements: &[&str] = match self.layer() {
            "identity-based policy" => &["Resource"],
            "permissions boundary" => &["Action", "Resource"],
            "role trust policy" => &["Principal"],
            _ => &["Principal", "Action"],
        };
        let named = elements.iter().filter(|element| statement[**element] != "*").map(|element| (*element).to_owned());
        let conditions =
            statement["Condition"].as_object().into_iter().flatten().flat_map(|(operator, keys)| {
                keys.as_object().unwrap().keys().map(move |key| format!("{operator} {key}"))
            });
        named.chain(conditions).collect()
    }
}

fn statements(documents: &[Value]) -> impl Iterator<Item = &Value> {
    documents.iter().flat_map(|document| document["Statement"].as_array().unwrap())
}
