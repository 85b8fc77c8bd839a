//! A DB instance as the agents use it. SDK types do not leave this module.

use std::rc::Rc;
use std::time::Duration;

use aws_sdk_rds::types::{DbInstance, PendingModifiedValues};
use jiff::Timestamp;
use protocol::tags::Tags;
use protocol::{DbArn, DbIdentifier, DbiResourceId, KeyArn, Region};

use crate::aws::cache::{Cache, Listing, Resource, read_pages};
use crate::aws::freshness::Freshness;
use crate::aws::rds::snapshot::{tags, timestamp};
use crate::fault::{AwsResult as _, Fault};

/// The status of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseStatus {
    /// It is available.
    Available,
    /// It does not become available without operator action.
    Failed(String),
    /// AWS is working on it. Every status that is not known to be final.
    Working(String),
}

/// One DB instance.
#[derive(Debug, Clone, PartialEq)]
pub struct DatabaseView {
    /// Its ARN.
    pub arn: DbArn,
    /// Its immutable id.
    pub resource: Option<DbiResourceId>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Its status.
    pub status: DatabaseStatus,
    /// Its engine.
    pub engine: String,
    /// Its engine's version.
    pub engine_version: String,
    /// Its instance class.
    pub class: String,
    /// Whether it is a Multi-AZ instance.
    pub multi_az: bool,
    /// Its port.
    pub port: u16,
    /// Its storage type.
    pub storage: String,
    /// Its allocated storage in GiB.
    pub size_gib: u32,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Its KMS key.
    pub key: Option<KeyArn>,
    /// The cluster that it is a member of.
    pub cluster: Option<String>,
    /// The source of this read replica: the identifier of a database in this Region, or an ARN.
    pub replica_of: Option<String>,
    /// Whether it uses Transparent Data Encryption of Oracle or SQL Server. Such a snapshot cannot be shared.
    pub tde: bool,
    /// Its option group, unless it is a default group.
    pub option_group: Option<String>,
    /// Its parameter groups, each with its apply status.
    pub parameter_groups: Vec<(String, String)>,
    /// Whether a change is pending: it waits for the maintenance window or for another change.
    pub pending: bool,
    /// Its weekly maintenance window.
    pub maintenance_window: String,
    /// The limit of storage autoscaling, in GiB.
    pub autoscale_to_gib: Option<i32>,
    /// The interval of enhanced monitoring, in seconds; 0 is off.
    pub monitoring_seconds: i32,
    /// The role that enhanced monitoring writes with.
    pub monitoring_role: Option<String>,
    /// The retention of Performance Insights in days, and their KMS key; `None` is off.
    pub performance_insights: Option<(i32, String)>,
    /// The status of the secret with its master password, if Secrets Manager manages the password.
    pub secret: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

impl DatabaseView {
    /// Converts the SDK type; `None` for instances that cannot be part of a handoff.
    pub fn of(instance: &DbInstance) -> Option<Self> {
        let port = instance.endpoint().and_then(aws_sdk_rds::types::Endpoint::port).or(instance.db_instance_port());
        Some(Self {
            arn: instance.db_instance_arn()?.parse().ok()?,
            resource: instance.dbi_resource_id().and_then(|id| id.parse().ok()),
            created: instance.instance_create_time().and_then(timestamp),
            status: status(instance.db_instance_status().unwrap_or_default()),
            engine: instance.engine().unwrap_or_default().to_owned(),
            engine_version: instance.engine_version().unwrap_or_default().to_owned(),
            class: instance.db_instance_class().unwrap_or_default().to_owned(),
            multi_az: instance.multi_az().unwrap_or(false),
            port: port.and_then(|port| u16::try_from(port).ok()).unwrap_or(0),
            storage: instance.storage_type().unwrap_or_default().to_owned(),
            size_gib: instance.allocated_storage().and_then(|size| u32::try_from(size).ok()).unwrap_or(0),
            encrypted: instance.storage_encrypted().unwrap_or(false),
            key: instance.kms_key_id().and_then(|key| key.parse().ok()),
            cluster: instance.db_cluster_identifier().map(str::to_owned),
            replica_of: instance.read_replica_source_db_instance_identifier().map(str::to_owned),
            tde: instance.tde_credential_arn().is_some(),
            option_group: instance
                .option_group_memberships()
                .iter()
                .filter_map(|group| group.option_group_name())
                .find(|name| !name.starts_with("default:"))
                .map(str::to_owned),
            parameter_groups: instance
                .db_parameter_groups()
                .iter()
                .filter_map(|group| {
                    let status = group.parameter_apply_status().unwrap_or_default();
                    Some((group.db_parameter_group_name()?.to_owned(), status.to_owned()))
                })
                .collect(),
            pending: instance
                .pending_modified_values()
                .is_some_and(|pending| *pending != PendingModifiedValues::builder().build()),
            maintenance_window: instance.preferred_maintenance_window().unwrap_or_default().to_owned(),
            autoscale_to_gib: instance.max_allocated_storage(),
            monitoring_seconds: instance.monitoring_interval().unwrap_or(0),
            monitoring_role: instance.monitoring_role_arn().map(str::to_owned),
            performance_insights: instance.performance_insights_enabled().unwrap_or(false).then(|| {
                let days = instance.performance_insights_retention_period().unwrap_or(0);
                (days, instance.performance_insights_kms_key_id().unwrap_or_default().to_owned())
            }),
            secret: instance.master_user_secret().map(|secret| secret.secret_status().unwrap_or_default().to_owned()),
            tags: tags(instance.tag_list()),
        })
    }
}

/// The DB instances of an account in one Region.
pub type Databases = Listing<DbIdentifier>;

/// A DB instance of this account.
impl Resource for DbIdentifier {
    type View = DatabaseView;

