//! Choosing option groups, and checking their persistent and permanent options.

use std::collections::BTreeSet;

use super::engines::{self, Engine};
use super::option_group::OptionGroup;
use super::snapshot::Snapshot;
use super::store::Rds;
use crate::arn::Arn;
use crate::caller::Caller;
use crate::database::Database;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::tags::Tags;
use crate::world::World;

impl Rds {
    /// The option group of a database that is set up: a new one with Transparent Data Encryption, or the default one.
    pub(crate) fn set_up_options(&mut self, database: &Database) -> String {
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

/// The persistent and permanent options of a group of an account in a Region, by its name.
fn binding(world: &World, account: &str, region: &str, name: &str) -> BTreeSet<String> {
    let arn = Arn::new("rds", region, account, format!("og:{name}")).to_string();
    world.rds.option_groups.get(&arn).map(OptionGroup::binding).unwrap_or_default()
}

/// The persistent and permanent options of a snapshot: those of its group in its owner's account.
pub(super) fn binding_of(world: &World, snapshot: &Snapshot) -> BTreeSet<String> {
    binding(world, &snapshot.arn.account, &snapshot.arn.region, &snapshot.option_group)
}

/// The group that a request names for an engine's version: it must exist and be for that major version. UNSOURCED: the
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

/// Refuses a group that lacks an option of `bound` (RDS User Guide, Working with option groups: persistent and
/// permanent options).
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

/// The persistent and permanent options of a group in the caller's account and Region.
pub(super) fn binding_here(world: &World, caller: &Caller, name: &str) -> BTreeSet<String> {
    binding(world, caller.account(), &caller.region, name)
}

/// Copies the group of another account's snapshot into the caller's account, under the same name; an existing group of
/// that name is kept (RDS User Guide, Copying a DB snapshot, option groups).
pub(super) fn copy_group(world: &mut World, caller: &Caller, snapshot: &Snapshot) -> String {
    let name = snapshot.option_group.clone();
    let from = Arn::new("rds", &snapshot.arn.region, &snapshot.arn.account, format!("og:{name}"));
    if let Some(group) = world.rds.option_groups.get(&from.to_string()).cloned() {
        let arn = arn(caller, &name);
        let copy = OptionGroup { arn: arn.clone(), tags: Tags::new(), copied_from: Some(from), ..group };
        world.rds.option_groups.entry(arn.to_string()).or_insert(copy);
    }
    name
}
