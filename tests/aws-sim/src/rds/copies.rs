//! Copying DB snapshots.

use std::collections::BTreeSet;

use super::identifiers::{self, SNAPSHOT, identifier};
use super::snapshot::{CopyJob, Creator, Origin, Snapshot, Stage};
use super::snapshots::{must_be_below_quota, must_be_free, not_found, show};
use super::{engines, keys, options};
use crate::arn::Arn;
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::kms::on_behalf::{TO_READ, TO_STORE, grant};
use crate::query::Query;
use crate::tags::Tags;
use crate::world::World;
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
    if foreign && across && source.encrypted() {
        // "You can copy a shared DB snapshot across AWS Regions if the snapshot is unencrypted" (Considerations for
        // shared snapshot copying). The same page also speaks of a single step for encrypted ones; UNSOURCED which
        // holds, and the code: stricter reading.
        return Err(Fault::value("Copying an encrypted shared snapshot across Regions is not supported."));
    }
    if engines::of(&source.origin.engine).kind == engines::Kind::Custom {
        // "This command doesn't apply to RDS Custom" (same page). UNSOURCED: the code.
        return Err(Fault::value("Snapshots of RDS Custom can't be copied."));
    }
    // Outposts and Local Zones are not simulated.
    if query.text("SnapshotTarget").is_some_and(|target| target != "region") {
        return Err(Fault::value("SnapshotTarget must be region."));
    }
    let along = query.flag("CopyOptionGroup")?.unwrap_or(false);
    let option_group = option_group(world, caller, query, &source, along)?;
    let key = chosen_key(world, caller, &source, query.text("KmsKeyId"), foreign, across)?;
    must_be_below_quota(world, caller)?;
    must_be_below_copy_limit(world, caller)?;

    // If Tags are given, CopyTags is ignored. UNSOURCED: observed in practice.
    let copy_tags = query.flag("CopyTags")?.unwrap_or(false) && given.is_empty() && !foreign;
    let tags = if copy_tags { super::tagging::copied(&source.tags)? } else { given };
    let option_group = if along { options::copy_group(world, caller, &source) } else { option_group };
    let source_grant = source.key.as_ref().and_then(|key| grant(world, caller, key, &TO_READ));
    if let Some(key) = &key {
        grant(world, caller, key, &TO_STORE);
    }
    let durations = world.settings.durations;
    let lasts = if across { durations.copy_across_regions } else { durations.copy_within_region };
    let job = CopyJob { source: source.arn.to_string(), grant: source_grant, lasts: world.settings.scaled(lasts) };
    let copy = Snapshot {
        arn: target,
        creator: Creator::Account,
        created: world.now,
        // Within an account and Region a copy keeps the key that AWS owns, unless another key is given.
        owned_key: source.owned_key && key.is_none(),
        key,
        option_group,
        source: (foreign || across).then(|| source.arn.clone()),
        tags,
        shares: BTreeSet::new(),
        stage: Stage::Queued,
        job: Some(job),
        stored: None,
        // Another account's tags are not visible. UNSOURCED: that a restored instance does not inherit them.
        origin: if foreign { Origin { tags: Tags::new(), ..source.origin } } else { source.origin },
    };
    let arn = copy.arn.to_string();
    enqueue(world, copy);
    let mut xml = Xml::new();
    show(&mut xml, world, caller, &arn);
    Ok(xml)
}

/// The snapshot to copy: the caller's own by name, in the same Region; otherwise by ARN; another account's only if
/// shared.
fn source<'a>(world: &'a World, caller: &Caller, named: &str) -> Outcome<&'a Snapshot> {
    let found = world.rds.snapshots.get(&identifiers::snapshot(caller, "SourceDBSnapshotIdentifier", named)?);
    found
        .filter(|found| found.arn.account == caller.account() || found.shared_with(caller.account()))
        .ok_or_else(|| not_found(named))
}

/// The option group of the copy (RDS User Guide, Copying a DB snapshot, Option group considerations).
///
/// Within an account and Region it stays the same; elsewhere it is the one that the request names, or the default one.
/// It must have the source's persistent and permanent options: "if your source DB instance uses Transparent Data
/// Encryption for Oracle or Microsoft SQL Server, you must specify this option when copying across Regions" (RDS API
/// Reference, CopyDBSnapshot, OptionGroupName). UNSOURCED: the codes.
fn option_group(world: &World, caller: &Caller, query: &Query, source: &Snapshot, along: bool) -> Outcome<String> {
    let engine = engines::of(&source.origin.engine);
    let version = &source.origin.engine_version;
    let named = options::chosen(world, caller, query, engine, version)?;
    let foreign = source.arn.account != caller.account();
    if along {
        // "The associated option group can be copied only with cross-account snapshot copy calls" (same page,
        // CopyOptionGroup); only for Oracle, and within a Region (the User Guide's page).
        if !foreign || named.is_some() || !engine.oracle() || source.arn.region != caller.region {
            return Err(Fault::combination(
                "CopyOptionGroup can be specified only for a shared snapshot of Oracle in the same Region, without OptionGroupName.",
            ));
        }
        return Ok(source.option_group.clone());
    }
    let stays = !foreign && source.arn.region == caller.region;
    let default = || if stays { source.option_group.clone() } else { engine.default_option_group(version) };
    let group = named.unwrap_or_else(default);
    options::must_keep(world, caller, &options::binding_of(world, source), &group)?;
    Ok(group)
}

/// The key of the copy, after checking that both keys can be used.
fn chosen_key(
    world: &mut World,
    caller: &Caller,
    source: &Snapshot,
    named: Option<&str>,
    foreign: bool,
    across: bool,
) -> Outcome<Option<String>> {
    // RDS API Reference, CopyDBSnapshot, KmsKeyId; the text is from pbudzon/aws-maintenance#5.
    if across && named.is_none() && source.encrypted() {
        return Err(Fault::value("Must specify new KMS key for cross region encrypted snapshot copy."));
    }
    let Some(source_key) = &source.key else {
        // The copy of an unencrypted snapshot can be encrypted (RDS API Reference, CopyDBSnapshot, KmsKeyId), and a key
        // replaces one that AWS owns. UNSOURCED: the latter; the Aurora User Guide allows it for clusters.
        return named.map(|named| keys::target(world, caller, named)).transpose();
    };
    if foreign && named.is_none() {
        return Err(keys::not_accessible("target", "None"));
    }
    keys::readable(world, caller, source_key)?;
    keys::target(world, caller, named.unwrap_or(source_key)).map(Some)
}

/// 20 copies in progress to one destination Region per account (RDS User Guide, Copying a DB snapshot, Limitations).
fn must_be_below_copy_limit(world: &World, caller: &Caller) -> Outcome<()> {
    let most = world.settings.quotas.copies_in_flight;
    let own = world.rds.snapshots_of(caller.account(), &caller.region);
    if own.filter(|snapshot| snapshot.copying()).count() < most {
        return Ok(());
    }
    Err(Fault::bad("SnapshotQuotaExceeded", format!("Cannot copy more than {most} snapshots across regions")))
}

/// Queues the copy behind the others of the same source database: they run one after another (same page).
fn enqueue(world: &mut World, copy: Snapshot) {
    let (arn, database) = (copy.arn.to_string(), copy.origin.resource_id.clone());
    world.rds.snapshots.insert(arn.clone(), copy);
    world.rds.queues.entry(database.clone()).or_default().push(arn);
    super::progress::start_next(world, &database);
}
