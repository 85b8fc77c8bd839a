//! Copying DB snapshots.

use std::collections::BTreeSet;

use super::identifiers::{SNAPSHOT, identifier};
use super::keys;
use super::snapshot::{CopyJob, Snapshot, Stage};
use super::snapshots::{must_be_free, must_have_room, not_found, show};
use crate::arn::Arn;
use crate::fault::{Fault, Outcome};
use crate::kms::on_behalf::{TO_READ, TO_STORE, grant};
use crate::query::Query;
use crate::tags::Tags;
use crate::world::{Caller, World};
use crate::xml::Xml;

/// RDS API Reference, CopyDBSnapshot; RDS User Guide, Copying a DB snapshot. Called in the Region of the copy.
pub(super) fn copy(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&[
        "CopyOptionGroup",
        "CopyTags",
        "KmsKeyId",
        "OptionGroupName",
        "PreSignedUrl",
        "SnapshotTarget",
        "SourceDBSnapshotIdentifier",
        "Tags",
        "TargetDBSnapshotIdentifier",
    ])?;
    let named = query.required("SourceDBSnapshotIdentifier")?;
    let target_id = identifier("TargetDBSnapshotIdentifier", query.required("TargetDBSnapshotIdentifier")?, SNAPSHOT)?;
    let given = super::tagging::parsed(query)?;
    let target = Arn::new("rds", &caller.region, caller.account(), format!("snapshot:{target_id}"));
    let source = source(world, caller, named)?.clone();
    must_be_free(world, &target)?;
    if source.stage != Stage::Available {
        let message = format!(
            "Cannot copy the snapshot because the source snapshot {named} is not currently in the available state."
        );
        return Err(Fault::bad("InvalidDBSnapshotState", message));
    }
    let foreign = source.arn.account != caller.account();
    let across = source.arn.region != caller.region;
    if foreign && across && source.key.is_some() {
        // "You can copy a shared DB snapshot across AWS Regions if the snapshot is unencrypted" (Considerations for
        // shared snapshot copying). The same page also speaks of a single step for encrypted ones; UNSOURCED which
        // holds, and the code: stricter reading.
        return Err(Fault::value("Copying an encrypted shared snapshot across Regions is not supported."));
    }
    let key = chosen_key(world, caller, &source, query.text("KmsKeyId"), foreign, across)?;
    must_have_room(world, caller)?;
    must_not_crowd(world, caller)?;

    // When Tags are given, CopyTags is not heeded. UNSOURCED: observed in practice.
    let copy_tags = query.flag("CopyTags")?.unwrap_or(false) && given.is_empty() && !foreign;
    let tags = if copy_tags { super::tagging::checked(source.tags.clone())? } else { given };
    let source_grant = source.key.as_ref().and_then(|key| grant(world, caller, key, &TO_READ));
    if let Some(key) = &key {
        grant(world, caller, key, &TO_STORE);
    }
    let durations = world.settings.durations;
    let lasts = if across { durations.copy_across_regions } else { durations.copy_within_region };
    let job = CopyJob { source: source.arn.to_string(), grant: source_grant, lasts: world.settings.paced(lasts) };
    let arn = enqueue(world, &source, target, key, tags, job, foreign || across);
    let mut xml = Xml::new();
    show(&mut xml, world, caller, &arn);
    Ok(xml)
}

/// The snapshot to copy: one's own by name, in the same Region; otherwise by ARN; another account's only when shared.
fn source<'a>(world: &'a World, caller: &Caller, named: &str) -> Outcome<&'a Snapshot> {
    if !named.starts_with("arn:") {
        let arn = super::own_arn(caller, "snapshot", named);
        return world.rds.snapshots.get(&arn).ok_or_else(|| not_found(named));
    }
    let malformed = || Fault::value(format!("Invalid snapshot identifier: {named}"));
    let arn = Arn::parse(named).ok_or_else(malformed)?;
    if arn.service != "rds" || arn.name_of("snapshot").is_none() {
        return Err(malformed());
    }
    let found = world.rds.snapshots.get(named);
    found
        .filter(|found| found.arn.account == caller.account() || found.shared_with(caller.account()))
        .ok_or_else(|| not_found(named))
}

/// The key of the copy, once both keys are known to be usable.
fn chosen_key(
    world: &mut World,
    caller: &Caller,
    source: &Snapshot,
    named: Option<&str>,
    foreign: bool,
    across: bool,
) -> Outcome<Option<String>> {
    let Some(source_key) = &source.key else {
        // A key encrypts the copy of an unencrypted snapshot (RDS API Reference, CopyDBSnapshot, KmsKeyId).
        return named.map(|named| keys::target(world, caller, named)).transpose();
    };
    if across && named.is_none() {
        return Err(Fault::value("Must specify new KMS key for cross region encrypted snapshot copy."));
    }
    if foreign && named.is_none() {
        return Err(keys::not_accessible("target", "None"));
    }
    keys::readable(world, caller, source_key)?;
    keys::target(world, caller, named.unwrap_or(source_key)).map(Some)
}

/// 20 copies in progress to one destination Region per account (RDS User Guide, Copying a DB snapshot, Limitations).
fn must_not_crowd(world: &World, caller: &Caller) -> Outcome<()> {
    let most = world.settings.quotas.copies_in_flight;
    let own = world.rds.snapshots_of(caller.account(), &caller.region);
    if own.filter(|snapshot| snapshot.copying()).count() < most {
        return Ok(());
    }
    Err(Fault::bad("SnapshotQuotaExceeded", format!("Cannot copy more than {most} snapshots across regions")))
}

/// Puts the copy behind the others of the same source database: they go one after another (same page).
fn enqueue(
    world: &mut World,
    source: &Snapshot,
    target: Arn,
    key: Option<String>,
    tags: Tags,
    job: CopyJob,
    elsewhere: bool,
) -> String {
    let arn = target.to_string();
    let copy = Snapshot {
        arn: target,
        automated: false,
        origin: source.origin.clone(),
        created: world.now,
        key,
        source: elsewhere.then(|| source.arn.clone()),
        tags,
        shares: BTreeSet::new(),
        stage: Stage::Queued,
        job: Some(job),
        stored: None,
    };
    world.rds.snapshots.insert(arn.clone(), copy);
    world.rds.queues.entry(source.origin.resource_id.clone()).or_default().push(arn.clone());
    super::progress::start_next(world, &source.origin.resource_id);
    arn
}
