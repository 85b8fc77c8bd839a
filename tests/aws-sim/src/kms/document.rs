//! The policy document of a key.

use serde_json::{Value, json};

use crate::policy::{Kind, Policy};
use crate::principal::root_arn;

/// The text as it was set, and the parsed policy.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) text: String,
    pub(crate) rules: Policy,
}

impl Document {
    /// KMS Developer Guide, Default key policy: allows everything to the account, whose IAM policies decide.
    pub(super) fn default_for(account: &str) -> Self {
        Self::written(&json!({
            "Version": "2012-10-17",
            "Id": "key-default-1",
            "Statement": [{
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": { "AWS": root_arn(account) },
                "Action": "kms:*",
                "Resource": "*",
            }],
        }))
    }

    /// AWS managed keys can be used only by their own account and through their service (RDS User Guide, Sharing
    /// encrypted snapshots: the default key cannot be shared).
    pub(super) fn of_managed_key(service: &str, account: &str, region: &str) -> Self {
        Self::written(&json!({
            "Version": "2012-10-17",
            "Id": format!("auto-{service}-2"),
            "Statement": [{
                "Sid": "Allow access through the service for all principals in the account that are authorized to use it",
                "Effect": "Allow",
                "Principal": { "AWS": "*" },
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:ListGrants", "kms:DescribeKey"],
                "Resource": "*",
                "Condition": { "StringEquals": { "kms:CallerAccount": account, "kms:ViaService": format!("{service}.{region}.amazonaws.com") } },
            }, {
                "Sid": "Allow direct access to key metadata to the account",
                "Effect": "Allow",
                "Principal": { "AWS": root_arn(account) },
                "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
                "Resource": "*",
            }],
        }))
    }

    fn written(document: &Value) -> Self {
        let text = format!("{document:#}");
        // A constant document, so it parses; a document without statements would allow nothing.
        let rules = Policy::parse(&text, Kind::Resource).unwrap_or_else(|_| Policy::empty());
        Self { text, rules }
    }
}
