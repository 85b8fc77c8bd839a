//! The deterministic names of everything that the agents create. They must never change: an agent finds a resource of
//! another agent, or of an earlier version, by computing its name again.

use crate::arn::{DbArn, QueueArn, QueueName};
use crate::ids::{
    AccountId, DbIdentifier, DbiResourceId, Digest, HandoffId, Label, ParseError, Region, RoleName, SnapshotId,
};

impl HandoffId {
    /// The first 16 hex digits of SHA-256 over `v1`, the source database's ARN, its DbiResourceId, the target account,
    /// the target Region and the label, one on each line. Both accounts compute it; neither relies on the other's
    /// value.
    pub fn of(
        database: &DbArn,
        resource: &DbiResourceId,
        target_account: &AccountId,
        target_region: &Region,
        label: &Label,
    ) -> Self {
        let lines = format!("v1\n{database}\n{resource}\n{target_account}\n{target_region}\n{label}\n");
        let digest = Digest::of(lines.as_bytes());
        let cut = &digest.as_str()[..16];
        cut.parse().unwrap_or_else(|_| unreachable!("{cut} is a handoff id"))
    }
}

/// The role of a snapshot in a handoff; also the value of its `rds-handoff:role` tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SnapshotRole {
    /// Taken of the database, in the source Region of account A.
    Source,
    /// The copy in the target Region of account A that is shared with account B.
    Shared,
    /// Account B's own copy.
    Target,
}

impl SnapshotRole {
    /// The word in names and tags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Shared => "shared",
            Self::Target => "target",
        }
    }
}

/// How many characters of the database's name a snapshot name contains. So it has at most 60 characters, below the
/// shortest limit of an identifier, 63 (of a DB cluster snapshot).
const DATABASE_CUT: usize = 24;

/// `rds-handoff-<database, cut to 24>-<id>-{source,shared,target}`.
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "every part conforms to the grammar of a snapshot identifier, and so does the name"
)]
pub fn snapshot(database: &DbIdentifier, id: &HandoffId, role: SnapshotRole) -> SnapshotId {
    let cut = &database.as_str()[..database.as_str().len().min(DATABASE_CUT)];
    let name = format!("rds-handoff-{}-{id}-{}", cut.trim_end_matches('-'), role.as_str());
    // Checked by the property test below.
    name.parse().expect("the parts of the name make a snapshot identifier")
}

/// `alias/rds-handoff-<source Region>-<target account>`, in both Regions: one handoff key serves every database that
/// goes from one Region to one account, so that repeated copies can be incremental.
pub fn key_alias(source_region: &Region, target_account: &AccountId) -> String {
    format!("alias/rds-handoff-{source_region}-{target_account}")
}

/// The default inbox of account B: `rds-handoff-inbox` in the target Region.
pub fn inbox(target_account: &AccountId, target_region: &Region) -> QueueArn {
    queue(target_account, target_region, "rds-handoff-inbox")
}

/// The default receipts queue of account A for one target account: `rds-handoff-receipts-<target account>` in the
/// source Region.
pub fn receipts(source_account: &AccountId, source_region: &Region, target_account: &AccountId) -> QueueArn {
    queue(source_account, source_region, &format!("rds-handoff-receipts-{target_account}"))
}

/// The default requests queue of account A: `rds-handoff-requests` in the source Region.
pub fn requests(source_account: &AccountId, source_region: &Region) -> QueueArn {
    queue(source_account, source_region, "rds-handoff-requests")
}

/// The dead-letter queue of a queue: the queue's name with the suffix `-dead`.
///
/// # Errors
/// When the name would be too long (SQS: at most 80 characters).
pub fn dead_letters(queue: &QueueArn) -> Result<QueueArn, ParseError> {
    let name: QueueName = format!("{}-dead", queue.queue).parse()?;
    Ok(QueueArn { queue: name, ..queue.clone() })
}

/// The default role of the source agent.
pub fn source_role() -> RoleName {
    role("rds-handoff-source-agent")
}

/// The default role of the target agent.
pub fn target_role() -> RoleName {
    role("rds-handoff-target-agent")
}

/// The identifier of the restored database, from a pattern in which `{database}` and `{label}` are replaced with the
/// source's.
///
/// # Errors
/// When the result is not a DB instance identifier.
pub fn restored(pattern: &str, database: &DbIdentifier, label: &Label) -> Result<DbIdentifier, ParseError> {
    pattern.replace("{database}", database.as_str()).replace("{label}", label.as_str()).parse()
}

