//! Real processes and real kills: one simulated AWS and two agents, each an operating-system process. An agent is killed
//! while a call of its own is being held, before or after its effect, and started again. What is left must be what a
//! clean run leaves.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test: what should not happen fails it")]

mod remains;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::Notify;

use remains::{Account, remains};

/// So many worlds run side by side.
const SIDE_BY_SIDE: usize = 6;
/// Each of so many calls is one at which an agent dies, and of a sample each of so many.
const EVERY: usize = 10;
const SAMPLED: usize = 25;
/// What takes longer than this will never end.
const STUCK: Duration = Duration::from_secs(100);

/// Which call is held, whose, and when.
#[derive(Debug, Clone, Copy)]
struct Death {
    side: usize,
    at: usize,
    after: bool,
}

/// The accounts, each with its Region, its agent, and the agent's command.
const SIDES: [Account; 2] = [
    Account {
        id: "111111111111",
        region: "ap-northeast-1",
        agent: "source-agent",
        role: "role/rds-handoff-source-agent",
    },
    Account { id: "222222222222", region: "us-west-2", agent: "target-agent", role: "role/rds-handoff-target-agent" },
];

/// The floor is far below what AWS deserves, and SQS forgets that a dead process holds a message after 3 s.
const LOOK_AGAIN: &str = "[look_again]\nfloor = \"100ms\"\nceiling = \"200ms\"\nsettle_factor = 0.005\n";

fn worlds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws-sim/worlds")
}

/// A folder with a world and the configuration of both agents.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let world = std::fs::read_to_string(worlds().join("two-accounts.toml")).unwrap();
    let world = world.replace("policies/", &format!("{}/policies/", worlds().display()));
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("world.toml", &format!("speed = 100000\nqueue_speed = 200\n{world}"));
    let [a, b] = SIDES;
    let source = format!(
        "account = \"{}\"\nregion = \"{}\"\n[[target]]\naccount = \"{}\"\nregion = \"{}\"\n\
         [[handoff]]\ndatabase = \"orders\"\nlabel = \"cutover-1\"\n{LOOK_AGAIN}",
        a.id, a.region, b.id, b.region
    );
    write("source-agent.toml", &source);
    let target = format!(
        "account = \"{0}\"\nregion = \"{1}\"\nkey = \"arn:aws:kms:{1}:{0}:key/22222222-2222-4222-8222-222222222222\"\n\
         [[from]]\naccount = \"{2}\"\nreceipts = \"arn:aws:sqs:{3}:{2}:rds-handoff-receipts-{0}\"\n\
         [restore]\nsubnet_group = \"private\"\nsecurity_groups = [\"sg-0123456789abcdef0\"]\nextended_support = false\n{LOOK_AGAIN}",
        b.id, b.region, a.id, a.region
    );
    write("target-agent.toml", &target);
    folder
}

