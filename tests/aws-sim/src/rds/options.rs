//! Options, the groups that hold them, and what they bind.

use std::collections::BTreeSet;

use super::engines::{self, Engine};
use super::snapshot::Snapshot;
use crate::arn::Arn;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::tags::Tags;
use crate::world::{Caller, World};

/// An option that an engine has.
pub(super) struct Kind {
    name: &'static str,
    /// What the engines that have it begin with.
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

/// A group that somebody made. The default group of each major version is there without being made, and has no options.
#[derive(Clone, Debug)]
pub(crate) struct OptionGroup {
    pub(crate) arn: Arn,
    pub(crate) engine: String,
    pub(crate) major: String,
    pub(crate) description: String,
    pub(crate) options: BTreeSet<String>,
    pub(crate) tags: Tags,
    /// The group that it was copied from, along with a snapshot.
    pub(crate) copied_from: Option<Arn>,
}

impl OptionGroup {
    /// Those of its options that are persistent or permanent: they bind what has the group.
    fn binding(&self) -> BTreeSet<String> {
        let binds = |option: &&String| kind(&self.engine, option).is_some_and(|kind| kind.persistent);
        self.options.iter().filter(binds).cloned().collect()
    }
}

impl super::Rds {
    /// The option group of a database that is set up: one with Transparent Data Encryption, or the default one.
    pub(crate) fn set_up_options(&mut self, database: &crate::Database) -> String {
        let engine = engines::of(&database.engine);
        if !database.tde {
            return engine.default_option_group(&database.engine_version);
        }
        let name = format!("{}-tde", database.identifier);
        let group = OptionGroup {
            arn: Arn::new("rds", &database.region, &database.account, format!("og:{name}")),
            engine: database.engine.clone(),
            major: engine.major(&database.engine_version),
            description: String::new(),
            options: BTreeSet::from(["TDE".to_owned()]),
            tags: Tags::new(),
            copied_from: None,
        };
        self.option_groups.insert(group.arn.to_string(), group);
        name
    }
}

pub(super) fn arn(caller: &Caller, name: &str) -> Arn {
    Arn::new("rds", &caller.region, caller.account(), format!("og:{}", name.to_lowercase()))
}

/// RDS API Reference, CreateDBInstance and DescribeOptionGroups, Errors.
pub(super) fn not_found(name: &str) -> Fault {
    Fault::not_found("OptionGroupNotFoundFault", format!("Specified OptionGroupName: {name} not found."))
}

/// The binding options of a group, by its name, of an account in a Region.
fn binding(world: &World, account: &str, region: &str, name: &str) -> BTreeSet<String> {
    let arn = Arn::new("rds", region, account, format!("og:{name}")).to_string();
    world.rds.option_groups.get(&arn).map(OptionGroup::binding).unwrap_or_default()
}

/// The options that bind a snapshot, as its owner's group has them.
pub(super) fn binding_of(world: &World, snapshot: &Snapshot) -> BTreeSet<String> {
    binding(world, &snapshot.arn.account, &snapshot.arn.region, &snapshot.option_group)
}

/// The group that a request names for an engine's version: it must exist and be made for that major version. UNSOURCED: the
/// code of the latter.
pub(super) fn chosen(
    world: &World,
    caller: &Caller,
    query: &Query,
    engine: &Engine,
    version: &str,
) -> Outcome<Option<String>> {
    let Some(name) = query.text("OptionGroupName").map(str::to_lowercase) else { return Ok(None) };
    if name == engine.default_option_group(version) {
        return Ok(Some(name));
    }
    let group = world.rds.option_groups.get(&arn(caller, &name).to_string()).ok_or_else(|| not_found(&name))?;
    if group.engine != engine.name || group.major != engine.major(version) {
        return Err(Fault::combination(format!(
            "The option group {name} is for {} {} and cannot be used with {} {version}.",
            group.engine, group.major, engine.name
        )));
    }
    Ok(Some(name))
}

/// Refuses a group that lacks any of `bound` (RDS User Guide, Working with option groups: persistent and permanent options).
/// UNSOURCED: the code.
pub(super) fn must_keep(world: &World, caller: &Caller, bound: &BTreeSet<String>, name: &str) -> Outcome<()> {
    let has = binding(world, caller.account(), &caller.region, name);
    match bound.iter().find(|option| !has.contains(*option)) {
        None => Ok(()),
        Some(missing) => {
            let message = format!("The option group {name} lacks the persistent or permanent option {missing}.");
            Err(Fault::combination(message))
        }
    }
}

/// The binding options of the group that one of the caller's own instances has.
pub(super) fn binding_here(world: &World, caller: &Caller, name: &str) -> BTreeSet<String> {
    binding(world, caller.account(), &caller.region, name)
}

/// Copies the group of another account's snapshot into the caller's account, under its own name; a group of that name that
/// is there already stays (RDS User Guide, Copying a DB snapshot, option groups).
pub(super) fn copy_along(world: &mut World, caller: &Caller, snapshot: &Snapshot) -> String {
    let name = snapshot.option_group.clone();
    let from = Arn::new("rds", &snapshot.arn.region, &snapshot.arn.account, format!("og:{name}"));
    if let Some(group) = world.rds.option_groups.get(&from.to_string()).cloned() {
        let arn = arn(caller, &name);
        let copy = OptionGroup { arn: arn.clone(), tags: Tags::new(), copied_from: Some(from), ..group };
        world.rds.option_groups.entry(arn.to_string()).or_insert(copy);
    }
    name
}
