//! Which way the arrows run: agents -> agent-runtime -> protocol, and the simulated AWS knows none of them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// The packages of this workspace, as cargo tells them.
fn packages() -> Vec<Value> {
    let cargo = Command::new(env!("CARGO")).args(["metadata", "--no-deps", "--format-version", "1"]).output().unwrap();
    let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What a package is built from; what only its tests use is left out.
fn dependencies(package: &Value) -> BTreeSet<String> {
    let all = package["dependencies"].as_array().unwrap().iter();
    all.filter(|dependency| dependency["kind"].is_null()).map(|dependency| text(&dependency["name"])).collect()
}

#[test]
fn the_arrows_run_one_way() {
    let packages = packages();
    let ours: BTreeSet<String> = packages.iter().map(|package| text(&package["name"])).collect();
    let arrows: BTreeMap<String, BTreeSet<String>> = packages
        .iter()
        .map(|package| (text(&package["name"]), dependencies(package).intersection(&ours).cloned().collect()))
        .collect();
    let expected = [
        ("agent-runtime", vec!["protocol"]),
        ("aws-sim", vec![]),
        ("demo", vec!["aws-sim", "source-agent", "stack", "target-agent"]),
        ("e2e", vec!["agent-runtime", "aws-sim", "protocol", "source-agent", "stack", "target-agent"]),
        ("protocol", vec![]),
        ("source-agent", vec!["agent-runtime", "protocol"]),
        ("stack", vec!["aws-sim"]),
        ("target-agent", vec!["agent-runtime", "protocol"]),
    ];
    let expected = expected.map(|(name, on)| (name.to_owned(), on.into_iter().map(str::to_owned).collect()));
    assert_eq!(arrows, BTreeMap::from(expected));
}

#[test]
fn the_contract_is_pure() {
    let packages = packages();
    let protocol = packages.iter().find(|package| package["name"] == "protocol").unwrap();
    let impure = dependencies(protocol).into_iter().find(|name| name == "tokio" || name.starts_with("aws-"));
    assert_eq!(impure, None, "protocol knows neither network nor AWS");
}

#[test]
fn no_crate_of_ours_turns_the_lints_of_the_workspace_off() {
    for package in packages() {
        let manifest = std::fs::read_to_string(text(&package["manifest_path"])).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", package["name"]);
    }
}

/// The two commands of the README share every build of the SDK: one feature set, whatever is asked for.
#[test]
fn the_demo_and_the_tests_build_the_sdk_alike() {
    let features = |scope: &[&str], edges: &str| -> BTreeMap<String, String> {
        let cargo = Command::new(env!("CARGO"))
            .args(["tree", "--prefix", "none", "--format", "{p}|{f}", "--edges", edges])
            .args(scope)
            .output()
            .unwrap();
        let tree = String::from_utf8(cargo.stdout).unwrap();
        let lines = tree.lines().filter_map(|line| line.trim_end_matches(" (*)").split_once('|'));
        lines.map(|(package, features)| (package.to_owned(), features.to_owned())).collect()
    };
    let demo = features(&["--package", "demo"], "normal,build");
    let tests = features(&["--workspace"], "normal,build,dev");
    assert!(demo.keys().any(|package| package.starts_with("aws-sdk-rds ")));
    // What the SDK itself does not stand on may differ: the regular expressions of log filters and of property tests.
    let differ = demo.iter().filter(|(package, features)| tests.get(*package) != Some(features));
    let differ: Vec<_> = differ.filter(|(package, _)| !package.starts_with("regex-")).collect();
    assert!(differ.is_empty(), "{differ:?}");
}