/// This package's binary is the agents and the simulated AWS too. It inherits no environment.
fn command(name: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.arg(name).env_clear().env("AWS_EC2_METADATA_DISABLED", "true").stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// One world, and what happens in it.
struct World {
    folder: TempDir,
    address: String,
    _aws: Child,
    said: tokio::sync::Mutex<Lines<BufReader<ChildStdout>>>,
    /// Account A has asked, or has died: account B may begin.
    begin: Notify,
    killed: Cell<bool>,
    death: Option<Death>,
}

impl World {
    async fn start(death: Option<Death>) -> Self {
        let folder = folder();
        let mut aws = command("aws-sim");
        aws.args(["--listen", "127.0.0.1:0", "--world"]).arg(folder.path().join("world.toml"));
        if let Some(Death { side, at, after }) = death {
            aws.args(["--hold", &at.to_string(), "--hold-of", SIDES[side].role]);
            aws.args(after.then_some("--hold-after"));
        }
        let mut aws = aws.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(aws.stdout.take().unwrap()).lines();
        let first = said.next_line().await.unwrap().unwrap();
        let address = first.strip_prefix("listening on ").unwrap().to_owned();
        let (said, begin) = (tokio::sync::Mutex::new(said), Notify::new());
        Self { folder, address, _aws: aws, said, begin, killed: Cell::new(false), death }
    }

    fn spawn(&self, side: usize) -> Child {
        let agent = SIDES[side].agent;
        command(agent)
            .args(["run", "--format", "json", "--config"])
            .arg(self.folder.path().join(format!("{agent}.toml")))
            .env("AWS_ENDPOINT_URL", &self.address)
            .env("AWS_ACCESS_KEY_ID", agent)
            .env("AWS_SECRET_ACCESS_KEY", format!("simulated-{agent}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs an agent once, to its end or to its death. What it said goes with it.
    async fn run(&self, side: usize) -> (ExitStatus, String) {
        let mut agent = self.spawn(side);
        let (stdout, mut stderr) = (agent.stdout.take().unwrap(), agent.stderr.take().unwrap());
        let mut said = String::new();
        let hear = async {
            let mut lines = BufReader::new(stdout).lines();
            let mut said = String::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains(r#""step":"hello""#) {
                    self.begin.notify_one();
                }
                said = format!("{said}{line}\n");
            }
            said
        };
        let live = async {
            tokio::select! {
                status = agent.wait() => status.unwrap(),
                () = self.held(side) => {
                    agent.start_kill().unwrap();
                    self.killed.set(true);
                    self.begin.notify_one();
                    agent.wait().await.unwrap()
                }
            }
        };
        let (status, heard, _) = tokio::join!(live, hear, stderr.read_to_string(&mut said));
        (status, heard + &said)
    }

    /// Waits until AWS says that it holds a call of this side's agent.
    async fn held(&self, side: usize) {
        if self.killed.get() || self.death.is_none_or(|death| death.side != side) {
            return std::future::pending().await;
        }
        let line = self.said.lock().await.next_line().await.unwrap().unwrap();
        assert!(line.starts_with("holding request "), "{line}");
    }

    /// Starts an agent until it ends well, as a supervisor does.
    async fn supervise(&self, side: usize) {
        if side == 1 {
            self.begin.notified().await;
        }
        loop {
            let (status, said) = self.run(side).await;
            match status.code() {
                Some(0) if side == 0 || remains::is_restored(&self.address).await => return,
                Some(0) | None => {}
                Some(code) => panic!("{} ended with {code}\n{said}", SIDES[side].agent),
            }
        }
    }

    /// Both agents until everything is done and every queue is empty.
    async fn settle(&self) -> Vec<String> {
        let settled = tokio::time::timeout(STUCK, self.work()).await;
        settled.unwrap_or_else(|_| panic!("stuck: {:?}", self.death))
    }

    async fn work(&self) -> Vec<String> {
        tokio::join!(self.supervise(0), self.supervise(1));
        while remains::messages(&self.address).await > 0 {
            for side in [1, 0] {
                let (status, said) = self.run(side).await;
                assert!(
                    status.code().is_none_or(|code| code == 0),
                    "{} ended with {status}\n{said}",
                    SIDES[side].agent
                );
            }
        }
        remains(&self.address).await
    }
}

/// How many calls each agent has made.
async fn calls(world: &World) -> [usize; 2] {
    let trace = remains::get(&world.address, "/_sim/calls").await;
    SIDES.map(|side| trace.lines().filter(|line| line.contains(side.role)).count())
}

/// How far apart the deaths are: `EXHAUSTIVE=1` asks for all of them.
#[expect(clippy::disallowed_methods, reason = "whoever runs the tests says how much of them")]
fn every() -> usize {
    if std::env::var("EXHAUSTIVE").is_ok_and(|value| value == "1") { EVERY } else { SAMPLED }
}

#[tokio::test]
async fn an_agent_that_is_killed_leaves_what_a_clean_run_leaves() {
    let world = World::start(None).await;
    let clean = world.settle().await;
    let counted = calls(&world).await;
    assert!(clean.iter().any(|line| line.contains("database orders-cutover-1")), "{clean:#?}");
    let deaths = (0..SIDES.len()).flat_map(|side| (every()..=counted[side]).step_by(every()).map(move |at| (side, at)));
    let deaths: Vec<_> = deaths.flat_map(|(side, at)| [false, true].map(|after| Death { side, at, after })).collect();
    let count = deaths.len();
    let clean = &clean;
    let walk = |death: Death| async move {
        let world = World::start(Some(death)).await;
        let left = world.settle().await;
        let apart = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|line| !those.contains(line)).cloned().collect()
        };
        assert_eq!(left, *clean, "{death:?}: left {:#?}, clean {:#?}", apart(&left, clean), apart(clean, &left));
        world.killed.get()
    };
    let killed = stream::iter(deaths).map(walk).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<_>>().await;
    let killed = killed.into_iter().filter(|killed| *killed).count();
    println!("{counted:?} calls, {count} worlds, {killed} kills");
    // On the machine's clock no two runs need the same number of looks: the last deaths may find nobody alive.
    assert!(killed * 2 >= count && count * every() >= 12 * EVERY, "{killed} of {count}");
}
