//! Which databases can be moved, and why others cannot.

use agent_runtime::Fault;
use agent_runtime::aws::rds::database::{DatabaseStatus, DatabaseView};
use agent_runtime::text::setting;
use protocol::DbiResourceId;
use protocol::tags::Hints;
use protocol::verify::estimate;

use crate::config::Declared;

/// What a handoff needs of an eligible database.
pub(super) struct Eligible {
    pub(super) resource: DbiResourceId,
    pub(super) hints: Hints,
}

/// Why a database cannot be moved, and the fix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ineligible {
    pub(crate) what: String,
    fix: String,
}

impl Ineligible {
    pub(crate) fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), fix: fix.into() }
    }

    /// The fault of a handoff that was declared by name.
    pub(crate) fn into_fault(self, declared: &Declared) -> Fault {
        Fault::fatal(format!("{}/{}: {}", declared.database, declared.label, self.what)).hint(self.fix)
    }
}

/// The hints of the message about a database. While a database is being created it has no port yet.
pub(crate) fn hints(database: &DatabaseView) -> Option<Hints> {
    Some(Hints {
        class: database.class.parse().ok()?,
        multi_az: database.multi_az,
        port: database.port,
        storage: database.storage.parse().ok()?,
    })
}

/// Whether this database can be moved as it is declared.
pub(super) fn check_eligible(database: &DatabaseView, declared: &Declared) -> Result<Eligible, Ineligible> {
    let ineligible = |what: &str, fix: &str| Err(Ineligible::new(what, fix));
    if database.status == DatabaseStatus::Working("deleting".to_owned()) {
        return ineligible("it is being deleted", "take it out of the declaration");
    }
    let Some(resource) = database.resource.clone() else {
        return ineligible("RDS reports no DbiResourceId of the database", "check the database in the RDS console");
    };
    if let Some(cluster) = &database.cluster {
        let what = format!("it is a member of DB cluster {cluster}; clusters are not supported yet");
        return ineligible(&what, "declare DB instances only");
    }
    if let Some(primary) = database.replica_of.as_ref().filter(|_| !declared.by_name) {
        let what = format!("it is a read replica of {primary}, and holds the same data");
        return ineligible(&what, "declare it by its name");
    }
    if database.engine.starts_with("custom-") {
        return ineligible("RDS Custom is not supported: its snapshots cannot be copied", "declare other databases");
    }
    if database.tde {
        return ineligible(
            "it uses TDE, and RDS does not allow such a snapshot to be shared",
            "declare other databases",
        );
    }
    if let Some(group) = &database.option_group
        && (database.engine.starts_with("oracle") || database.engine.starts_with("sqlserver"))
    {
        let what =
            format!("option group {group} may have TDE or another option that prevents the sharing of snapshots");
        return ineligible(&what, "Oracle and SQL Server are supported with their default option group only");
    }
    let duration = estimate(database.size_gib);
    if declared.terms.access_for < duration {
        let what = format!("access_for is shorter than a copy of its {} GiB may take", database.size_gib);
        return ineligible(&what, &format!("allow at least {}", setting(duration)));
    }
    if !database.encrypted {
        return ineligible("it is not encrypted; only encrypted databases are supported", "encrypt it first");
    }
    if database.key.is_none() {
        return ineligible(
            "it is under an AWS owned key, which is not supported yet",
            "restore it under a KMS key first",
        );
    }
    let Some(hints) = hints(database) else {
        let what = format!("its class {:?} or storage {:?} is not recognized", database.class, database.storage);
        return ineligible(&what, "report this: AWS has changed the format of these names");
    };
    Ok(Eligible { resource, hints })
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::DbInstance;

    use super::*;
    use crate::config::Target;

    #[test]
    fn read_replica_is_eligible_only_if_declared_by_name() {
        let replica = DbInstance::builder()
            .db_instance_arn("arn:aws:rds:ap-northeast-1:111111111111:db:shop-replica")
            .dbi_resource_id("db-ABC123")
            .db_instance_class("db.m6g.large")
            .storage_type("gp3")
            .storage_encrypted(true)
            .kms_key_id("arn:aws:kms:ap-northeast-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab")
            .read_replica_source_db_instance_identifier("shop-1")
            .build();
        let replica = DatabaseView::of(&replica).unwrap();
        let [home, there] = ["ap-northeast-1", "us-west-2"].map(|region| region.parse().unwrap());
        let [a, b] = ["111111111111", "222222222222"].map(|account| account.parse().unwrap());
        let declared = |by_name| Declared {
            requested: false,
            database: "shop-replica".parse().unwrap(),
            label: "cutover-1".parse().unwrap(),
            target: Target::agreed(&a, &home, &b, &there),
            terms: protocol::Terms::default(),
            by_name,
        };
        assert!(check_eligible(&replica, &declared(true)).is_ok());
        let ineligible = check_eligible(&replica, &declared(false)).err().unwrap();
        assert_eq!(ineligible.what, "it is a read replica of shop-1, and holds the same data");
    }
}
