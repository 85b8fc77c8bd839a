//! The administrator of an account: sets it up before the move, and looks around after it. No agent has these credentials.

use std::error::Error;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_sim::Cloud;
use stack::Administrator;

use crate::side::Side;

/// What can go wrong beside the agents.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The root of one account, in one Region.
#[derive(Debug)]
pub(crate) struct Admin {
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
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region))
            .http_client(cloud.connector())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        Self {
            rds: aws_sdk_rds::Client::new(&sdk),
            kms: aws_sdk_kms::Client::new(&sdk),
            sqs: aws_sdk_sqs::Client::new(&sdk),
        }
    }

    /// Whoever deploys the stacks of this account.
    pub(crate) fn stacks(&self) -> Administrator {
        Administrator { kms: self.kms.clone(), sqs: self.sqs.clone() }
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
