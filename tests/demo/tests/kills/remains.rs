//! The final state of both accounts, as their root users see it.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sqs::types::QueueAttributeName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An account, and its agent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    pub(crate) id: &'static str,
    pub(crate) region: &'static str,
    pub(crate) agent: &'static str,
    /// The role as it appears in the ARN of its sessions.
    pub(crate) role: &'static str,
}

/// Clients of an account's root user in one Region.
struct Root {
    rds: aws_sdk_rds::Client,
    kms: aws_sdk_kms::Client,
    sqs: aws_sdk_sqs::Client,
}

impl Root {
    fn of(address: &str, account: &str, region: &'static str) -> Self {
        let credentials = Credentials::new(account, format!("simulated-{account}"), None, None, "kills");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region))
            .endpoint_url(address)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        Self {
            rds: aws_sdk_rds::Client::new(&sdk),
            kms: aws_sdk_kms::Client::new(&sdk),
            sqs: aws_sdk_sqs::Client::new(&sdk),
        }
    }

    async fn databases(&self) -> Vec<String> {
        let found = self.rds.describe_db_instances().send().await.unwrap();
        let line = |one: &aws_sdk_rds::types::DbInstance| {
            let tags = one.tag_list().iter().map(|tag| (tag.key(), tag.value())).collect::<Vec<_>>();
            format!("database {} {:?} tags {tags:?}", one.db_instance_identifier().unwrap(), one.db_instance_status())
        };
        found.db_instances().iter().map(line).collect()
    }

    async fn snapshots(&self) -> Vec<String> {
        let found = self.rds.describe_db_snapshots().send().await.unwrap();
        // An agent that is killed between sending the message and setting this tag may find the handoff accepted when
        // it is restarted, and then does not set the tag.
        let lasts = |key: Option<&str>| key != Some("rds-handoff:published");
        let line = |one: &aws_sdk_rds::types::DbSnapshot| {
            let tags = one.tag_list().iter().map(|tag| (tag.key(), tag.value())).filter(|(key, _)| lasts(*key));
            let tags = tags.collect::<Vec<_>>();
            format!("snapshot {:?} {:?} tags {tags:?}", one.db_snapshot_identifier(), one.status())
        };
        found.db_snapshots().iter().map(line).collect()
    }

    async fn keys(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let all = self.kms.list_aliases().send().await.unwrap();
        for key in self.kms.list_keys().send().await.unwrap().keys() {
            let id = key.key_id().unwrap();
            let about = self.kms.describe_key().key_id(id).send().await.unwrap().key_metadata.unwrap();
            let own = all.aliases().iter().filter(|alias| alias.target_key_id() == Some(id));
            let aliases: Vec<_> = own.map(|alias| alias.alias_name()).collect();
            let grants = self.kms.list_grants().key_id(id).send().await.unwrap().grants().len();
            let policy = self.kms.get_key_policy().key_id(id).send().await.unwrap();
            let statements = policy.policy().unwrap().matches("\"Effect\"").count();
            lines.push(format!("key {aliases:?} {:?} grants {grants} statements {statements}", about.key_state()));
        }
        lines
    }

    /// The number of messages in each queue, including invisible ones.
    async fn queues(&self) -> Vec<(String, u32)> {
        let mut depths = Vec::new();
        for url in self.sqs.list_queues().send().await.unwrap().queue_urls() {
            let all = self.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
            let all = all.send().await.unwrap().attributes.unwrap();
            let counts = [
                QueueAttributeName::ApproximateNumberOfMessages,
                QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            ];
            depths.push((url.clone(), counts.iter().map(|name| all[name].parse::<u32>().unwrap()).sum()));
        }
        depths
    }
}

/// One line for each resource, and the content of the databases. Values that differ from run to run are masked.
pub(crate) async fn remains(address: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for account in super::SIDES {
        for region in super::SIDES.map(|side| side.region) {
            let root = Root::of(address, account.id, region);
            let queues = root.queues().await.into_iter().map(|(url, depth)| format!("queue {url} {depth} messages"));
            let found = [root.databases().await, root.snapshots().await, root.keys().await, queues.collect()].concat();
            lines.extend(found.iter().map(|line| format!("{} {region} {}", account.agent, masked(line))));
        }
    }
    lines.sort();
    let [a, b] = super::SIDES;
    for (side, name) in [(a, "orders"), (b, "orders-cutover-1")] {
        let path = format!("/_sim/content/arn:aws:rds:{}:{}:db:{name}", side.region, side.id);
        lines.push(get(address, &path).await);
    }
    let [original, restored] = [lines.len() - 2, lines.len() - 1].map(|index| lines[index].clone());
    assert_eq!(original, restored, "the restored database differs from the original");
    lines
}

/// The number of messages in all queues except dead-letter queues.
pub(crate) async fn messages(address: &str) -> u32 {
    let mut sum = 0;
    for side in super::SIDES {
        let queues = Root::of(address, side.id, side.region).queues().await;
        sum += queues.iter().filter(|(url, _)| !url.ends_with("-dead")).map(|(_, depth)| depth).sum::<u32>();
    }
    sum
}

/// Whether account B's database is available.
pub(crate) async fn is_restored(address: &str) -> bool {
    let [_, b] = super::SIDES;
    let found = Root::of(address, b.id, b.region).rds.describe_db_instances().send().await.unwrap();
    found.db_instances().iter().any(|one| one.db_instance_status() == Some("available"))
}

/// Replaces words of two or more characters that contain a digit, since they may be times, ids, nonces or digests.
fn masked(line: &str) -> String {
    let mut masked = String::new();
    for word in line.split_inclusive(|character: char| !character.is_ascii_alphanumeric()) {
        let end = word.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(word.len());
        let (word, separator) = word.split_at(end);
        // A single digit stays: it is part of a name, such as `cutover-1`.
        let long = word.len() >= 2 && word.bytes().any(|byte| byte.is_ascii_digit());
        masked.push_str(if long { "#" } else { word });
        masked.push_str(separator);
    }
    // One time in a thousand is printed without a fraction of a second.
    masked.replace("#.#", "#")
}

/// The body of a plain GET request outside the AWS API.
pub(crate) async fn get(address: &str, path: &str) -> String {
    let host = address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    body.to_owned()
}
