//! The differences between the database engines.

use crate::fault::{Fault, Outcome};

/// How the major version is derived from a version, and how a parameter group family spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Major {
    /// `16.3`: major `16`, family `postgres16`.
    Joined,
    /// `8.4.3`: major `8.4`, family `mysql8.4`.
    JoinedTwo,
    /// `19.0.0.0.ru-...`: major `19`, family `oracle-ee-19`.
    Dashed,
    /// `15.00.4420.2.v1`: major `15.00`, family `sqlserver-ee-15.0`.
    DashedTwo,
}

/// The product to which an engine belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// RDS DB instances.
    Instances,
    /// Aurora, whose instances belong to clusters.
    Clusters,
    /// RDS Custom.
    Custom,
}

/// One engine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Engine {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    major: Major,
    /// The supported versions, each the newest of its major version; the first is the default.
    pub(super) versions: &'static [&'static str],
    pub(super) port: u32,
    /// RDS API Reference, CreateDBInstance, LicenseModel. The first is the default.
    pub(super) licenses: &'static [&'static str],
    /// RDS API Reference, CreateDBInstance, EnableCloudwatchLogsExports.
    pub(super) logs: &'static [&'static str],
    /// The size in GiB from which gp3 storage is striped, and its performance can be chosen; `None`: it is never
    /// striped (RDS User Guide, Amazon RDS DB instance storage, gp3 storage).
    pub(super) striped_from: Option<u32>,
    /// The largest storage in GiB (same page).
    pub(super) largest_gib: u32,
    /// Whether it has IAM database authentication (RDS User Guide, IAM database authentication, Region and version
    /// availability).
    pub(super) iam: bool,
    /// Whether Extended Support exists (RDS API Reference, CreateDBInstance, EngineLifecycleSupport).
    pub(super) lifecycle: bool,
    /// RDS API Reference, CreateDBInstance, MasterUserPassword, length constraints.
    pub(super) longest_password: usize,
    /// Whether a restore can rename the database (RDS API Reference, RestoreDBInstanceFromDBSnapshot, DBName).
    pub(super) renames_database: bool,
}

const POSTGRES: Engine = Engine {
    name: "postgres",
    kind: Kind::Instances,
    major: Major::Joined,
    versions: &["16.3", "13.15", "14.12", "15.7", "17.2"],
    port: 5432,
    licenses: &["postgresql-license"],
    logs: &["iam-db-auth-error", "postgresql", "upgrade"],
    striped_from: Some(400),
    largest_gib: 65_536,
    iam: true,
    lifecycle: true,
    longest_password: 128,
    renames_database: false,
};

const MYSQL: Engine = Engine {
    name: "mysql",
    major: Major::JoinedTwo,
    versions: &["8.4.3", "8.0.40"],
    port: 3306,
    licenses: &["general-public-license"],
    logs: &["audit", "error", "general", "iam-db-auth-error", "slowquery"],
    longest_password: 41,
    ..POSTGRES
};

const ORACLE: Engine = Engine {
    name: "oracle-ee",
    major: Major::Dashed,
    versions: &["19.0.0.0.ru-2024-10.rur-2024-10.r1"],
    port: 1521,
    licenses: &["bring-your-own-license"],
    logs: &["alert", "audit", "listener", "oemagent", "trace"],
    striped_from: Some(200),
    iam: false,
    lifecycle: false,
    longest_password: 30,
    renames_database: true,
    ..POSTGRES
};

const SQL_SERVER: Engine = Engine {
    name: "sqlserver-ee",
    major: Major::DashedTwo,
    versions: &["16.00.4175.1.v1", "15.00.4420.2.v1"],
    port: 1433,
    licenses: &["license-included"],
    logs: &["agent", "error"],
    striped_from: None,
    largest_gib: 16_384,
    iam: false,
    lifecycle: false,
    longest_password: 128,
    renames_database: true,
    ..POSTGRES
};

const CONTAINER_VERSIONS: &[&str] = &["19.0.0.0.ru-2024-10.rur-2024-10.r1", "21.0.0.0.ru-2024-10.rur-2024-10.r1"];

