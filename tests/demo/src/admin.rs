//! The administrator of an account: sets it up before the move, and looks around after it. No agent has these credentials.

use std::error::Error;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_sim::Cloud;
use serde_json::json;

use crate::side::Side;

/// What can go wrong beside the agents.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The root of one account, in one Region.
#[derive(Debug)]
pub(crate) struct Admin {
    account: &'static str,
    region: &'static str,
    /// RDS.
    pub(crate) rds: aws_sdk_rds::Client,
    /// KMS.
    pub(crate) kms: aws_sdk_kms::Client,
    sqs: aws_sdk_sqs::Client,
}

impl Admin {
    /// Clients that know nothing of this machine's own AWS configuration, nor of its HTTP proxy: they reach the simulated AWS
    /// within the process, by the same door.
    pub(crate) fn new(cloud: &Cloud, side: Side, region: &'static str) -> Self {
        let account = side.account();
        let credentials = Credentials::new(account, secret(side), None, None, "demo");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region))
            .http_client(cloud.connector())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        Self {
            account,
            region,
            rds: aws_sdk_rds::Client::new(&sdk),
            kms: aws_sdk_kms::Client::new(&sdk),
            sqs: aws_sdk_sqs::Client::new(&sdk),
        }
    }

    /// A queue of this account with its dead-letter queue. The agent of the other account may send to it, and nothing else.
    pub(crate) async fn create_queue(&self, name: &str, sender: Side) -> Result<()> {
        let arn = |name: &str| format!("arn:aws:sqs:{}:{}:{name}", self.region, self.account);
        let fortnight = "1209600";
        let dead = dead(name);
        let create = self.sqs.create_queue().queue_name(&dead);
        create.attributes(QueueAttributeName::MessageRetentionPeriod, fortnight).send().await?;
        let (other, role) = (sender.account(), sender.role());
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "AWS": format!("arn:aws:iam::{other}:root") },
                "Action": "sqs:SendMessage",
                "Resource": arn(name),
                "Condition": { "ArnEquals": { "aws:PrincipalArn": format!("arn:aws:iam::{other}:role/{role}") } },
            }],
        });
        let redrive = json!({ "deadLetterTargetArn": arn(&dead), "maxReceiveCount": 100 });
        self.sqs
            .create_queue()
            .queue_name(name)
            .attributes(QueueAttributeName::MessageRetentionPeriod, fortnight)
            .attributes(QueueAttributeName::Policy, policy.to_string())
            .attributes(QueueAttributeName::RedrivePolicy, redrive.to_string())
            .send()
            .await?;
        Ok(())
    }

    /// A key of this account, for itself.
    pub(crate) async fn create_key(&self, description: &str) -> Result<String> {
        let key = self.kms.create_key().description(description).send().await?;
        let arn = key.key_metadata().and_then(|key| key.arn()).ok_or("KMS tells no ARN of the new key")?;
        Ok(arn.to_owned())
    }

    /// How many messages a queue holds, hidden and delayed ones too.
    pub(crate) async fn messages(&self, queue: &str) -> Result<u32> {
        let url = self.sqs.get_queue_url().queue_name(queue).send().await?;
        let asked = self.sqs.get_queue_attributes().set_queue_url(url.queue_url);
        let asked = asked.attribute_names(QueueAttributeName::All).send().await?;
        let counts = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let mut sum = 0;
        for name in counts {
            let count = asked.attributes().and_then(|all| all.get(&name)).ok_or("SQS tells no number of messages")?;
            sum += count.parse::<u32>()?;
        }
        Ok(sum)
    }
}

/// What the root of an account signs with, in the simulated AWS.
pub(crate) fn secret(side: Side) -> String {
    format!("simulated-{}", side.account())
}

/// A queue's dead-letter queue.
pub(crate) fn dead(queue: &str) -> String {
    format!("{queue}-dead")
}

/// An error with all that it came from: SDK errors alone say only "service error", and their causes repeat each other.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
