//! Deploys the stacks of a route in its two accounts: the roles, policies, queues and keys that the agents use.

use aws_sdk_kms::types::Tag;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_sim::Cloud;
use serde_json::Value;

use crate::template::{Resource, Template, attached};

/// The two accounts and Regions of a route, and the options of its stacks.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The id of account A.
    pub source: &'a str,
    /// The source Region.
    pub source_region: &'a str,
    /// The id of account B.
    pub target: &'a str,
    /// The target Region.
    pub target_region: &'a str,
    /// Account A's administrators create the handoff key: `KeyMode=existing` in the templates, key mode `existing` of the
    /// agent.
    pub existing_key: bool,
    /// Account A accepts requests from a queue: it also deploys source-requests.yaml.
    pub requests: bool,
}

/// Clients of one account's root user, in one Region.
#[derive(Debug, Clone)]
pub struct Administrator {
    /// KMS.
    pub kms: aws_sdk_kms::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
}

impl Pair<'_> {
    /// The stacks of the route, with the most permissive parameters: other tests check what each parameter restricts.
    pub fn templates(&self) -> [Template; 4] {
        let Self { source, source_region, target, target_region, existing_key, .. } = *self;
        let mode = ("KeyMode", if existing_key { "existing" } else { "managed" });
        let databases = format!("arn:aws:rds:{source_region}:{source}:db:*");
        let (root_a, root_b) = (format!("arn:aws:iam::{source}:root"), format!("arn:aws:iam::{target}:root"));
        let monitoring = format!("arn:aws:iam::{target}:role/rds-monitoring");
        let route = [("SourceRegion", source_region), ("TargetRegion", target_region)];
        let of_a = [mode, ("TargetAccount", target), ("Databases", &databases), ("TrustedPrincipals", &root_a)];
        let of_b = [
            ("SourceAccount", source),
            ("RestoredDatabases", "*"),
            ("SubnetGroup", "*"),
            ("ParameterGroups", "*"),
            ("OptionGroups", "*"),
            ("MonitoringRole", &monitoring),
            ("PubliclyAccessible", "true"),
            ("TrustedPrincipals", &root_b),
        ];
        [
            Template::read("source-account.yaml", source, source_region, &[&route[..], &of_a].concat()),
            Template::read("target-account.yaml", target, target_region, &[&route[..], &of_b].concat()),
            Template::read("source-region.yaml", source, source_region, &[mode, ("TargetAccount", target)]),
            Template::read("target-region.yaml", target, target_region, &[("SourceAccounts", source)]),
        ]
    }

    fn of_requests(&self) -> Option<Template> {
        self.requests.then(|| Template::read("source-requests.yaml", self.source, self.source_region, &[]))
    }

    /// The policies that all stacks together attach to a role.
    pub fn policies(&self, role: &str) -> Vec<Value> {
        self.templates().iter().chain(&self.of_requests()).flat_map(|template| template.policies(role)).collect()
    }

    /// Deploys all stacks of the route, each with its own account's administrator, and returns the ARN of account B's
    /// own key.
    pub async fn deploy(&self, cloud: &Cloud, a: &Administrator, b: &Administrator) -> String {
        let [account_a, account_b, region_a, region_b] = self.templates();
        a.deploy(cloud, &account_a).await;
        b.deploy(cloud, &account_b).await;
        if let Some(primary) = a.deploy(cloud, &region_a).await {
            a.deploy(cloud, &self.replica(&primary)).await;
        }
        if let Some(requests) = self.of_requests() {
            a.deploy(cloud, &requests).await;
            let role = "rds-handoff-source-agent";
            let policies: Vec<String> = self.policies(role).iter().map(ToString::to_string).collect();
            let policies: Vec<&str> = policies.iter().map(String::as_str).collect();
            cloud.put_role_policies(self.source, role, &policies).expect("a role");
        }
        b.deploy(cloud, &region_b).await.expect("the key of target-region.yaml")
    }

    /// The stack of the replica of a handoff key that administrators created.
    fn replica(&self, primary: &str) -> Template {
        let Self { source, source_region, target, target_region, .. } = *self;
        let given = [("SourceRegion", source_region), ("TargetAccount", target), ("PrimaryKeyArn", primary)];
        Template::read("source-target-region.yaml", source, target_region, &given)
    }
}

