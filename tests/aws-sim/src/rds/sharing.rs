//! Sharing manual snapshots with other accounts.

use super::identifiers::{SNAPSHOT, identifier};
use super::snapshot::{Snapshot, Stage};
use super::snapshots::not_found;
use super::{engines, options};
use crate::arn::{Arn, is_account};
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::world::World;
use crate::xml::Xml;

/// The ARN of the caller's own manual snapshot; other snapshots have no attributes.
fn own(caller: &Caller, query: &Query) -> Outcome<String> {
    // Manual snapshots cannot have the names of automated snapshots and those of AWS Backup; a snapshot is named here
    // by its identifier, not by an ARN (RDS API Reference, ModifyDBSnapshotAttribute).
    let id = identifier("DBSnapshotIdentifier", query.required("DBSnapshotIdentifier")?, SNAPSHOT)?;
    Ok(Arn::new("rds", &caller.region, caller.account(), format!("snapshot:{id}")).to_string())
}

fn show(snapshot: &Snapshot) -> Xml {
    let mut xml = Xml::new();
    xml.node("DBSnapshotAttributesResult", |xml| {
        xml.leaf("DBSnapshotIdentifier", snapshot.id());
        xml.list("DBSnapshotAttributes", "DBSnapshotAttribute", [()], |xml, ()| {
            xml.leaf("AttributeName", "restore");
            xml.list("AttributeValues", "AttributeValue", &snapshot.shares, |xml, value| xml.write(value));
        });
    });
    xml
}

pub(super) fn describe(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["DBSnapshotIdentifier"])?;
    let arn = own(caller, query)?;
    world.rds.snapshots.get(&arn).map(show).ok_or_else(|| not_found(&arn))
}

/// RDS API Reference, ModifyDBSnapshotAttribute; RDS User Guide, Sharing a DB snapshot.
pub(super) fn modify(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["AttributeName", "DBSnapshotIdentifier", "ValuesToAdd", "ValuesToRemove"])?;
    let arn = own(caller, query)?;
    let attribute = query.required("AttributeName")?;
    if attribute != "restore" {
        return Err(Fault::value(format!("Invalid attribute name: {attribute}. The only valid one is restore.")));
    }
    let (add, remove) = (query.list("ValuesToAdd"), query.list("ValuesToRemove"));
    if let Some(wrong) = add.iter().chain(&remove).find(|value| !is_account(value) && **value != "all") {
        return Err(Fault::value(format!("Invalid account: {wrong}. An account id has 12 digits.")));
    }
    // UNSOURCED: stricter reading.
    if add.is_empty() && remove.is_empty() {
        return Err(Fault::combination("Either ValuesToAdd or ValuesToRemove must be given."));
    }
    if add.iter().any(|value| remove.contains(value)) {
        return Err(Fault::combination("A value cannot be both added and removed."));
    }
    let most = world.settings.quotas.accounts_per_share;
    let snapshot = world.rds.snapshots.get(&arn).ok_or_else(|| not_found(&arn))?;
    // UNSOURCED: stricter reading.
    if add.contains(&caller.account()) {
        return Err(Fault::value("A snapshot can't be shared with the account that owns it."));
    }
    if snapshot.stage != Stage::Available {
        return Err(Fault::bad("InvalidDBSnapshotState", format!("The snapshot {} is not available.", snapshot.id())));
    }
    if !add.is_empty() {
        may_be_shared(world, snapshot, &add)?;
    }
    // Account ids are a set: adding one twice changes nothing. UNSOURCED; AWS documents no error for it.
    let mut shares = snapshot.shares.clone();
    shares.extend(add.iter().map(|value| (*value).to_owned()));
    shares.retain(|value| !remove.contains(&value.as_str()));
    if shares.len() > most {
        let message = format!(
            "You have exceeded the maximum number of accounts that you can share a manual DB snapshot with: {most}."
        );
        return Err(Fault::bad("SharedSnapshotQuotaExceeded", message));
    }
    let snapshot = world.rds.snapshots.get_mut(&arn).ok_or_else(|| not_found(&arn))?;
    snapshot.shares = shares;
    Ok(show(snapshot))
}

/// Encrypted snapshots cannot be made public, and those encrypted with the account's default key, or with one that AWS
/// owns, cannot be shared (RDS User Guide, Sharing encrypted snapshots); nor those with Transparent Data Encryption
/// (same page), of RDS Custom, or with an option group that has permanent or persistent options other than Oracle's
/// Timezone and OLS (Sharing a DB snapshot). UNSOURCED: the codes, that the call itself is refused for the default key,
/// and that AWS's own key and RDS Custom are treated alike.
fn may_be_shared(world: &World, snapshot: &Snapshot, add: &[&str]) -> Outcome<()> {
    let engine = engines::of(&snapshot.origin.engine);
    if engine.kind == engines::Kind::Custom {
        return Err(Fault::value("Snapshots of RDS Custom can't be shared."));
    }
    let harmless = |option: &String| engine.oracle() && ["OLS", "Timezone"].contains(&option.as_str());
    if snapshot.origin.tde.is_some() || !options::binding_of(world, snapshot).iter().all(harmless) {
        return Err(Fault::value(
            "The snapshot can't be shared because its option group has a persistent or permanent option.",
        ));
    }
    if add.contains(&"all") && snapshot.encrypted() {
        return Err(Fault::value("Encrypted snapshots cannot be shared publicly."));
    }
    let managed = snapshot.key.as_ref().and_then(|key| world.kms.keys.get(key)).is_some_and(|key| key.managed_by_aws);
    if managed || snapshot.owned_key {
        return Err(Fault::value(
            "Sharing snapshots encrypted with the default service key for RDS is currently not supported.",
        ));
    }
    Ok(())
}
