//! Attacks with account A's role.

use e2e::{A, B, HOME, TARGET};

use super::acts::Act::{
    Copies, DeletesADatabase, DeletesAKey, DeletesASnapshot, Describes, Encrypts, Grants, ListsDatabases, ListsKeys,
    MakesAKey, Modifies, NamesAHandoffKey, NamesAKey, OpensAKey, ReadsQuotas, ReadsThePolicy, Receives, Replicates,
    RevokesGrants, Sends, Shares, Snapshots, Tags, TagsAKey,
};
use super::acts::{Change, Key, S, S_ELSEWHERE, S_HOME};
use super::row::{ACTION, DENY, FOR_AWS, REQUEST_ROLE, REQUESTED_REGION, RESOURCE, ROLE, Row, TAG_KEYS, VIA, rows};
use super::scene::{C, ELSEWHERE};

const SOURCE_TAG: &[(&str, &str)] = &[("rds-handoff:role", "source")];
const SHARED_TAG: &[(&str, &str)] = &[("rds-handoff:role", "shared")];
const FOREIGN_TAG: &[(&str, &str)] = &[("team", "payroll")];
const NOTE: &[(&str, &str)] = &[("rds-handoff:note", "1")];
const SOURCE: &str = "rds-handoff-stolen-source";
const SHARED: &str = "rds-handoff-stolen-shared";
const RECEIPTS: &str = "rds-handoff-receipts-222222222222";
const REQUESTS: &str = "rds-handoff-requests";
const RECEIPTS_OF_C: &str = "rds-handoff-receipts-333333333333";

/// Attacks on snapshots and queues.
pub(super) fn of_snapshots() -> Vec<Row> {
    let source = (A, HOME, "source");
    rows! {
        "lists the databases of another Region" S_ELSEWHERE ListsDatabases =>
            SourceRole ListsDatabasesAndSnapshots RESOURCE;
        "takes a snapshot of a database that is not to be moved" S_HOME Snapshots("wiki", SOURCE, SOURCE_TAG) =>
            SourceRole SnapshotsOfTheseDatabases RESOURCE;
        "takes a snapshot without our role tag" S_HOME Snapshots("orders", SOURCE, &[]) =>
            SourceRole MakesSourceSnapshots REQUEST_ROLE;
        "gives a new snapshot another team's tag" S_HOME
            Snapshots("orders", SOURCE, &[("rds-handoff:role", "source"), ("team", "payroll")]) =>
            SourceRole MakesSourceSnapshots TAG_KEYS;
        "tags a database" S_HOME Tags("db:payroll", SOURCE_TAG) =>
            SourceRole MakesSourceSnapshots RESOURCE, SourceBoundary NoTagsButOnOurSnapshots DENY;
        "tags a snapshot of the target Region" S Tags("snapshot:rds-handoff-old-source", NOTE) =>
            SourceRole RemembersOnSourceSnapshots RESOURCE;
        "tags a snapshot that has our name but not our role tag" S_HOME Tags("snapshot:rds-handoff-payroll-source", NOTE) =>
            SourceRole RemembersOnSourceSnapshots ROLE;
        "gives a source snapshot another team's tag" S_HOME Tags("snapshot:source", FOREIGN_TAG) =>
            SourceRole RemembersOnSourceSnapshots TAG_KEYS;
        "copies a snapshot that is no source snapshot" S Copies((A, HOME, "archive"), SHARED, Some("replica"), SHARED_TAG) =>
            SourceRole CopiesFromSourceSnapshots RESOURCE;
        "makes a copy outside the target Region" S_HOME Copies(source, SHARED, Some("orders"), SHARED_TAG) =>
            SourceRole MakesSharedCopies RESOURCE;
        "makes a copy without our role tag" S Copies(source, SHARED, Some("replica"), &[]) =>
            SourceRole MakesSharedCopies REQUEST_ROLE;
        "gives a new copy another team's tag" S
            Copies(source, SHARED, Some("replica"), &[("rds-handoff:role", "shared"), ("team", "payroll")]) =>
            SourceRole MakesSharedCopies TAG_KEYS;
        "shares another team's snapshot" S Shares("nightly", C) =>
            SourceRole SharesAndUnshares RESOURCE, SourceBoundary NoShareOrEndOfOtherSnapshots DENY;
        "shares a snapshot of the source Region" S_HOME Shares("rds-handoff-old-shared", C) =>
            SourceRole SharesAndUnshares RESOURCE;
        "deletes a snapshot of the source Region" S_HOME DeletesASnapshot("rds-handoff-old-shared") =>
            SourceRole DeletesSharedCopies RESOURCE;
        "deletes a snapshot that has our name but not our role tag" S DeletesASnapshot("rds-handoff-branch-shared") =>
            SourceRole DeletesSharedCopies ROLE;
        "deletes another team's snapshot" S DeletesASnapshot("nightly") =>
            SourceRole DeletesSharedCopies RESOURCE, SourceRole DeletesSharedCopies ROLE,
            SourceBoundary NoShareOrEndOfOtherSnapshots DENY;
        "sends into another queue of account B" S Sends(B, TARGET, "events", false) =>
            SourceRole SendsToTheInbox RESOURCE;
        "reads the receipts of account C" S_HOME Receives(A, HOME, RECEIPTS_OF_C) =>
            SourceRole ReadsItsReceipts RESOURCE;
        "forges a receipt of account B" S_HOME Sends(A, HOME, RECEIPTS, false) =>
            SourceRole BuriesBadReceipts RESOURCE;
        "receives requests from another queue" S_HOME Receives(A, HOME, RECEIPTS_OF_C) =>
            SourceRole TakesRequests RESOURCE;
        "requests a handoff" S_HOME Sends(A, HOME, REQUESTS, false) => SourceRole BuriesBadRequests RESOURCE;
        "reads the quotas of another Region" S_ELSEWHERE ReadsQuotas =>
            SourceRole LooksAtVersionsAndQuotas REQUESTED_REGION;
        "deletes the database" S_HOME DeletesADatabase("orders") => SourceBoundary AtMost ACTION (without SourceRole);
        "makes the database public" S_HOME Modifies("orders", Change::Public) =>
            SourceBoundary AtMost ACTION (without SourceRole);
        "deletes a key" S DeletesAKey("team") => SourceBoundary AtMost ACTION (without SourceRole);
        "uses the handoff key itself" S Encrypts("replica") =>
            SourceRole StoresUnderTheReplicaThroughRds VIA, SourceBoundary NoCryptographyButThroughRds DENY,
            Replica SourceAgentCopies VIA;
        "grants the handoff key to account C" S Grants("replica") =>
            SourceRole LetsRdsKeepTheReplica VIA, SourceRole LetsRdsKeepTheReplica FOR_AWS,
            SourceBoundary NoCryptographyButThroughRds DENY,
            Replica SourceAgentGrants VIA, Replica SourceAgentGrants FOR_AWS;
        "uses a database's key itself" S_HOME Encrypts("orders") =>
            SourceRole ReadsTheDatabasesKeysThroughRds VIA, SourceBoundary NoCryptographyButThroughRds DENY;
        "grants a database's key to account C" S_HOME Grants("orders") =>
            SourceRole LetsRdsKeepTheDatabasesKeys VIA, SourceRole LetsRdsKeepTheDatabasesKeys FOR_AWS,
            SourceBoundary NoCryptographyButThroughRds DENY;
        "copies a snapshot under another team's key" S
            Copies((A, HOME, "rds-handoff-payroll-source"), SHARED, Some("replica"), SHARED_TAG) =>
            SourceRole ReadsTheDatabasesKeysThroughRds RESOURCE, SourceRole LetsRdsKeepTheDatabasesKeys RESOURCE;
    }
}

