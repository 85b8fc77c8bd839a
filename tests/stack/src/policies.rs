//! Every policy that the templates create, with all references resolved, in both key modes.

use serde_json::Value;

use crate::template::Template;

/// The resource properties that contain a policy document.
const DOCUMENTS: [&str; 3] = ["AssumeRolePolicyDocument", "KeyPolicy", "PolicyDocument"];

/// A policy that a stack creates.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The template that creates it.
    pub template: &'static str,
    /// The parameter `KeyMode` of the route: `managed` or `existing`. Templates that do not depend on it have `managed`.
    pub key_mode: &'static str,
    /// The logical name of its resource.
    pub resource: String,
    /// The policy document.
    pub document: Value,
}

/// Every policy of every template, with parameters as in deploy/README.md.
pub fn policies() -> Vec<Policy> {
    let (a, b, here, there) = ("111111111111", "222222222222", "ap-northeast-1", "us-west-2");
    let route = [("SourceRegion", here), ("TargetRegion", there)];
    let databases = ("Databases", "arn:aws:rds:ap-northeast-1:111111111111:db:orders");
    let by_role = ("TrustedPrincipals", "arn:aws:iam::111111111111:role/operations");
    let by_service = ("TrustedService", "ecs-tasks.amazonaws.com");
    let (to_b, from_a, existing) = (("TargetAccount", b), ("SourceAccount", a), ("KeyMode", "existing"));
    let primary = ("PrimaryKeyArn", "arn:aws:kms:ap-northeast-1:111111111111:key/mrk-0");
    let restore = [
        ("RestoredDatabases", "moved-*"),
        ("SubnetGroup", "private"),
        ("MonitoringRole", "arn:aws:iam::222222222222:role/rds-monitoring"),
    ];
    let source_account = [&route[..], &[to_b, databases]].concat();
    let target_account = [&route[..], &[from_a, by_service], &restore].concat();
    [
        of("source-account.yaml", "managed", a, here, &[&source_account[..], &[by_role]].concat()),
        of("source-account.yaml", "existing", a, here, &[&source_account[..], &[by_service, existing]].concat()),
        of("source-region.yaml", "managed", a, here, &[to_b]),
        of("source-region.yaml", "existing", a, here, &[to_b, existing]),
        of("source-requests.yaml", "managed", a, here, &[]),
        of("source-target-region.yaml", "existing", a, there, &[route[0], to_b, primary]),
        of("target-account.yaml", "managed", b, there, &target_account),
        of("target-region.yaml", "managed", b, there, &[("SourceAccounts", a)]),
    ]
    .concat()
}

fn of(
    template: &'static str,
    key_mode: &'static str,
    account: &str,
    region: &str,
    given: &[(&str, &str)],
) -> Vec<Policy> {
    let mut policies = Vec::new();
    for (name, resource) in Template::read(template, account, region, given).resources() {
        let documents = DOCUMENTS.iter().filter_map(|key| resource.properties.get(key)).cloned();
        policies.extend(documents.map(|document| Policy { template, key_mode, resource: name.clone(), document }));
    }
    policies
}
