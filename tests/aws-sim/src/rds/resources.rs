//! The resources that a request names.

use crate::arn::Arn;
use crate::caller::Caller;
use crate::query::Query;

/// The ARN for a parameter: an ARN is returned unchanged, a name is one of the caller's own.
pub(super) fn own_arn(caller: &Caller, kind: &str, named: &str) -> String {
    if named.starts_with("arn:") {
        return named.to_owned();
    }
    Arn::new("rds", &caller.region, caller.account(), format!("{kind}:{}", named.to_lowercase())).to_string()
}

/// The ARNs that a request names.
pub(crate) fn resources(caller: &Caller, action: &str, query: &Query) -> Vec<String> {
    let arns = |wanted: &[(&str, &str)]| {
        let named = wanted.iter().filter_map(|(kind, name)| Some(own_arn(caller, kind, query.text(name)?)));
        named.collect::<Vec<_>>()
    };
    match action {
        "CreateDBInstance" | "ModifyDBInstance" => arns(&[
            ("db", "DBInstanceIdentifier"),
            ("subgrp", "DBSubnetGroupName"),
            ("pg", "DBParameterGroupName"),
            ("og", "OptionGroupName"),
        ]),
        "DescribeDBInstances" | "DeleteDBInstance" | "RebootDBInstance" => arns(&[("db", "DBInstanceIdentifier")]),
        "CreateDBSnapshot" => arns(&[("db", "DBInstanceIdentifier"), ("snapshot", "DBSnapshotIdentifier")]),
        "CopyDBSnapshot" => {
            arns(&[("snapshot", "SourceDBSnapshotIdentifier"), ("snapshot", "TargetDBSnapshotIdentifier")])
        }
        "DescribeDBSnapshots" | "DeleteDBSnapshot" | "DescribeDBSnapshotAttributes" | "ModifyDBSnapshotAttribute" => {
            arns(&[("snapshot", "DBSnapshotIdentifier")])
        }
        "RestoreDBInstanceFromDBSnapshot" => arns(&[
            ("db", "DBInstanceIdentifier"),
            ("snapshot", "DBSnapshotIdentifier"),
            ("subgrp", "DBSubnetGroupName"),
            ("pg", "DBParameterGroupName"),
            ("og", "OptionGroupName"),
        ]),
        "CreateDBParameterGroup" | "DescribeDBParameterGroups" | "DeleteDBParameterGroup" => {
            arns(&[("pg", "DBParameterGroupName")])
        }
        "CreateOptionGroup" | "DescribeOptionGroups" | "DeleteOptionGroup" | "ModifyOptionGroup" => {
            arns(&[("og", "OptionGroupName")])
        }
        "CreateDBSubnetGroup" | "DescribeDBSubnetGroups" | "DeleteDBSubnetGroup" => {
            arns(&[("subgrp", "DBSubnetGroupName")])
        }
        "AddTagsToResource" | "RemoveTagsFromResource" | "ListTagsForResource" => {
            query.text("ResourceName").map(str::to_owned).into_iter().collect()
        }
        _ => Vec::new(),
    }
}
