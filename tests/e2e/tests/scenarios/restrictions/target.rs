//! Attacks with account B's role.

use e2e::{A, B, TARGET};

use super::acts::Act::{
    Copies, DeletesADatabase, DeletesASnapshot, Describes, Encrypts, Grants, ListsDatabases, ListsGroups, Modifies,
    ReadsQuotas, Receives, Restores, Sends, Shares, Snapshots, Tags,
};
use super::acts::{Change, T, T_ELSEWHERE};
use super::row::{ACTION, DENY, FOR_AWS, REQUEST_ROLE, REQUESTED_REGION, RESOURCE, ROLE, Row, TAG_KEYS, VIA, rows};
use super::scene::C;

pub(super) const TARGET_TAG: &[(&str, &str)] = &[("rds-handoff:role", "target")];
const DATABASE_TAG: &[(&str, &str)] = &[("rds-handoff:role", "database")];
const FOREIGN_TAG: &[(&str, &str)] = &[("team", "payroll")];
const NOTE: &[(&str, &str)] = &[("rds-handoff:note", "1")];
const COPY: &str = "rds-handoff-stolen-target";
const DATABASE: &str = "x-cutover-2";
const NOT_PUBLIC: &str = "Bool rds:PubliclyAccessible";

/// Attacks on messages and copies.
pub(super) fn of_copies() -> Vec<Row> {
    let shared = (A, TARGET, "shared");
    rows! {
        "lists the databases of another Region" T_ELSEWHERE ListsDatabases =>
            TargetRole ListsDatabasesAndSnapshots RESOURCE;
        "copies a snapshot that account C shares" T
            Copies((C, TARGET, "rds-handoff-bait-shared"), COPY, Some("own"), TARGET_TAG) =>
            TargetRole CopiesFromSharedCopies RESOURCE;
        "makes a copy under another team's name" T Copies(shared, "nightly", Some("own"), TARGET_TAG) =>
            TargetRole MakesTargetCopies RESOURCE;
        "makes a copy without our role tag" T Copies(shared, COPY, Some("own"), &[]) =>
            TargetRole MakesTargetCopies REQUEST_ROLE;
        "gives a new copy another team's tag" T
            Copies(shared, COPY, Some("own"), &[("rds-handoff:role", "target"), ("team", "payroll")]) =>
            TargetRole MakesTargetCopies TAG_KEYS;
        "tags a snapshot that has our role tag but not our name" T Tags("snapshot:archive", NOTE) =>
            TargetRole RemembersOnTargetCopies RESOURCE;
        "tags a snapshot that has our name but not our role tag" T Tags("snapshot:rds-handoff-ledger-target", NOTE) =>
            TargetRole RemembersOnTargetCopies ROLE;
        "gives a target copy another team's tag" T Tags("snapshot:target", FOREIGN_TAG) =>
            TargetRole RemembersOnTargetCopies TAG_KEYS;
        "copies a shared snapshot under another key of account A" T
            Copies((A, TARGET, "rds-handoff-lent-shared"), COPY, Some("own"), TARGET_TAG) =>
            TargetRole ReadsSharedCopiesThroughRds RESOURCE, TargetRole LetsRdsReadSharedCopies RESOURCE;
        "uses the handoff key itself" T Encrypts("replica") =>
            TargetRole ReadsSharedCopiesThroughRds VIA, TargetBoundary NoCryptographyButThroughServices DENY,
            Replica RdsHandoffTargetCopies VIA;
        "grants the handoff key to account C" T Grants("replica") =>
            TargetRole LetsRdsReadSharedCopies VIA, TargetRole LetsRdsReadSharedCopies FOR_AWS,
            TargetBoundary NoCryptographyButThroughServices DENY,
            Replica RdsHandoffTargetGrants VIA, Replica RdsHandoffTargetGrants FOR_AWS;
        "reads another queue" T Receives(B, TARGET, "events") => TargetRole ReadsItsInbox RESOURCE;
        "forges a message of account A" T Sends(B, TARGET, "rds-handoff-inbox", false) =>
            TargetRole BuriesBadMessages RESOURCE;
        "sends into another queue" T Sends(B, TARGET, "events", false) => TargetRole SendsReceipts RESOURCE;
        "deletes the target copy" T DeletesASnapshot("target") => TargetBoundary AtMost ACTION (without TargetRole);
        "shares the target copy" T Shares("target", C) => TargetBoundary AtMost ACTION (without TargetRole);
        "deletes the restored database" T DeletesADatabase("orders-cutover-1") =>
            TargetBoundary AtMost ACTION (without TargetRole);
        "deletes another team's database" T DeletesADatabase("payroll") =>
            TargetBoundary AtMost ACTION (without TargetRole);
        "takes a snapshot of another team's database" T Snapshots("payroll", "mine", &[]) =>
            TargetBoundary AtMost ACTION (without TargetRole);
    }
}

