//! deploy/README.md lists each policy statement of the templates that applies to every resource, with a reason.

#![expect(clippy::panic, clippy::unwrap_used, reason = "the test fails if deploy/README.md cannot be parsed")]

use std::collections::BTreeSet;

use serde_json::Value;

/// A template, and the Sid of one of its statements.
type Statement = (String, String);

/// The statements in the table of deploy/README.md: `| template | statements | reason |`.
fn listed() -> BTreeSet<Statement> {
    let runbook = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/README.md")).unwrap();
    let (_, section) = runbook.split_once("\n## Statements on every resource\n").unwrap();
    let mut listed = BTreeSet::new();
    for row in section.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let ["", template, statements, reason, ""] = cells[..] else { panic!("{row}") };
        assert!(!reason.is_empty(), "{row} has no reason");
        for statement in statements.split(", ") {
            listed.insert((template.replace('`', ""), statement.replace('`', "")));
        }
    }
    listed
}

fn covers_all_resources(statement: &Value) -> bool {
    match &statement["Resource"] {
        Value::Array(resources) => resources.iter().any(|resource| resource == "*"),
        resource => resource == "*",
    }
}

#[test]
fn readme_lists_every_statement_on_all_resources_with_a_reason() {
    let mut found = BTreeSet::new();
    for policy in stack::policies() {
        for statement in policy.document["Statement"].as_array().unwrap() {
            assert!(statement.get("NotResource").is_none() || statement["Effect"] == "Deny", "{statement}");
            if covers_all_resources(statement) {
                found.insert((policy.template.to_owned(), statement["Sid"].as_str().unwrap().to_owned()));
            }
        }
    }
    assert_eq!(found, listed(), "left: the templates; right: deploy/README.md");
}
