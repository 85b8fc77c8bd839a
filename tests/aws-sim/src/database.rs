//! A database to set up.

use std::collections::BTreeMap;

/// A database to set up, as if it had been made long ago.
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
    /// As RDS writes it: `16.3`.
    pub engine_version: String,
    /// `db.m6g.large`, ...
    pub class: String,
    /// `gp2`, `gp3` or `standard`.
    pub storage_type: String,
    /// The size of its storage.
    pub allocated_gib: u32,
    /// `None`: unencrypted. `aws/rds`: under the AWS managed key, which is made on first use. `sse-rds`: under a key that AWS
    /// owns and nobody sees. Else the ARN of a key.
    pub kms_key: Option<String>,
    /// Whether it has a standby.
    pub multi_az: bool,
    /// The cluster that it is a member of.
    pub cluster: Option<String>,
    /// Whether it has Transparent Data Encryption: a credential for it, and an option group `<identifier>-tde`.
    pub tde: bool,
    /// Its tags, which may begin with `aws:`.
    pub tags: BTreeMap<String, String>,
    /// What it holds.
    pub content: Vec<u8>,
}

impl Database {
    /// PostgreSQL 16.3 with 100 GiB under the AWS managed key, holding a line that names it.
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
