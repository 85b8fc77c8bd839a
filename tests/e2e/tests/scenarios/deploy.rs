//! The examples, permission tables and action lists of `deploy/` are correct.

use std::collections::{BTreeMap, BTreeSet};

use agent_runtime::Exit;
use e2e::{A, B, Lab, World};

use crate::least_privilege::permissions;

fn deploy(file: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/");
    std::fs::read_to_string(format!("{path}{file}")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn example_configurations_are_accepted() {
    let lab = Lab::new(World::quick()).await;
    for (example, file) in [("source.example.toml", "source.toml"), ("target.example.toml", "target.toml")] {
        lab.write(file, &deploy(example));
    }
    let source = lab.source(&["plan"]).await;
    assert_eq!(source.exit, Exit::Pending, "{}", source.out);
    let target = lab.target(&["plan"]).await;
    assert_eq!(target.exit, Exit::Settled, "{}", target.out);

    // So are the settings that are commented out.
    for (example, file) in [("source.example.toml", "source.toml"), ("target.example.toml", "target.toml")] {
        let text = deploy(example);
        let lines = text.lines().map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line));
        lab.write(file, &lines.collect::<Vec<_>>().join("\n"));
    }
    let (source, target) = (lab.source(&["plan"]).await, lab.target(&["plan"]).await);
    assert_eq!((source.exit, target.exit), (Exit::Pending, Exit::Settled), "{}{}", source.out, target.out);
}

fn is_setting(line: &str) -> bool {
    line.starts_with('[') || line.contains(" = ")
}

/// The steps that need each permission of a role, from the role's table in `deploy/README.md`.
pub(crate) fn steps(role: &str) -> BTreeMap<String, String> {
    let text = deploy("README.md");
    let table = text.split(&format!("`{role}`**\n\n")).nth(1).unwrap().split("\n\n").next().unwrap();
    let mut steps: BTreeMap<String, String> = BTreeMap::new();
    for row in table.lines().filter_map(|line| line.strip_prefix("| `")) {
        let (permissions, rest) = row.split_once(" | ").unwrap();
        let step = rest.split(" | ").next().unwrap();
        for permission in permissions.split(", ") {
            let all = steps.entry(permission.trim_matches('`').to_owned()).or_default();
            let comma = if all.is_empty() { "" } else { ", " };
            all.push_str(comma);
            all.push_str(step);
        }
    }
    steps
}

#[test]
fn permission_tables_match_templates() {
    for role in ["rds-handoff-source-agent", "rds-handoff-target-agent"] {
        let allowed = permissions(&Lab::PAIR.policies(role)).into_iter().map(|(_, action)| action);
        assert_eq!(allowed.collect::<BTreeSet<_>>(), steps(role).into_keys().collect(), "{role}");
    }
}

/// The actions listed under a heading.
fn listed(text: &str, heading: &str) -> BTreeSet<String> {
    let section = text.split(&format!("### {heading}\n")).nth(1).unwrap().split("\n#").next().unwrap();
    let actions = section.lines().filter_map(|line| line.strip_prefix("- `")?.split('`').next());
    actions.map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn listed_actions_match_calls_of_clean_handoff() {
    let lab = Lab::new(World::quick()).await;
    lab.run_handoffs(&["orders-cutover-1"]).await;
    let text = deploy("README.md");
    for (account, agent) in [(A, "source-agent"), (B, "target-agent")] {
        let called =
            lab.cloud.calls().into_iter().filter(|call| call.principal.contains(agent) && call.account == account);
        let called: BTreeSet<String> =
            called.map(|call| call.action).filter(|action| action != "sts:GetCallerIdentity").collect();
        // A batch needs the permission of the single call (Service Authorization Reference, Amazon SQS).
        let called: BTreeSet<String> =
            called.iter().map(|action| action.trim_end_matches("Batch").to_owned()).collect();
        assert_eq!(listed(&text, agent), called, "{agent}");
    }
}
