//! The allowed dependencies: agents -> agent-runtime -> protocol, and the simulated AWS uses none of them; within each
//! crate no dependency cycle of modules, and no use of a module on a higher level.

mod modules;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use modules::Arrows;

/// The levels of a crate's modules, low to high. A module may use modules on lower levels and on its own level. A name
/// means `src/NAME.rs` and all of `src/NAME/`; a name without a file is ignored. A module that is not named may be used
/// by all, but no module may use a higher level through it.
struct Order {
    package: &'static str,
    levels: &'static [&'static [&'static str]],
    /// Modules that may use only these of the modules on lower levels.
    narrow: &'static [(&'static str, &'static [&'static str])],
}

const ORDERS: &[Order] = &[
    Order {
        package: "protocol",
        levels: &[&["ids", "arn", "names", "words", "terms", "tags", "source"], &["state"], &["wire"], &["verify"]],
        narrow: &[],
    },
    Order {
        package: "agent-runtime",
        levels: &[
            &["clock", "config", "exit", "poll", "step_id", "text"],
            &["fault"],
            &["event"],
            &["gate"],
            &["aws"],
            &["step"],
            &["fleet"],
            &["ui"],
            &["check", "process"],
        ],
        narrow: &[("ui", &["clock", "config", "exit", "text", "fault", "event", "gate"])],
    },
    Order {
        package: "source-agent",
        levels: &[
            &["config", "keys", "key_policy"],
            &["handoff"],
            &["account", "admission"],
            &["existing_keys", "discover"],
            &["steps"],
            &["offer", "withdraw"],
            &["commands"],
            &["cli"],
        ],
        narrow: &[],
    },
    Order {
        package: "target-agent",
        levels: &[
            &["windows"],
            &["profile"],
            &["config"],
            &["handoff"],
            &["account"],
            &["admission", "groups", "own_key"],
            &["steps"],
            &["accept"],
            &["commands"],
            &["cli"],
        ],
        narrow: &[],
    },
];