/// Attacks on databases and account B's own key.
pub(super) fn of_databases() -> Vec<Row> {
    let restore = |from, name, change| Restores(from, name, change, DATABASE_TAG);
    let copy = |key| Copies((A, TARGET, "shared"), COPY, Some(key), TARGET_TAG);
    rows! {
        "lists the groups of another Region" T_ELSEWHERE ListsGroups => TargetRole LooksAtGroups RESOURCE;
        "reads the quotas of another Region" T_ELSEWHERE ReadsQuotas =>
            TargetRole LooksAtVersionsAndQuotas REQUESTED_REGION;
        "restores a snapshot that has our role tag but not our name" T restore("archive", DATABASE, Change::None) =>
            TargetRole RestoresFromTargetCopies RESOURCE;
        "restores a snapshot that has our name but not our role tag" T
            restore("rds-handoff-ledger-target", DATABASE, Change::None) => TargetRole RestoresFromTargetCopies ROLE;
        "restores into other subnets" T restore("target", DATABASE, Change::Subnets("public")) =>
            TargetRole UsesTheseGroups RESOURCE;
        "restores under another team's name" T restore("target", "payroll-2", Change::None) =>
            TargetRole MakesDatabases RESOURCE, TargetRole TagsDatabasesInTheRestore RESOURCE;
        "restores without our role tag" T Restores("target", DATABASE, Change::None, &[]) =>
            TargetRole MakesDatabases REQUEST_ROLE;
        "restores a publicly accessible database" T restore("target", DATABASE, Change::Public) =>
            TargetRole MakesDatabases NOT_PUBLIC;
        "puts our role tag on another team's database" T Tags("db:payroll", DATABASE_TAG) =>
            TargetRole TagsDatabasesInTheRestore RESOURCE;
        "gives a database another team's tag" T Tags("db:orders-cutover-1", FOREIGN_TAG) =>
            TargetRole TagsDatabasesInTheRestore REQUEST_ROLE;
        "disables deletion protection of a database that has our role tag but not our name" T Modifies("ledger", Change::Protection) =>
            TargetRole ConfiguresItsDatabases RESOURCE;
        "disables deletion protection of a database that has our name but not our role tag" T Modifies("stock-cutover-9", Change::Protection) =>
            TargetRole ConfiguresItsDatabases ROLE;
        "disables deletion protection of another team's database" T Modifies("payroll", Change::Protection) =>
            TargetRole ConfiguresItsDatabases RESOURCE, TargetRole ConfiguresItsDatabases ROLE;
        "makes another team's database public" T Modifies("payroll", Change::Public) =>
            TargetRole ConfiguresItsDatabases RESOURCE, TargetRole ConfiguresItsDatabases ROLE;
        "makes a secret in another Region" T_ELSEWHERE Modifies("orders-cutover-1", Change::Secret) =>
            TargetRole LetsRdsMakeTheMasterSecret RESOURCE, TargetRole ConfiguresItsDatabases RESOURCE;
        "passes another role to monitoring" T Modifies("orders-cutover-1", Change::Monitoring("admin")) =>
            TargetRole PassesTheMonitoringRole RESOURCE;
        "copies under another team's key" T copy("team of B") =>
            TargetRole StoresUnderTheOwnKeyThroughServices ROLE, TargetRole LetsServicesKeepTheOwnKey ROLE;
        "restores under another team's key" T restore("rds-handoff-stock-target", DATABASE, Change::None) =>
            TargetRole StoresUnderTheOwnKeyThroughServices ROLE, TargetRole LetsServicesKeepTheOwnKey ROLE;
        "copies under a key of account C" T copy("of C") =>
            TargetRole StoresUnderTheOwnKeyThroughServices RESOURCE, TargetRole LetsServicesKeepTheOwnKey RESOURCE,
            TargetRole StoresUnderTheOwnKeyThroughServices ROLE, TargetRole LetsServicesKeepTheOwnKey ROLE;
        "uses the own key itself" T Encrypts("own") =>
            TargetRole StoresUnderTheOwnKeyThroughServices VIA, TargetBoundary NoCryptographyButThroughServices DENY,
            OwnKey AccountUsesItThroughServices VIA;
        "grants the own key to account C" T Grants("own") =>
            TargetRole LetsServicesKeepTheOwnKey VIA, TargetRole LetsServicesKeepTheOwnKey FOR_AWS,
            TargetBoundary NoCryptographyButThroughServices DENY,
            OwnKey AccountLetsServicesKeepIt VIA, OwnKey AccountLetsServicesKeepIt FOR_AWS;
        "describes a key of account C" T Describes("of C") =>
            TargetRole LooksAtTheOwnKey RESOURCE, TargetRole LooksAtTheOwnKey ROLE;
        "describes another team's key" T Describes("team of B") => TargetRole LooksAtTheOwnKey ROLE;
    }
}
