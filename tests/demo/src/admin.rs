//! The administrator of an account: sets the account up before the handoff and checks it afterwards. The agents do not
//! have these credentials.

use std::error::Error;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_sim::Cloud;
use stack::Administrator;

use crate::side::Side;

/// The result of the demo's own work, other than what the agents do.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Clients of one account's root user, in one Region.
#[derive(Debug)]
pub(crate) struct Admin {
    /// RDS.
    pub(crate) rds: aws_sdk_rds::Client,
    /// KMS.
    pub(crate) kms: aws_sdk_kms::Client,
    sqs: aws_sdk_sqs::Client,
}

impl Admin {
    /// Creates the clients. They ignore this machine's AWS configuration and HTTP proxy: they call the simulated AWS
    /// inside this process, through the same code that serves HTTP.
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

    /// The administrator that deploys this account's stacks.
    pub(crate) fn stacks(&self) -> Administrator {
        Administrator { kms: self.kms.clone(), sqs: self.sqs.clone() }
    }

    /// The number of messages in a queue, including invisible and delayed ones.
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
            let count = asked.attributes().and_then(|all| all.get(&name)).ok_or("SQS returned no message count")?;
            sum += count.parse::<u32>()?;
        }
        Ok(sum)
    }
}

/// The secret access key of an account's root user in the simulated AWS.
pub(crate) fn secret(side: Side) -> String {
    format!("simulated-{}", side.account())
}

/// The name of a queue's dead-letter queue.
pub(crate) fn dead(queue: &str) -> String {
    format!("{queue}-dead")
}

/// The text of an error with its causes, each once: an SDK error alone says only "service error", and its causes repeat
/// each other.
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