const REQUEST_REGION: &str = "StringEquals aws:RequestTag/rds-handoff:source-region";
const REQUEST_ACCOUNT: &str = "StringEquals aws:RequestTag/rds-handoff:target-account";
const REGION: &str = "StringEquals aws:ResourceTag/rds-handoff:source-region";
const ACCOUNT: &str = "StringEquals aws:ResourceTag/rds-handoff:target-account";
const KEY_TAGS: &str = "ForAllValues:StringEquals aws:TagKeys";
const BYPASS: &str = "BoolIfExists kms:BypassPolicyLockoutSafetyCheck";
const REPLICA_REGION: &str = "StringEquals kms:ReplicaRegion";
const MULTI_REGION: &str = "BoolIfExists kms:MultiRegion";
const KEY_SPEC: &str = "StringEqualsIfExists kms:KeySpec";
const KEY_USAGE: &str = "StringEqualsIfExists kms:KeyUsage";
const NO_ALIAS: &str = "Null kms:ResourceAliases";

/// Attacks on keys.
pub(super) fn of_keys() -> Vec<Row> {
    let copy = |key| Copies((A, HOME, "source"), SHARED, Some(key), SHARED_TAG);
    let mut rows = rows! {
        "describes a key of another Region" S_ELSEWHERE Describes("elsewhere") => SourceRole LooksAtKeys RESOURCE;
        "revokes a grant of a key of a single Region" S RevokesGrants("single-Region") =>
            SourceRole ClearsTheReplica RESOURCE;
        "reads the policy of a key of a single Region" S ReadsThePolicy("single-Region") =>
            SourceRole ReadsTheReplicasPolicy RESOURCE;
        "copies under a key of a single Region" S copy("single-Region") =>
            SourceRole StoresUnderTheReplicaThroughRds RESOURCE, SourceRole LetsRdsKeepTheReplica RESOURCE;
        "gives the handoff alias to a key of a single Region" S NamesAHandoffKey("single-Region") =>
            SourceRole NamesHandoffKeys RESOURCE;
        "replicates a key of another Region" S_ELSEWHERE Replicates("elsewhere", TARGET) =>
            SourceRole ReplicatesToTheTargetRegion RESOURCE;
        "replicates the handoff key to another Region" S_HOME Replicates("primary", ELSEWHERE) =>
            SourceRole ReplicatesToTheTargetRegion REPLICA_REGION,
            SourceRole MakesHandoffKeys REQUESTED_REGION, SourceRole TagsThemInTheCreatingCall REQUESTED_REGION;
        "opens the primary to account C" S_HOME OpensAKey("primary", false) =>
            SourceRole LetsAccountBUseTheReplica RESOURCE;
        "opens the replica to account C alone, irrevocably" S OpensAKey("replica", true) =>
            SourceRole LetsAccountBUseTheReplica BYPASS;
        "gives the handoff key another team's alias" S NamesAKey("alias/payroll", "replica") =>
            SourceRole OneAliasForEachRegion RESOURCE;
        "lists the keys of another Region" S_ELSEWHERE ListsKeys => SourceRole ListsKeys REQUESTED_REGION;
        "makes a key in another Region" S_ELSEWHERE MakesAKey(Key::Right) =>
            SourceRole MakesHandoffKeys REQUESTED_REGION, SourceRole TagsThemInTheCreatingCall REQUESTED_REGION;
        "makes a key without our role tag" S_HOME MakesAKey(Key::Marked("rds-handoff:role")) =>
            SourceRole MakesHandoffKeys REQUEST_ROLE, SourceRole TagsThemInTheCreatingCall REQUEST_ROLE;
        "makes the key of another source Region" S_HOME MakesAKey(Key::Marked("rds-handoff:source-region")) =>
            SourceRole MakesHandoffKeys REQUEST_REGION, SourceRole TagsThemInTheCreatingCall REQUEST_REGION;
        "makes the key of another target account" S_HOME MakesAKey(Key::Marked("rds-handoff:target-account")) =>
            SourceRole MakesHandoffKeys REQUEST_ACCOUNT, SourceRole TagsThemInTheCreatingCall REQUEST_ACCOUNT;
        "gives a new key another team's tag" S_HOME MakesAKey(Key::WithAnotherTag) =>
            SourceRole MakesHandoffKeys KEY_TAGS, SourceRole TagsThemInTheCreatingCall KEY_TAGS;
        "makes a key of a single Region" S_HOME MakesAKey(Key::SingleRegion) =>
            SourceRole MakesHandoffKeys MULTI_REGION;
        "makes a key to sign with" S_HOME MakesAKey(Key::ForSigning) =>
            SourceRole MakesHandoffKeys KEY_SPEC, SourceRole MakesHandoffKeys KEY_USAGE;
        "makes a key that belongs to account C, irrevocably" S_HOME MakesAKey(Key::LockedOut) =>
            SourceRole MakesHandoffKeys BYPASS;
        "puts our tags on another team's key" S TagsAKey("team") => SourceRole TagsThemInTheCreatingCall NO_ALIAS;
        "opens another team's key to account C" S OpensAKey("team", false) =>
            SourceRole GivesThemTheirFirstPolicy REQUEST_ROLE, SourceRole GivesThemTheirFirstPolicy REQUEST_REGION,
            SourceRole GivesThemTheirFirstPolicy REQUEST_ACCOUNT;
        "opens a key of another Region to account C" S_ELSEWHERE OpensAKey("elsewhere", false) =>
            SourceRole GivesThemTheirFirstPolicy REQUESTED_REGION,
            SourceRole GivesThemTheirFirstPolicy REQUEST_ROLE, SourceRole GivesThemTheirFirstPolicy REQUEST_REGION,
            SourceRole GivesThemTheirFirstPolicy REQUEST_ACCOUNT;
        "opens another team's key to account C alone, irrevocably" S OpensAKey("team", true) =>
            SourceRole GivesThemTheirFirstPolicy BYPASS,
            SourceRole GivesThemTheirFirstPolicy REQUEST_ROLE, SourceRole GivesThemTheirFirstPolicy REQUEST_REGION,
            SourceRole GivesThemTheirFirstPolicy REQUEST_ACCOUNT;
        "makes a key in key mode existing" S_HOME MakesAKey(Key::Right) => ExistingBoundary NoKeyOfItsOwn DENY;
        "opens the existing key to account C" S OpensAKey("replica", false) => ExistingBoundary NoKeyOfItsOwn DENY;
    };
    // Like the handoff key, except for one tag.
    let others = [
        (ROLE, "other role", "primary of other role"),
        (REGION, "other source Region", "primary of other source Region"),
        (ACCOUNT, "other target account", "primary of other target account"),
    ];
    for (condition, key, primary) in others {
        rows.extend(rows! {
            "revokes a grant of another key" S RevokesGrants(key) => SourceRole ClearsTheReplica condition;
            "reads the policy of another key" S ReadsThePolicy(key) => SourceRole ReadsTheReplicasPolicy condition;
            "copies under another key" S copy(key) =>
                SourceRole StoresUnderTheReplicaThroughRds condition, SourceRole LetsRdsKeepTheReplica condition;
            "gives the handoff alias to another key" S NamesAHandoffKey(key) => SourceRole NamesHandoffKeys condition;
            "replicates another key" S_HOME Replicates(primary, TARGET) =>
                SourceRole ReplicatesToTheTargetRegion condition;
            "opens another key to account C" S OpensAKey(key, false) => SourceRole LetsAccountBUseTheReplica condition;
        });
    }
    rows
}
