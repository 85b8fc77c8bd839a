//! A database to set up.

use std::collections::BTreeMap;

/// A database to set up directly, without an RDS request.
#[derive(Clone, Debug)]
pub struct Database {
    /// The account that owns it.
    pub account: String,
    /// The Region that it is in.
    pub region: String,
    /// Its `DBInstanceIdentifier`.
    pub identifier: String,
    /// `postgres`, `mysql`, ...
    pub engine: String,
    /// Spelled as in RDS: `16.3`.
    pub engine_version: String,
    /// `db.m6g.large`, ...
    pub class: String,
    /// `gp2`, `gp3` or `standard`.
    pub storage_type: String,
    /// The size of its storage, in GiB.
    pub allocated_gib: u32,
    /// `None`: unencrypted. `aws/rds`: under the AWS managed key, which is created on first use. `sse-rds`: under a key
    /// that AWS owns and does not show. Otherwise the ARN of a key.
    pub kms_key: Option<String>,
    /// Whether it has a standby.
    pub multi_az: bool,
    /// The cluster that it is a member of.
    pub cluster: Option<String>,
    /// Whether it has Transparent Data Encryption: a TDE credential, and an option group `<identifier>-tde`.
    pub tde: bool,
    /// Its tags, which may begin with `aws:`.
    pub tags: BTreeMap<String, String>,
    /// Its content.
    pub content: Vec<u8>,
}

impl Database {
    /// PostgreSQL 16.3 with 100 GiB under the AWS managed key. Its content is a line with its name and account.
    pub fn new(account: &str, region: &str, identifier: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            identifier: identifier.to_owned(),
            engine: "postgres".to_owned(),
            engine_version: "16.3".to_owned(),
            class: "db.m6g.large".to_owned(),
            storage_type: "gp3".to_owned(),
            allocated_gib: 100,
            kms_key: Some("aws/rds".to_owned()),
            multi_az: false,
            cluster: None,
            tde: false,
            tags: BTreeMap::new(),
            content: format!("the rows of {identifier} in {account}").into_bytes(),
        }
    }
}
