//! Which way the arrows run: agents -> agent-runtime -> protocol, and the simulated AWS knows none of them.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let ours: BTreeSet<String> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let arrows = metadata.packages.iter().map(|package| {
        let dependencies = package.dependencies.iter().filter(|one| one.kind == DependencyKind::Normal);
        let names = dependencies.map(|dependency| dependency.name.clone()).filter(|name| ours.contains(name));
        (package.name.to_string(), names.collect())
    });
    arrows.collect()
}

#[test]
fn the_arrows_run_one_way() {
    let expected = [
        ("agent-runtime", vec!["protocol"]),
        ("aws-sim", vec![]),
        ("demo", vec!["aws-sim", "source-agent", "target-agent"]),
        ("e2e", vec!["agent-runtime", "aws-sim", "protocol", "source-agent", "target-agent"]),
        ("protocol", vec![]),
        ("source-agent", vec!["agent-runtime", "protocol"]),
        ("target-agent", vec!["agent-runtime", "protocol"]),
    ];
    let expected = expected.map(|(name, on)| (name.to_owned(), on.into_iter().map(str::to_owned).collect()));
    assert_eq!(arrows(), BTreeMap::from(expected));
}

#[test]
fn the_contract_is_pure() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let protocol = metadata.packages.iter().find(|package| package.name.as_str() == "protocol").unwrap();
    let impure = protocol.dependencies.iter().filter(|one| one.kind == DependencyKind::Normal);
    let mut impure = impure.filter(|one| one.name == "tokio" || one.name.starts_with("aws-"));
    assert!(impure.next().is_none(), "protocol knows neither network nor AWS");
}

#[test]
fn no_crate_of_ours_turns_a_lint_of_the_workspace_off() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    for package in &metadata.packages {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", package.name);
    }
}
