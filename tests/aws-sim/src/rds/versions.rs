//! The supported versions of the engines.

use super::engines;
use super::listing::{filters, paged};
use crate::caller::Caller;
use crate::fault::Outcome;
use crate::query::Query;
use crate::world::World;
use crate::xml::Xml;

/// RDS API Reference, DescribeDBEngineVersions.
pub(super) fn describe(_: &mut World, _: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&[
        "DBParameterGroupFamily",
        "DefaultOnly",
        "Engine",
        "EngineVersion",
        "Filters",
        "IncludeAll",
        "ListSupportedCharacterSets",
        "ListSupportedTimezones",
        "Marker",
        "MaxRecords",
    ])?;
    let filters = filters(query, &["db-parameter-group-family", "engine", "engine-mode", "engine-version", "status"])?;
    let default_only = query.flag("DefaultOnly")?.unwrap_or(false);
    let (engine, version, family) =
        (query.text("Engine"), query.text("EngineVersion"), query.text("DBParameterGroupFamily"));
    let all = engines::all().flat_map(|engine| engine.versions.iter().map(move |version| (engine, *version)));
    let chosen = all.filter(|(known, number)| {
        let own_family = known.family(number);
        let major = known.major(number);
        engine.is_none_or(|engine| engine == known.name)
            && version.is_none_or(|version| version == *number || version == major)
            && family.is_none_or(|family| family == own_family)
            // The default of an engine, or of the requested major version.
            && (!default_only || version.is_some() || known.versions.first() == Some(number))
            && filters.iter().all(|(name, values)| {
                values.iter().any(|value| match *name {
                    "engine" => *value == known.name,
                    "engine-version" => value == number,
                    "db-parameter-group-family" => *value == own_family,
                    "status" => *value == "available",
                    _ => *value == "provisioned",
                })
            })
    });
    let items = chosen.map(|item| (format!("{} {}", item.0.name, item.1), item)).collect::<Vec<_>>();
    let mut items = items;
    items.sort_by(|(one, _), (other, _)| one.cmp(other));
    let (versions, marker) = paged(query, items)?;
    let mut xml = Xml::new();
    xml.list("DBEngineVersions", "DBEngineVersion", versions, |xml, (engine, version)| {
        xml.leaf("Engine", engine.name);
        xml.leaf("MajorEngineVersion", engine.major(version));
        xml.leaf("EngineVersion", version);
        xml.leaf("DBParameterGroupFamily", engine.family(version));
        xml.leaf("DBEngineDescription", engine.name);
        xml.leaf("DBEngineVersionDescription", format!("{} {version}", engine.name));
        xml.node("ValidUpgradeTarget", |_| {});
        xml.list("ExportableLogTypes", "member", engine.logs, |xml, log| xml.write(log));
        xml.leaf("SupportsLogExportsToCloudwatchLogs", true);
        xml.leaf("SupportsReadReplica", true);
        xml.leaf("Status", "available");
    });
    xml.maybe("Marker", marker);
    Ok(xml)
}
