//! Options, and option groups.

use std::collections::BTreeSet;

use crate::arn::Arn;
use crate::tags::Tags;

/// An option of some engines.
pub(super) struct Kind {
    name: &'static str,
    /// The prefix of the names of the engines that have it.
    engines: &'static str,
    /// Cannot be removed from a group while an instance has the group.
    pub(super) persistent: bool,
    /// Can never be removed from a group.
    pub(super) permanent: bool,
}

/// RDS User Guide, Sharing a DB snapshot: the table of persistent and permanent options; and some that are neither.
const KINDS: [Kind; 9] = [
    Kind { name: "TDE", engines: "oracle-ee", persistent: true, permanent: true },
    Kind { name: "Timezone", engines: "oracle", persistent: true, permanent: true },
    Kind { name: "OLS", engines: "oracle", persistent: true, permanent: true },
    Kind { name: "S3_INTEGRATION", engines: "oracle", persistent: false, permanent: false },
    Kind { name: "TDE", engines: "sqlserver-ee", persistent: true, permanent: false },
    Kind { name: "SQLSERVER_BACKUP_RESTORE", engines: "sqlserver", persistent: false, permanent: false },
    Kind { name: "MARIADB_AUDIT_PLUGIN", engines: "mariadb", persistent: false, permanent: false },
    Kind { name: "MARIADB_AUDIT_PLUGIN", engines: "mysql", persistent: false, permanent: false },
    Kind { name: "MEMCACHED", engines: "mysql", persistent: false, permanent: false },
];

pub(super) fn kind(engine: &str, option: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == option && engine.starts_with(kind.engines))
}

/// A custom option group. Each major version also has a default group without options, which is not stored.
#[derive(Clone, Debug)]
pub(crate) struct OptionGroup {
    pub(crate) arn: Arn,
    pub(crate) engine: String,
    pub(crate) major: String,
    pub(crate) description: String,
    pub(crate) options: BTreeSet<String>,
    pub(crate) tags: Tags,
    /// The group from which it was copied, together with a snapshot.
    pub(crate) copied_from: Option<Arn>,
}

impl OptionGroup {
    /// Its persistent and permanent options, which instances and snapshots with the group must keep.
    pub(super) fn binding(&self) -> BTreeSet<String> {
        let binds = |option: &&String| kind(&self.engine, option).is_some_and(|kind| kind.persistent);
        self.options.iter().filter(binds).cloned().collect()
    }
}
