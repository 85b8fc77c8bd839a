//! AWS clients for each Region, created through one constructor.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_rds::config::retry::RetryPartition;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use protocol::Region;

/// The timeout of one attempt: longer than the longest long poll of a queue, 20 s.
const ATTEMPT: Duration = Duration::from_secs(40);

/// The version of the SDK defaults that these agents are tested with. An SDK update does not change them.
pub fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// One set of clients for each Region, created on first use.
#[derive(Debug, Clone)]
pub struct Clients {
    sdk: SdkConfig,
    partition: RetryPartition,
    made: Rc<RefCell<BTreeMap<Region, Regional>>>,
}

#[derive(Debug, Clone)]
struct Regional {
    rds: aws_sdk_rds::Client,
    kms: aws_sdk_kms::Client,
    sqs: aws_sdk_sqs::Client,
    sts: aws_sdk_sts::Client,
}

/// The result of an SDK call.
pub type SdkResult<T, E> = Result<T, SdkError<E, HttpResponse>>;

impl Clients {
    /// Clients with the credentials, endpoint and HTTP client of this configuration. Within a call the SDK retries (3
    /// attempts); after that the next pass retries.
    ///
    /// `partition` names the retry budget, which the SDK otherwise shares among all clients of a process.
    pub fn new(sdk: &SdkConfig, partition: &str) -> Self {
        let timeouts =
            TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).operation_attempt_timeout(ATTEMPT).build();
        // Stalled-stream protection of uploads wakes its task every 100 ms until the response arrives, even in a long
        // poll of 20 s. Requests are small, and a stalled one ends with the attempt timeout.
        let stalls = StalledStreamProtectionConfig::enabled().upload_enabled(false).build();
        let sdk = sdk.to_builder().retry_config(RetryConfig::standard()).timeout_config(timeouts);
        let sdk = sdk.stalled_stream_protection(stalls).build();
        Self { sdk, partition: RetryPartition::custom(partition.to_owned()).build(), made: Rc::default() }
    }

    /// RDS in a Region.
    pub fn rds(&self, region: &Region) -> aws_sdk_rds::Client {
        self.regional(region).rds
    }

    /// KMS in a Region.
    pub fn kms(&self, region: &Region) -> aws_sdk_kms::Client {
        self.regional(region).kms
    }

    /// SQS in a Region.
    pub fn sqs(&self, region: &Region) -> aws_sdk_sqs::Client {
        self.regional(region).sqs
    }

    /// STS in a Region: tokens of the global endpoint are not valid in opt-in Regions.
    pub fn sts(&self, region: &Region) -> aws_sdk_sts::Client {
        self.regional(region).sts
    }

    fn regional(&self, region: &Region) -> Regional {
        let make = || {
            let sdk = self.sdk.to_builder().region(aws_config::Region::new(region.to_string())).build();
            Regional {
                rds: aws_sdk_rds::Client::from_conf(
                    aws_sdk_rds::config::Builder::from(&sdk).retry_partition(self.partition.clone()).build(),
                ),
                kms: aws_sdk_kms::Client::from_conf(
                    aws_sdk_kms::config::Builder::from(&sdk).retry_partition(self.partition.clone()).build(),
                ),
                sqs: aws_sdk_sqs::Client::from_conf(
                    aws_sdk_sqs::config::Builder::from(&sdk).retry_partition(self.partition.clone()).build(),
                ),
                sts: aws_sdk_sts::Client::from_conf(
                    aws_sdk_sts::config::Builder::from(&sdk).retry_partition(self.partition.clone()).build(),
                ),
            }
        };
        self.made.borrow_mut().entry(region.clone()).or_insert_with(make).clone()
    }
}