/// The packages of this workspace, from `cargo metadata`.
fn packages() -> Vec<Value> {
    let cargo = Command::new(env!("CARGO")).args(["metadata", "--no-deps", "--format-version", "1"]).output().unwrap();
    let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The dependencies of a package, without build and development dependencies.
fn dependencies(package: &Value) -> BTreeSet<String> {
    let all = package["dependencies"].as_array().unwrap().iter();
    all.filter(|dependency| dependency["kind"].is_null()).map(|dependency| text(&dependency["name"])).collect()
}

#[test]
fn crate_dependencies_are_as_listed() {
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
fn protocol_depends_on_neither_tokio_nor_aws() {
    let packages = packages();
    let protocol = packages.iter().find(|package| package["name"] == "protocol").unwrap();
    let impure = dependencies(protocol).into_iter().find(|name| name == "tokio" || name.starts_with("aws-"));
    assert_eq!(impure, None, "protocol depends on the network or on AWS");
}

#[test]
fn every_crate_uses_workspace_lints() {
    for package in packages() {
        let manifest = std::fs::read_to_string(text(&package["manifest_path"])).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", package["name"]);
    }
}

/// The two commands of the README share one build of the SDK, since both select the same features of it.
#[test]
fn demo_and_tests_build_sdk_with_same_features() {
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
    // Packages that the SDK does not use may differ: the regular expressions of log filters and of property tests.
    let differ = demo.iter().filter(|(package, features)| tests.get(*package) != Some(features));
    let differ: Vec<_> = differ.filter(|(package, _)| !package.starts_with("regex-")).collect();
    assert!(differ.is_empty(), "{differ:?}");
}

/// The modules of each crate, and the arrows (uses) between them.
fn crates() -> BTreeMap<String, (BTreeSet<String>, Arrows)> {
    let read = |package: &Value| {
        let manifest = text(&package["manifest_path"]);
        let folder = Path::new(&manifest).with_file_name("src");
        let mut sources = BTreeMap::new();
        let mut folders = vec![folder.clone()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
                    sources.insert(name, std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        (text(&package["name"]), modules::read(&sources))
    };
    packages().iter().map(read).collect()
}

/// The files that can be reached from each file by one or more arrows, through files for which `through` is true.
fn reached(arrows: &Arrows, through: impl Fn(&str) -> bool) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in arrows.keys() {
        next.entry(from).or_default().insert(to);
    }
    let from = |start: &str| {
        let (mut reached, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(file) = open.pop() {
            for to in next.get(file).into_iter().flatten() {
                if reached.insert(*to) && through(to) {
                    open.push(to);
                }
            }
        }
        reached
    };
    next.keys().map(|file| (*file, from(file))).collect()
}

/// The dependency cycles: sets of files that all reach each other.
fn cycles(arrows: &Arrows) -> BTreeSet<BTreeSet<&str>> {
    let reached = reached(arrows, |_| true);
    let back = |file: &str, other: &str| reached.get(other).is_some_and(|from| from.contains(file));
    let cycle = |file: &str| reached[file].iter().copied().filter(|other| back(file, other)).collect();
    reached.keys().map(|file| cycle(file)).filter(|cycle: &BTreeSet<&str>| !cycle.is_empty()).collect()
}

/// Describes the cycles and the forbidden uses of a crate.
fn violations(package: &str, arrows: &Arrows) -> Vec<String> {
    let list = |picked: &dyn Fn(&str, &str) -> bool| -> String {
        let picked = arrows.iter().filter(|((from, to), _)| picked(from, to));
        let line = |((from, to), lines): (&(String, String), &BTreeSet<usize>)| {
            format!("\n    {from} -> {to}, lines {lines:?}")
        };
        picked.map(line).collect()
    };
    let mut found: Vec<String> = cycles(arrows)
        .iter()
        .map(|cycle| {
            let inside = list(&|from, to| cycle.contains(from) && cycle.contains(to));
            format!("{package}: a cycle of {} modules:{inside}", cycle.len())
        })
        .collect();
    for order in ORDERS.iter().filter(|order| order.package == package) {
        let top = |file: &str| file.split(['/', '.']).next().unwrap_or_default().to_owned();
        let level = |file: &str| order.levels.iter().position(|level| level.contains(&&*top(file)));
        for (from, reached) in reached(arrows, |file| level(file).is_none()) {
            let narrow = order.narrow.iter().find(|(name, _)| *name == top(from));
            for to in reached {
                let (Some(own), Some(other)) = (level(from), level(to)) else { continue };
                let allowed = narrow.is_none_or(|(name, on)| top(to) == *name || on.contains(&&*top(to)));
                if other > own || !allowed {
                    let begin = list(&|one, another| one == from && (another == to || level(another).is_none()));
                    found.push(format!(
                        "{package}: {from} must not use {to}, neither directly nor through others:{begin}"
                    ));
                }
            }
        }
    }
    found
}

#[test]
fn modules_have_no_cycle_and_use_only_lower_levels() {
    let wrong: Vec<String> = crates().iter().flat_map(|(package, (_, arrows))| violations(package, arrows)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The arrows of a crate of these files, as `modules` reads them.
fn arrows_of(files: &[(&str, &str)]) -> Arrows {
    let sources = files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    modules::read(&sources).1
}

fn lines(arrows: &Arrows) -> Vec<String> {
    arrows.iter().map(|((from, to), lines)| format!("{from} -> {to} {lines:?}")).collect()
}

#[test]
fn re_exported_name_resolves_to_defining_file() {
    let arrows = arrows_of(&[
        ("lib.rs", "mod a;\nmod b;\npub use b::inner::Thing;"),
        ("a.rs", "use crate::Thing;\nuse crate::b;\nfn f() -> b::Other { crate::b::inner::make() }"),
        ("b.rs", "pub mod inner;\nmod other;\npub use other::Other;"),
        ("b/inner.rs", "pub struct Thing;\npub fn make() {}"),
        ("b/other.rs", "pub struct Other;"),
    ]);
    assert_eq!(lines(&arrows), ["a.rs -> b/inner.rs {1, 3}", "a.rs -> b/other.rs {3}"]);
    assert!(cycles(&arrows).is_empty());
}

#[test]
fn names_in_comments_literals_and_tests_are_ignored() {
    let arrows = arrows_of(&[
        ("lib.rs", "mod a;\nmod b;"),
        (
            "a.rs",
            "//! [`X`](crate::b::X)\n/* crate::b::X /* */ */\n#[cfg(test)]\nuse crate::b::X;\n\
             const A: [&str; 2] = [\"\\\" crate::b::X\", r#\"\" crate::b::X\"#];\nconst B: char = '\"';\n\
             #[cfg(test)]\nmod tests {\n    use crate::b::X;\n}",
        ),
        ("b.rs", "pub struct X;\nfn f<'a>(a: &'a str) -> &'a str { crate::a::g(a) }"),
    ]);
    assert_eq!(lines(&arrows), ["b.rs -> a.rs {2}"]);
}

#[test]
fn parent_and_child_form_cycle_only_when_each_uses_the_other() {
    let child = ("a/child.rs", "use super::Base;\npub struct Child(Base);");
    let declares = [("lib.rs", "mod a;"), ("a.rs", "mod child;\npub use child::Child;\npub struct Base;"), child];
    assert!(cycles(&arrows_of(&declares)).is_empty());
    let uses = [("lib.rs", "mod a;"), ("a.rs", "mod child;\nuse child::Child;\npub struct Base(Child);"), child];
    assert_eq!(cycles(&arrows_of(&uses)), BTreeSet::from([BTreeSet::from(["a.rs", "a/child.rs"])]));
}

#[test]
fn use_of_higher_level_is_found_directly_and_through_others() {
    let found = |from: &str, to: &str| {
        let arrows = Arrows::from([
            ((from.to_owned(), "other.rs".to_owned()), BTreeSet::from([1])),
            (("other.rs".to_owned(), to.to_owned()), BTreeSet::from([2])),
        ]);
        let direct = Arrows::from([((from.to_owned(), to.to_owned()), BTreeSet::from([1]))]);
        (violations("agent-runtime", &direct).len(), violations("agent-runtime", &arrows).len())
    };
    assert_eq!(found("gate/queue.rs", "aws/clients.rs"), (1, 1));
    assert_eq!(found("aws/clients.rs", "gate/queue.rs"), (0, 0));
    assert_eq!(found("ui/lines.rs", "aws/clients.rs"), (1, 1), "ui may use only some lower modules");
    assert_eq!(found("ui/lines.rs", "ui/bars.rs"), (0, 0));
}

/// `cargo test -p e2e --test scenarios -- --ignored --nocapture print_module_counts_of_each_crate`
#[test]
#[ignore = "prints counts, and checks nothing"]
fn print_module_counts_of_each_crate() {
    for (package, (files, arrows)) in crates() {
        let cycles: Vec<usize> = cycles(&arrows).iter().map(BTreeSet::len).collect();
        println!("{package}: {} modules, {} arrows, cycles of {cycles:?} modules", files.len(), arrows.len());
    }
}