impl Administrator {
    /// Deploys those resources of a template that the simulated AWS supports: roles with policies and boundary, queues,
    /// keys and their aliases. Alarms and log groups are ignored. Returns the ARN of the key, if the stack has one.
    pub async fn deploy(&self, cloud: &Cloud, template: &Template) -> Option<String> {
        let resources = template.resources();
        roles(cloud, template.account(), &resources.values().collect::<Vec<_>>());
        // A dead-letter queue is created before the queue that refers to it.
        let mut queues: Vec<&Resource> = resources.values().filter(|it| it.kind == "AWS::SQS::Queue").collect();
        queues.sort_by_key(|it| it.properties.get("RedrivePolicy").is_some());
        for queue in queues {
            self.create_queue(&queue.properties).await;
        }
        for policy in resources.values().filter(|it| it.kind == "AWS::SQS::QueuePolicy") {
            for queue in policy.properties["Queues"].as_array().into_iter().flatten() {
                let name = queue.as_str().and_then(|arn| arn.rsplit(':').next()).expect("a queue");
                let url = self.sqs.get_queue_url().queue_name(name).send().await.expect("a queue");
                let call = self.sqs.set_queue_attributes().set_queue_url(url.queue_url().map(str::to_owned));
                let document = policy.properties["PolicyDocument"].to_string();
                call.attributes(QueueAttributeName::Policy, document).send().await.expect("a policy");
            }
        }
        let key = resources.values().find(|it| it.kind.starts_with("AWS::KMS::") && it.kind != "AWS::KMS::Alias")?;
        let arn = match key.kind.as_str() {
            "AWS::KMS::Key" => self.create_key(&key.properties).await,
            _ => self.replicate_key(&key.properties, template.region()).await,
        };
        for alias in resources.values().filter(|it| it.kind == "AWS::KMS::Alias") {
            let name = alias.properties["AliasName"].as_str().expect("a name");
            let call = self.kms.create_alias().alias_name(name).target_key_id(&arn).customize();
            let there = aws_sdk_kms::config::Region::new(template.region().to_owned());
            call.config_override(aws_sdk_kms::Config::builder().region(there)).send().await.expect("an alias");
        }
        Some(arn)
    }

    async fn create_queue(&self, properties: &Value) {
        let mut call = self.sqs.create_queue();
        for (name, value) in properties.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            call = match name.as_str() {
                "QueueName" => call.queue_name(text),
                attribute => call.attributes(QueueAttributeName::from(attribute), text),
            };
        }
        call.send().await.expect("a queue");
    }

    async fn create_key(&self, properties: &Value) -> String {
        let call = self.kms.create_key().policy(properties["KeyPolicy"].to_string());
        let call = call.set_multi_region(properties["MultiRegion"].as_bool()).set_tags(Some(tags(properties)));
        let made = call.send().await.expect("a key");
        made.key_metadata().and_then(|key| key.arn()).expect("its ARN").to_owned()
    }

    async fn replicate_key(&self, properties: &Value, region: &str) -> String {
        let call = self.kms.replicate_key().policy(properties["KeyPolicy"].to_string()).replica_region(region);
        let call = call.key_id(properties["PrimaryKeyArn"].as_str().expect("a primary"));
        let made = call.set_tags(Some(tags(properties))).send().await.expect("a replica");
        made.replica_key_metadata().and_then(|key| key.arn()).expect("its ARN").to_owned()
    }
}

fn tags(properties: &Value) -> Vec<Tag> {
    let tag = |tag: &Value| {
        let text = |key: &str| tag[key].as_str().unwrap_or_default();
        Tag::builder().tag_key(text("Key")).tag_value(text("Value")).build().expect("a tag")
    };
    properties["Tags"].as_array().into_iter().flatten().map(tag).collect()
}

/// Creates the roles of a stack, with their policies and boundaries.
fn roles(cloud: &Cloud, account: &str, resources: &[&Resource]) {
    let managed = |key: &str, value: &Value| {
        resources.iter().find(|it| it.kind == "AWS::IAM::ManagedPolicy" && it.properties[key] == *value)
    };
    for role in resources.iter().filter(|it| it.kind == "AWS::IAM::Role") {
        let name = role.properties["RoleName"].as_str().expect("a name");
        let policies: Vec<String> = attached(resources, name).map(ToString::to_string).collect();
        let policies: Vec<&str> = policies.iter().map(String::as_str).collect();
        let trust = role.properties["AssumeRolePolicyDocument"].to_string();
        cloud.create_role(account, name, &trust, &policies).expect("a role");
        let boundary = role.properties["PermissionsBoundary"].as_str().and_then(|arn| arn.rsplit('/').next());
        let boundary = boundary.and_then(|name| managed("ManagedPolicyName", &Value::from(name)));
        let boundary = boundary.map(|it| it.properties["PolicyDocument"].to_string());
        cloud.put_role_boundary(account, name, boundary.as_deref()).expect("a boundary");
    }
}
