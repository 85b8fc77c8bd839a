//! The pages: a promise names a test that exists, and each agent command, configuration and message in them is accepted.

use std::path::Path;

use agent_runtime::Exit;
use clap::Parser as _;
use e2e::{Lab, World};
use protocol::{Message, Reply, RequestMessage};

const PAGES: [&str; 8] = [
    "README.md",
    "ARCHITECTURE.md",
    "deploy/README.md",
    "protocol/README.md",
    "protocol/agent-runtime/README.md",
    "source-agent/README.md",
    "target-agent/README.md",
    "tests/e2e/README.md",
];

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The blocks of code in this language, of all pages, each with the name of its page.
fn blocks(language: &str) -> Vec<(&'static str, String)> {
    let fence = format!("```{language}\n");
    let mut blocks = Vec::new();
    for name in PAGES {
        // A block in a list is indented.
        let page = page(name);
        let text = page.lines().map(str::trim_start).collect::<Vec<_>>().join("\n");
        let found = text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned());
        blocks.extend(found.map(|block| (name, block)));
    }
    blocks
}

/// The tests that the table of promises names: `module::function`, between backticks.
fn promised() -> Vec<String> {
    let text = page("README.md");
    let rows = text.lines().skip_while(|line| !line.starts_with("| promise | test")).skip(2);
    let cells = rows.map_while(|row| row.strip_prefix("| ")).filter_map(|row| row.split(" | ").nth(1));
    cells
        .flat_map(|cell| {
            cell.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

/// Whether there is such a scenario, or shard of one: `sharded!` lists those with their numbers.
fn is_a_test(name: &str) -> bool {
    let Some((module, function)) = name.rsplit_once("::") else { return false };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/scenarios/{}.rs", module.replace("::", "/")));
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.contains(&format!("fn {function}(")) || text.contains(&format!("{function} "))
}

#[test]
fn promise_names_a_test_that_exists() {
    let promised = promised();
    assert!(promised.len() >= 8, "{promised:?}");
    let missing: Vec<_> = promised.iter().filter(|name| !is_a_test(name)).collect();
    assert!(missing.is_empty(), "README.md names tests that do not exist: {missing:?}");
    assert!(!is_a_test("happy::no_such_test"));
}

#[test]
fn command_of_a_page_is_accepted_by_the_agents() {
    let mut count = 0;
    for (name, block) in blocks("sh") {
        let block = block.replace("\\\n", " ");
        for line in block.lines().map(|line| line.split(" #").next().unwrap_or_default()) {
            let words: Vec<_> = line.split_whitespace().collect();
            let refusal = match words.first() {
                Some(&"source-agent") => source_agent::Cli::try_parse_from(&words).err(),
                Some(&"target-agent") => target_agent::Cli::try_parse_from(&words).err(),
                _ => continue,
            };
            assert!(refusal.is_none(), "{name}: {line}: {refusal:?}");
            count += 1;
        }
    }
    assert!(count >= 5, "{count} commands");
}

#[test]
fn message_of_a_page_is_accepted_by_its_receiver() {
    let messages: Vec<_> = blocks("json").into_iter().filter(|(name, _)| *name == "protocol/README.md").collect();
    assert_eq!(messages.len(), 5);
    for (name, block) in messages {
        // The page breaks lines, and the messages have none.
        let body = serde_json::from_str::<serde_json::Value>(&block).unwrap().to_string();
        let is_accepted =
            Message::decode(&body).is_ok() || Reply::decode(&body).is_ok() || RequestMessage::decode(&body).is_ok();
        assert!(is_accepted, "{name}: {body}: {:?}", Message::decode(&body));
    }
}

#[test]
fn json_of_a_page_parses() {
    for (name, block) in blocks("json") {
        assert!(serde_json::from_str::<serde_json::Value>(&block).is_ok(), "{name}:\n{block}");
    }
}

/// What the tables of a page stand in, where a page shows some tables alone.
const SOURCE: &str = r#"
account = "111111111111"
region = "ap-northeast-1"
[[target]]
account = "222222222222"
region = "us-west-2"
[[target]]
account = "222222222222"
region = "eu-west-1"
"#;

#[tokio::test(start_paused = true)]
async fn configuration_of_a_page_is_accepted() {
    let lab = Lab::new(World { databases: vec!["payroll", "orders"], ..World::quick() }).await;
    let blocks = blocks("toml");
    assert!(!blocks.is_empty());
    for (name, block) in blocks {
        let is_whole = block.lines().any(|line| line.starts_with("account = "));
        lab.write("source.toml", &if is_whole { block.clone() } else { format!("{SOURCE}{block}") });
        let ran = lab.source(&["plan"]).await;
        assert_ne!(ran.exit, Exit::Usage, "{name}:\n{block}\n{}", ran.out);
    }
}
