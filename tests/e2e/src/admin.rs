//! The administrator of an account: calls that a person makes by hand before, during and after a handoff.

use aws_config::SdkConfig;
use aws_sdk_rds::config::retry::RetryPartition;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

/// Clients with the root credentials of one account, in one Region. ([`crate::Lab::attacker`] makes one with those of a
/// role.)
#[derive(Debug)]
pub struct Admin {
    account: String,
    region: String,
    /// RDS.
    pub rds: aws_sdk_rds::Client,
    /// KMS.
    pub kms: aws_sdk_kms::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// STS.
    pub sts: aws_sdk_sts::Client,
}

impl Admin {
    pub(crate) fn new(sdk: &SdkConfig, partition: &str, account: &str, region: &str) -> Self {
        let partition = RetryPartition::custom(partition.to_owned()).build();
        let rds = aws_sdk_rds::config::Builder::from(sdk).retry_partition(partition.clone()).build();
        let kms = aws_sdk_kms::config::Builder::from(sdk).retry_partition(partition.clone()).build();
        let sqs = aws_sdk_sqs::config::Builder::from(sdk).retry_partition(partition.clone()).build();
        let sts = aws_sdk_sts::config::Builder::from(sdk).retry_partition(partition).build();
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            rds: aws_sdk_rds::Client::from_conf(rds),
            kms: aws_sdk_kms::Client::from_conf(kms),
            sqs: aws_sdk_sqs::Client::from_conf(sqs),
            sts: aws_sdk_sts::Client::from_conf(sts),
        }
    }

    /// Creates a key of this account with the default key policy; returns its ARN.
    pub async fn create_key(&self, description: &str) -> String {
        let key = self.kms.create_key().description(description).send().await.expect("a key");
        key.key_metadata().and_then(|key| key.arn()).expect("the ARN of a key").to_owned()
    }

    /// The URL of a queue of this account.
    pub fn queue_url(&self, name: &str) -> String {
        format!("https://sqs.{}.amazonaws.com/{}/{name}", self.region, self.account)
    }

    /// Replaces the policy of a queue; an empty text removes it.
    pub async fn set_queue_policy(&self, queue: &str, policy: &str) {
        let call = self.sqs.set_queue_attributes().queue_url(self.queue_url(queue));
        call.attributes(QueueAttributeName::Policy, policy).send().await.expect("another policy");
    }

    /// Adds statements to the policy of a queue of this account.
    pub async fn add_to_queue_policy(&self, queue: &str, statements: &[Value]) {
        let call = self.sqs.get_queue_attributes().queue_url(self.queue_url(queue));
        let answer = call.attribute_names(QueueAttributeName::Policy).send().await.expect("attributes");
        let policy = answer.attributes().and_then(|all| all.get(&QueueAttributeName::Policy)).expect("a policy");
        self.set_queue_policy(queue, &added(policy, statements)).await;
    }

    /// Adds statements to the policy of a key of this account.
    pub async fn add_to_key_policy(&self, key: &str, statements: &[Value]) {
        let policy = self.key_policy(key).await;
        self.set_key_policy(key, &added(&policy, statements)).await;
    }

    /// The policy of a key.
    pub async fn key_policy(&self, key: &str) -> String {
        let answer = self.kms.get_key_policy().key_id(key).send().await.expect("the policy of a key");
        answer.policy().unwrap_or_default().to_owned()
    }

    /// Replaces the policy of a key.
    pub async fn set_key_policy(&self, key: &str, policy: &str) {
        self.kms.put_key_policy().key_id(key).policy(policy).send().await.expect("another policy");
    }

    /// The ARN of the first key of this account in this Region.
    pub async fn own_key(&self) -> String {
        let keys = self.kms.list_keys().send().await.expect("keys");
        keys.keys().iter().find_map(|key| key.key_arn()).expect("a key").to_owned()
    }

    /// Sends a message to a queue.
    pub async fn send(&self, queue: &str, body: &str) {
        self.sqs.send_message().queue_url(self.queue_url(queue)).message_body(body).send().await.expect("sent");
    }

    /// The messages in a queue, which stay there: body and reason of each.
    pub async fn peek(&self, queue: &str) -> Vec<(String, Option<String>)> {
        let url = self.queue_url(queue);
        let mut found = Vec::new();
        loop {
            let call = self.sqs.receive_message().queue_url(&url).max_number_of_messages(10).visibility_timeout(60);
            let answer = call.message_attribute_names("All").send().await.expect("received");
            if answer.messages().is_empty() {
                break;
            }
            for message in answer.messages() {
                let reason = message.message_attributes().and_then(|all| all.get("rds-handoff-reason"));
                let reason = reason.and_then(|reason| reason.string_value()).map(str::to_owned);
                found.push((message.body().unwrap_or_default().to_owned(), reason));
            }
        }
        tokio::time::sleep(std::time::Duration::from_secs(61)).await;
        found
    }

    /// The tags of a snapshot of this account.
    pub async fn tags(&self, snapshot: &str) -> Vec<(String, String)> {
        let answer =
            self.rds.describe_db_snapshots().db_snapshot_identifier(snapshot).send().await.expect("a snapshot");
        let tags = answer.db_snapshots().first().map(|snapshot| snapshot.tag_list().to_vec()).unwrap_or_default();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        tags.iter().map(|tag| (text(tag.key()), text(tag.value()))).collect()
    }

    /// The names of this account's manual snapshots.
    pub async fn snapshots(&self) -> Vec<String> {
        let answer = self.rds.describe_db_snapshots().snapshot_type("manual").send().await.expect("snapshots");
        let names = answer.db_snapshots().iter().filter_map(|snapshot| snapshot.db_snapshot_identifier());
        names.map(str::to_owned).collect()
    }
}

/// A policy with more statements.
fn added(policy: &str, statements: &[Value]) -> String {
    let mut policy: Value = serde_json::from_str(policy).expect("a policy");
    policy["Statement"].as_array_mut().expect("a list of statements").extend_from_slice(statements);
    policy.to_string()
}