#[expect(clippy::expect_used, reason = "called with names of this file only")]
fn queue(account: &AccountId, region: &Region, name: &str) -> QueueArn {
    let queue = name.parse().expect("it is a queue name");
    QueueArn { region: region.clone(), account: account.clone(), queue }
}

#[expect(clippy::expect_used, reason = "called with names of this file only")]
fn role(name: &str) -> RoleName {
    name.parse().expect("it is a role name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn handoff_id_is_stable() {
        let id = HandoffId::of(
            &"arn:aws:rds:ap-northeast-1:111111111111:db:orders".parse().unwrap(),
            &"db-ABC123".parse().unwrap(),
            &"222222222222".parse().unwrap(),
            &"us-west-2".parse().unwrap(),
            &"cutover-1".parse().unwrap(),
        );
        // printf 'v1\narn:aws:rds:ap-northeast-1:111111111111:db:orders\ndb-ABC123\n222222222222\nus-west-2\ncutover-1\n' | sha256sum
        assert_eq!(id.as_str(), "b7ad9f077911f386");
    }

    #[test]
    fn names_are_stable() {
        let (database, id) = ("orders".parse().unwrap(), "0123456789abcdef".parse().unwrap());
        let names = [SnapshotRole::Source, SnapshotRole::Shared, SnapshotRole::Target]
            .map(|role| snapshot(&database, &id, role).to_string());
        assert_eq!(
            names,
            [
                "rds-handoff-orders-0123456789abcdef-source",
                "rds-handoff-orders-0123456789abcdef-shared",
                "rds-handoff-orders-0123456789abcdef-target"
            ]
        );
        let (a, b) = ("111111111111".parse().unwrap(), "222222222222".parse().unwrap());
        let (tokyo, oregon) = ("ap-northeast-1".parse().unwrap(), "us-west-2".parse().unwrap());
        assert_eq!(key_alias(&tokyo, &b), "alias/rds-handoff-ap-northeast-1-222222222222");
        assert_eq!(inbox(&b, &oregon).to_string(), "arn:aws:sqs:us-west-2:222222222222:rds-handoff-inbox");
        let requests = requests(&a, &tokyo);
        assert_eq!(requests.to_string(), "arn:aws:sqs:ap-northeast-1:111111111111:rds-handoff-requests");
        let receipts = receipts(&a, &tokyo, &b);
        assert_eq!(receipts.to_string(), "arn:aws:sqs:ap-northeast-1:111111111111:rds-handoff-receipts-222222222222");
        assert_eq!(dead_letters(&receipts).unwrap().queue.as_str(), "rds-handoff-receipts-222222222222-dead");
    }

    #[test]
    fn shortened_database_name_leaves_no_double_hyphen() {
        let database = "a23456789012345678901234-orders".parse().unwrap();
        let hyphen_at_the_cut = "a2345678901234567890123-orders".parse().unwrap();
        let id = "0123456789abcdef".parse().unwrap();
        assert_eq!(
            snapshot(&database, &id, SnapshotRole::Source).as_str(),
            "rds-handoff-a23456789012345678901234-0123456789abcdef-source"
        );
        assert_eq!(
            snapshot(&hyphen_at_the_cut, &id, SnapshotRole::Source).as_str(),
            "rds-handoff-a2345678901234567890123-0123456789abcdef-source"
        );
    }

    #[test]
    fn invalid_restored_identifier_is_refused() {
        let (database, label) = ("orders".parse().unwrap(), "1".parse().unwrap());
        assert_eq!(restored("{database}-{label}", &database, &label).unwrap().as_str(), "orders-1");
        assert!(restored("{label}-{database}", &database, &label).is_err());
        assert!(restored(&"x".repeat(64), &database, &label).is_err());
    }

    proptest! {
        #[test]
        fn snapshot_names_fit_63_and_differ_for_each_id(
            database in "[a-z][a-z0-9]{0,20}(-[a-z0-9]{1,20}){0,2}", one in "[0-9a-f]{16}", other in "[0-9a-f]{16}"
        ) {
            let database: DbIdentifier = database.parse().unwrap();
            let name = |id: &str| snapshot(&database, &id.parse().unwrap(), SnapshotRole::Shared);
            prop_assert!(name(&one).as_str().len() <= 63);
            prop_assert_eq!(name(&one) == name(&other), one == other);
        }
    }
}
