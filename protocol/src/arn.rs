//! The four kinds of ARN that a handoff uses, each parsed into its parts. All are of the `aws` partition.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, DbIdentifier, ParseError, Region, RoleName, SnapshotId, text};

text!(
    /// The id of a KMS key: a UUID, or `mrk-` and 32 hex digits (KMS Developer Guide, Multi-Region keys).
    KeyId, "a KMS key id",
    |t| (1..=64).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

text!(
    /// The name of a standard SQS queue: 1 to 80 letters, digits, hyphens or underscores (SQS API Reference,
    /// `CreateQueue`).
    QueueName, "the name of a standard SQS queue (1 to 80 letters, digits, - or _)",
    |t| (1..=80).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
);

/// Declares an ARN `arn:aws:<service>:<region>:<account>:<lead><resource>`.
macro_rules! arn {
    ($(#[$doc:meta])* $name:ident, $service:literal, $lead:literal, $field:ident: $resource:ty, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name {
            /// The Region.
            pub region: Region,
            /// The account.
            pub account: AccountId,
            /// The resource within the account and Region.
            pub $field: $resource,
        }

        impl FromStr for $name {
            type Err = ParseError;
            fn from_str(text: &str) -> Result<Self, ParseError> {
                let parse = || {
                    let rest = text.strip_prefix(concat!("arn:aws:", $service, ":"))?;
                    let (region, rest) = rest.split_once(':')?;
                    let (account, rest) = rest.split_once(':')?;
                    let $field = rest.strip_prefix($lead)?.parse().ok()?;
                    Some(Self { region: region.parse().ok()?, account: account.parse().ok()?, $field })
                };
                parse().ok_or_else(|| ParseError::new(text, $expected))
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseError;
            fn try_from(text: String) -> Result<Self, ParseError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(arn: $name) -> String {
                arn.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("arn:aws:", $service, ":{}:{}:", $lead, "{}"), self.region, self.account, self.$field)
            }
        }
    };
}

arn!(
    /// A DB instance.
    DbArn, "rds", "db:", database: DbIdentifier,
    "the ARN of a DB instance (arn:aws:rds:REGION:ACCOUNT:db:NAME)"
);
arn!(
    /// A manual DB snapshot.
    SnapshotArn, "rds", "snapshot:", snapshot: SnapshotId,
    "the ARN of a manual DB snapshot (arn:aws:rds:REGION:ACCOUNT:snapshot:NAME)"
);
arn!(
    /// A KMS key; never an alias, since an alias refers to different keys in different accounts.
    KeyArn, "kms", "key/", key: KeyId,
    "the ARN of a KMS key (arn:aws:kms:REGION:ACCOUNT:key/ID)"
);
arn!(
    /// A standard SQS queue.
    QueueArn, "sqs", "", queue: QueueName,
    "the ARN of a standard SQS queue (arn:aws:sqs:REGION:ACCOUNT:NAME)"
);

impl QueueArn {
    /// The queue's URL in SQS. It is computed without a call: `GetQueueUrl` for a queue of another account needs a
    /// separate permission.
    pub fn url(&self) -> String {
        format!("https://sqs.{}.amazonaws.com/{}/{}", self.region, self.account, self.queue)
    }
}

/// The ARN of an IAM role of an account. IAM is global: it has no Region.
pub fn role(account: &AccountId, role: &RoleName) -> String {
    format!("arn:aws:iam::{account}:role/{role}")
}

/// The ARN that represents a whole account in a policy.
pub fn root(account: &AccountId) -> String {
    format!("arn:aws:iam::{account}:root")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arns_of_other_kinds_do_not_parse() {
        for text in [
            "",
            "arn:aws:rds:us-west-2:111111111111:snapshot:",
            "arn:aws:rds:us-west-2:111111111111:snapshot:rds:orders-2026",
            "arn:aws:rds:us-west-2:111111111111:snapshot:awsbackup:job-1",
            "arn:aws:rds:us-west-2:111111111111:cluster-snapshot:orders",
            "arn:aws-cn:rds:cn-north-1:111111111111:snapshot:orders",
            "arn:aws:rds:us-west-2:11111111111:snapshot:orders",
            "arn:aws:rds:us-west-2:111111111111:snapshot:orders\n",
        ] {
            assert!(text.parse::<SnapshotArn>().is_err(), "{text:?}");
        }
        assert!("arn:aws:kms:us-west-2:111111111111:alias/orders".parse::<KeyArn>().is_err());
        assert!("arn:aws:sqs:us-west-2:111111111111:orders.fifo".parse::<QueueArn>().is_err());
    }

    proptest! {
        #[test]
        fn every_arn_prints_as_it_was_parsed(account in "[0-9]{12}", name in "[a-z][a-z0-9]{0,20}(-[a-z0-9]{1,9}){0,3}") {
            for (text, printed) in [
                (format!("arn:aws:rds:eu-west-1:{account}:db:{name}"), |t: &str| t.parse::<DbArn>().map(|a| a.to_string())),
                (format!("arn:aws:rds:eu-west-1:{account}:snapshot:{name}"), |t| t.parse::<SnapshotArn>().map(|a| a.to_string())),
                (format!("arn:aws:kms:eu-west-1:{account}:key/{name}"), |t| t.parse::<KeyArn>().map(|a| a.to_string())),
                (format!("arn:aws:sqs:eu-west-1:{account}:{name}"), |t| t.parse::<QueueArn>().map(|a| a.to_string())),
            ] as [(String, fn(&str) -> Result<String, ParseError>); 4] {
                prop_assert_eq!(printed(&text).unwrap(), text);
            }
        }

        #[test]
        fn parsing_any_text_does_not_panic(text in "(arn:aws:(rds|kms|sqs):)?\\PC{0,60}") {
            let _ = (text.parse::<DbArn>(), text.parse::<SnapshotArn>(), text.parse::<KeyArn>(), text.parse::<QueueArn>());
        }
    }
}