    /// AWS reports no progress for a database, so the remaining time is unknown.
    fn busy(view: &DatabaseView, _then: Timestamp) -> Option<Duration> {
        let in_sync = view.parameter_groups.iter().all(|(_, status)| status == "in-sync");
        let secret = view.secret.as_ref().is_none_or(|status| status == "active");
        match view.status {
            DatabaseStatus::Failed(_) => None,
            DatabaseStatus::Available if in_sync && secret && !view.pending => None,
            DatabaseStatus::Available | DatabaseStatus::Working(_) => Some(Duration::ZERO),
        }
    }
}

impl Cache {
    /// A DB instance of this account.
    ///
    /// # Errors
    /// When RDS does not answer.
    pub async fn database(&self, region: &Region, name: &DbIdentifier) -> Result<Option<Rc<DatabaseView>>, Fault> {
        self.one(region, name, Freshness::Create, async |known| self.list_databases(region, known).await).await
    }

    /// Every DB instance of this account in a Region.
    ///
    /// # Errors
    /// When RDS does not answer.
    pub async fn databases(&self, region: &Region) -> Result<Rc<Databases>, Fault> {
        self.all(region, Freshness::Recent, async |known| self.list_databases(region, known).await).await
    }

    async fn list_databases(&self, region: &Region, known: &Databases) -> Result<Databases, Fault> {
        let pages = self.clients.rds(region).describe_db_instances().into_paginator();
        let view = |item: &DbInstance| DatabaseView::of(item).map(|view| (view.arn.database.clone(), view));
        read_pages(pages.items().send(), known, view).await.op("rds:DescribeDBInstances")
    }
}

/// The failure statuses of the RDS User Guide, Viewing Amazon RDS DB instance status.
fn status(status: &str) -> DatabaseStatus {
    match status {
        "available" | "storage-optimization" => DatabaseStatus::Available,
        "failed"
        | "inaccessible-encryption-credentials"
        | "inaccessible-encryption-credentials-recoverable"
        | "incompatible-create"
        | "incompatible-network"
        | "incompatible-option-group"
        | "incompatible-parameters"
        | "incompatible-restore"
        | "insufficient-capacity"
        | "restore-error"
        | "storage-full" => DatabaseStatus::Failed(status.to_owned()),
        _ => DatabaseStatus::Working(status.to_owned()),
    }
}