/// Db2 is missing: its licences are held by services that are not simulated.
static ENGINES: [Engine; 17] = [
    Engine { name: "aurora-mysql", kind: Kind::Clusters, versions: &["8.0.mysql_aurora.3.08.0"], ..MYSQL },
    Engine { name: "aurora-postgresql", kind: Kind::Clusters, ..POSTGRES },
    Engine { name: "custom-oracle-ee", kind: Kind::Custom, ..ORACLE },
    Engine { name: "custom-oracle-se2", kind: Kind::Custom, ..ORACLE },
    Engine { name: "custom-sqlserver-ee", kind: Kind::Custom, ..SQL_SERVER },
    Engine { name: "custom-sqlserver-se", kind: Kind::Custom, ..SQL_SERVER },
    Engine { name: "custom-sqlserver-web", kind: Kind::Custom, ..SQL_SERVER },
    Engine { name: "mariadb", versions: &["11.4.4", "10.6.20", "10.11.10"], lifecycle: false, ..MYSQL },
    MYSQL,
    ORACLE,
    Engine { name: "oracle-ee-cdb", versions: CONTAINER_VERSIONS, ..ORACLE },
    Engine { name: "oracle-se2", licenses: &["bring-your-own-license", "license-included"], ..ORACLE },
    Engine {
        name: "oracle-se2-cdb",
        versions: CONTAINER_VERSIONS,
        licenses: &["bring-your-own-license", "license-included"],
        ..ORACLE
    },
    POSTGRES,
    SQL_SERVER,
    Engine { name: "sqlserver-se", ..SQL_SERVER },
    Engine { name: "sqlserver-web", ..SQL_SERVER },
];

/// The engine of a database whose engine name is unknown.
static OTHER: Engine = Engine { name: "other", kind: Kind::Clusters, versions: &[], ..POSTGRES };

/// The engine of an existing database.
pub(crate) fn of(name: &str) -> &'static Engine {
    ENGINES.iter().find(|engine| engine.name == name).unwrap_or(&OTHER)
}

/// The engines whose versions DescribeDBEngineVersions lists.
pub(super) fn all() -> impl Iterator<Item = &'static Engine> {
    ENGINES.iter().filter(|engine| engine.kind == Kind::Instances)
}

/// The engine that a request names: one of DB instances outside clusters and RDS Custom (RDS API Reference,
/// CreateDBInstance, Engine; the text is from aws/aws-cli#491).
pub(super) fn named(name: &str) -> Outcome<&'static Engine> {
    all().find(|engine| engine.name == name).ok_or_else(|| Fault::value(format!("Invalid DB engine: {name}")))
}

impl Engine {
    pub(super) fn sql_server(&self) -> bool {
        self.name.contains("sqlserver")
    }

    pub(super) fn oracle(&self) -> bool {
        self.name.contains("oracle")
    }

    pub(super) fn license(&self) -> &'static str {
        self.licenses.first().copied().unwrap_or_default()
    }

    /// The major version, spelled as in option groups: `16`, `8.4`, `19`, `15.00`.
    pub(super) fn major(&self, version: &str) -> String {
        let parts = if matches!(self.major, Major::Joined | Major::Dashed) { 1 } else { 2 };
        version.split('.').take(parts).collect::<Vec<_>>().join(".")
    }

    /// The parameter group family of a version: `postgres16`, `mysql8.4`, `oracle-ee-19`, `sqlserver-ee-15.0`.
    pub(crate) fn family(&self, version: &str) -> String {
        let major = self.major(version);
        match self.major {
            Major::Joined | Major::JoinedTwo => format!("{}{major}", self.name),
            Major::Dashed => format!("{}-{major}", self.name),
            Major::DashedTwo => format!("{}-{}", self.name, major.replace(".00", ".0")),
        }
    }

    /// The default option group of a version: `default:mysql-8-4`.
    pub(super) fn default_option_group(&self, version: &str) -> String {
        format!("default:{}-{}", self.name, self.major(version).replace('.', "-"))
    }

    /// The version that a request names: by default the first one, for a major version its newest, or a full one. The
    /// refusal's code and text have been seen in practice.
    pub(super) fn version(&self, wanted: Option<&str>) -> Outcome<&'static str> {
        let Some(wanted) = wanted else { return Ok(self.versions.first().copied().unwrap_or_default()) };
        let fits = |version: &&&str| **version == wanted || self.major(version) == wanted;
        let found = self.versions.iter().find(fits).copied();
        found.ok_or_else(|| Fault::combination(format!("Cannot find version {wanted} for {}", self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn family_and_option_group_names_follow_each_engines_spelling() {
        for (engine, version, family, options) in [
            ("postgres", "16.3", "postgres16", "default:postgres-16"),
            ("mysql", "8.4.3", "mysql8.4", "default:mysql-8-4"),
            ("mariadb", "10.11.10", "mariadb10.11", "default:mariadb-10-11"),
            ("oracle-ee", "19.0.0.0.ru-2024-10.rur-2024-10.r1", "oracle-ee-19", "default:oracle-ee-19"),
            ("sqlserver-se", "15.00.4420.2.v1", "sqlserver-se-15.0", "default:sqlserver-se-15-00"),
        ] {
            let engine = of(engine);
            assert_eq!(
                (engine.family(version).as_str(), engine.default_option_group(version).as_str()),
                (family, options)
            );
        }
    }
}
