//! Which databases can be moved, and what keeps the others.

use agent_runtime::Fault;
use agent_runtime::aws::rds::database::{DatabaseStatus, DatabaseView};
use agent_runtime::text::setting;
use protocol::DbiResourceId;
use protocol::tags::Hints;
use protocol::verify::estimate;

use crate::config::Declared;

/// What a handoff must know of its database.
pub(super) struct Eligible {
    pub(super) resource: DbiResourceId,
    pub(super) hints: Hints,
}

/// Why a database cannot be moved, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Obstacle {
    pub(crate) what: String,
    fix: String,
}

impl Obstacle {
    pub(crate) fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), fix: fix.into() }
    }

    /// Of a handoff that the operator asks for by name.
    pub(crate) fn refuses(self, declared: &Declared) -> Fault {
        Fault::fatal(format!("{}/{}: {}", declared.database, declared.label, self.what)).hint(self.fix)
    }
}

/// What a database is like. One that is still being made tells no port yet.
pub(crate) fn hints(database: &DatabaseView) -> Option<Hints> {
    Some(Hints {
        class: database.class.parse().ok()?,
        multi_az: database.multi_az,
        port: database.port,
        storage: database.storage.parse().ok()?,
    })
}

/// Can this database be moved as it is declared?
pub(super) fn movable(database: &DatabaseView, declared: &Declared) -> Result<Eligible, Obstacle> {
    let unsupported = |what: &str, fix: &str| Err(Obstacle::new(what, fix));
    if database.status == DatabaseStatus::Working("deleting".to_owned()) {
        return unsupported("it is being deleted", "declare databases that stay");
    }
    let Some(resource) = database.resource.clone() else {
        return unsupported("RDS tells no DbiResourceId of the database", "look at it in the console");
    };
    if let Some(cluster) = &database.cluster {
        let what = format!("it is a member of DB cluster {cluster}; clusters are not supported yet");
        return unsupported(&what, "declare DB instances only");
    }
    if let Some(primary) = database.replica_of.as_ref().filter(|_| !declared.by_name) {
        let what = format!("it is a read replica of {primary}, and holds the same data");
        return unsupported(&what, "declare it by its name");
    }
    if database.engine.starts_with("custom-") {
        return unsupported("RDS Custom is not supported: its snapshots cannot be copied", "declare other databases");
    }
    if database.tde {
        return unsupported("it uses TDE, and RDS lets no such snapshot be shared", "declare other databases");
    }
    if let Some(group) = &database.option_group
        && (database.engine.starts_with("oracle") || database.engine.starts_with("sqlserver"))
    {
        let what =
            format!("option group {group} may hold TDE or another option that keeps snapshots from being shared");
        return unsupported(&what, "Oracle and SQL Server are supported with their default option group only");
    }
    let takes = estimate(database.size_gib);
    if declared.terms.access_for < takes {
        let what = format!("access_for is shorter than a copy of its {} GiB may take", database.size_gib);
        return unsupported(&what, &format!("allow at least {}", setting(takes)));
    }
    if !database.encrypted {
        return unsupported("it is not encrypted; only encrypted databases are supported", "encrypt it first");
    }
    if database.key.is_none() {
        return unsupported(
            "it is under an AWS owned key, which is not supported yet",
            "restore it under a KMS key first",
        );
    }
    let Some(hints) = hints(database) else {
        let what = format!("its class {:?} or storage {:?} is of an unknown kind", database.class, database.storage);
        return unsupported(&what, "report this: the grammar of these names has changed");
    };
    Ok(Eligible { resource, hints })
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::DbInstance;

    use super::*;
    use crate::config::Target;

    #[test]
    fn a_read_replica_is_moved_when_it_is_named() {
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
        assert!(movable(&replica, &declared(true)).is_ok());
        let obstacle = movable(&replica, &declared(false)).err().unwrap();
        assert_eq!(obstacle.what, "it is a read replica of shop-1, and holds the same data");
    }
}
