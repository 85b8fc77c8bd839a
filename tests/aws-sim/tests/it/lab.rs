//! A simulation with two accounts, and clients for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_rds::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};
use aws_sim::{Clock, Cloud, Credentials, Database, InProcess, Settings};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};

pub(crate) const A: &str = "111111111111";
pub(crate) const B: &str = "222222222222";
pub(crate) const HERE: &str = "eu-west-1";
pub(crate) const THERE: &str = "us-east-2";

/// Environment variable: a folder to which every authorization question is written, for another evaluator
/// (tests/conformance).
const QUESTIONS: &str = "AWS_SIM_QUESTIONS";

static LABS: AtomicUsize = AtomicUsize::new(0);

/// A simulation. Its clients have a retry partition of their own.
pub(crate) struct Lab {
    pub(crate) cloud: Cloud,
    partition: String,
}

/// The clients of one principal in one Region.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) rds: aws_sdk_rds::Client,
    pub(crate) kms: aws_sdk_kms::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) sts: aws_sdk_sts::Client,
}

impl Drop for Lab {
    fn drop(&mut self) {
        let Some(folder) = std::env::var_os(QUESTIONS) else { return };
        let path = std::path::Path::new(&folder).join(format!("{}.jsonl", self.partition));
        std::fs::write(path, self.cloud.questions().join("\n")).unwrap();
    }
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        // The SDK takes the jitter of its backoff from this generator.
        fastrand::seed(7);
        let epoch = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        let mut settings = Settings::new(Clock::starting_at(epoch));
        settings.records_questions = std::env::var_os(QUESTIONS).is_some();
        change(&mut settings);
        let partition = format!("lab-{}", LABS.fetch_add(1, Ordering::Relaxed));
        Self { cloud: Cloud::new(settings), partition }
    }

    /// Clients of the role `agent` of an account.
    pub(crate) fn agent(&self, account: &str, region: &str) -> Clients {
        self.clients(&self.cloud.role(account, "agent"), region, self.cloud.connector())
    }

    pub(crate) fn root(&self, account: &str, region: &str) -> Clients {
        self.clients(&self.cloud.root(account), region, self.cloud.connector())
    }

    /// Clients of the root user of an account, without retries.
    pub(crate) fn root_without_retries(&self, account: &str, region: &str) -> Clients {
        let config = self.config(&self.cloud.root(account), region, self.cloud.connector());
        Clients::of(&config.into_builder().retry_config(RetryConfig::disabled()).build(), &self.partition)
    }

    pub(crate) fn clients(&self, credentials: &Credentials, region: &str, transport: InProcess) -> Clients {
        Clients::of(&self.config(credentials, region, transport), &self.partition)
    }

    fn config(&self, credentials: &Credentials, region: &str, transport: InProcess) -> SdkConfig {
        let credentials = aws_credential_types::Credentials::new(
            &credentials.access_key_id,
            &credentials.secret_access_key,
            credentials.session_token.clone(),
            None,
            "lab",
        );
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(transport)
            .time_source(self.cloud.clock())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .retry_config(RetryConfig::standard())
            .identity_cache(IdentityCache::lazy().build())
            .build()
    }

    /// Creates a database of account A in the Region `HERE`, encrypted with the AWS managed key.
    pub(crate) fn database(&self, name: &str) {
        self.cloud.create_database(Database::new(A, HERE, name));
    }
}

/// Advances the virtual time.
pub(crate) async fn advance_time(time: Duration) {
    tokio::time::sleep(time).await;
}

pub(crate) const fn hours(count: u64) -> Duration {
    Duration::from_hours(count)
}

/// The error code of a refusal.
pub(crate) fn code<T: std::fmt::Debug, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> String {
    match result {
        Ok(answer) => panic!("not refused: {answer:?}"),
        Err(error) => error.code().unwrap_or("(no code)").to_owned(),
    }
}

/// The message of a refusal.
pub(crate) fn message<T: std::fmt::Debug, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> String {
    match result {
        Ok(answer) => panic!("not refused: {answer:?}"),
        Err(error) => error.message().unwrap_or("(no message)").to_owned(),
    }
}

pub(crate) fn snapshot_arn(account: &str, region: &str, id: &str) -> String {
    format!("arn:aws:rds:{region}:{account}:snapshot:{id}")
}

impl Clients {
    /// Clients that share their retry quota only with those of the same partition.
    pub(crate) fn of(config: &SdkConfig, partition: &str) -> Self {
        let partition = || RetryPartition::new(partition.to_owned());
        let rds = aws_sdk_rds::config::Builder::from(config).retry_partition(partition()).build();
        let kms = aws_sdk_kms::config::Builder::from(config).retry_partition(partition()).build();
        let sqs = aws_sdk_sqs::config::Builder::from(config).retry_partition(partition()).build();
        let sts = aws_sdk_sts::config::Builder::from(config).retry_partition(partition()).build();
        Self {
            rds: aws_sdk_rds::Client::from_conf(rds),
            kms: aws_sdk_kms::Client::from_conf(kms),
            sqs: aws_sdk_sqs::Client::from_conf(sqs),
            sts: aws_sdk_sts::Client::from_conf(sts),
        }
    }

    pub(crate) async fn snapshot(&self, database: &str, id: &str) {
        let call = self.rds.create_db_snapshot().db_instance_identifier(database).db_snapshot_identifier(id);
        call.send().await.unwrap();
        advance_time(hours(1)).await;
        assert_eq!(self.status(id).await, "available");
    }

    pub(crate) async fn status(&self, id: &str) -> String {
        self.described(id).await.status().unwrap().to_owned()
    }

    pub(crate) async fn described(&self, id: &str) -> aws_sdk_rds::types::DbSnapshot {
        let answer = self.rds.describe_db_snapshots().db_snapshot_identifier(id).send().await.unwrap();
        answer.db_snapshots()[0].clone()
    }

    pub(crate) async fn key(&self) -> String {
        let answer = self.kms.create_key().send().await.unwrap();
        answer.key_metadata().unwrap().arn().unwrap().to_owned()
    }

    pub(crate) async fn copy(&self, source: &str, target: &str, key: &str) {
        let call = self.rds.copy_db_snapshot().source_db_snapshot_identifier(source);
        call.target_db_snapshot_identifier(target).kms_key_id(key).send().await.unwrap();
    }

    pub(crate) async fn share(&self, id: &str, account: &str) {
        let call = self.rds.modify_db_snapshot_attribute().db_snapshot_identifier(id).attribute_name("restore");
        call.values_to_add(account).send().await.unwrap();
    }

    /// Allows another account to use the key for snapshots, only through RDS.
    pub(crate) async fn allow_through_rds(&self, key: &str, own: &str, other: &str) {
        self.kms.put_key_policy().key_id(key).policy(allowing_through_rds(own, other, "{}")).send().await.unwrap();
    }
}

/// A key policy that allows everything to the owner, and use through RDS to another account, under more conditions.
pub(crate) fn allowing_through_rds(own: &str, other: &str, more: &str) -> String {
    let mut condition: serde_json::Value = serde_json::from_str(more).unwrap();
    condition["StringEquals"] =
        serde_json::json!({ "kms:CallerAccount": other, "kms:ViaService": format!("rds.{THERE}.amazonaws.com") });
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": { "AWS": format!("arn:aws:iam::{own}:root") },
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Effect": "Allow",
                "Principal": { "AWS": format!("arn:aws:iam::{other}:root") },
                "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant"],
                "Resource": "*",
                "Condition": condition,
            },
        ],
    })
    .to_string()
}
