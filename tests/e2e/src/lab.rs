//! The Lab: two accounts, ready for a handoff, and the agents and administrators that run in them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use agent_runtime::ui::Terminal;
use agent_runtime::{Env, Exit};
use aws_config::SdkConfig;
use aws_sim::{Clock, Cloud, Credentials, Database, Gate, Lags, Settings};
use aws_smithy_async::rt::sleep::TokioSleep;
use clap::Parser as _;
use stack::{Administrator, Pair};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::auditor::{Auditor, Invariant, Limits};
use crate::output::{Events, Output, Ran, Told};
use crate::pane::Pane;
use crate::world::World;

/// Account A.
pub const A: &str = "111111111111";
/// Account B.
pub const B: &str = "222222222222";
/// The source Region.
pub const HOME: &str = "ap-northeast-1";
/// The target Region.
pub const TARGET: &str = "us-west-2";

/// The role of the source agent.
const SOURCE_ROLE: &str = "rds-handoff-source-agent";
/// The role of the target agent.
const TARGET_ROLE: &str = "rds-handoff-target-agent";

/// The time at which every Lab begins: 2026-11-21T10:00:00Z.
const EPOCH: u64 = 1_795_255_200;

/// Two accounts and one simulated AWS.
#[derive(Debug)]
pub struct Lab {
    /// The simulated AWS.
    pub cloud: Cloud,
    /// The folder of the agents' configuration files.
    files: Rc<TempDir>,
    partition: String,
    auditor: Arc<Auditor>,
    gate: RefCell<Option<Arc<dyn Gate>>>,
    nonces: Rc<Cell<u64>>,
    /// The output and events of the last run of each agent so far.
    runs: RefCell<BTreeMap<&'static str, (Output, Rc<Events>)>>,
    /// Whether only the ends of handoffs are counted, and no events are kept.
    counts_only: Cell<bool>,
    observe_twice: Cell<bool>,
    /// The terminals of the agents that print to one.
    pub(crate) panes: RefCell<BTreeMap<&'static str, Pane>>,
}

impl Lab {
    /// The arguments of a source agent that runs without a target agent.
    pub const ALONE: [&str; 2] = ["run", "--no-hello"];
    /// The arguments of `plan` for a handoff that is given by flags only.
    #[rustfmt::skip]
    pub const BY_FLAGS: [&str; 14] = [
        "plan", "--no-config", "--account", A, "--region", HOME, "--database", "orders", "--label", "cutover-1",
        "--to-account", B, "--to-region", TARGET,
    ];
    /// The route of every Lab.
    pub const PAIR: Pair<'static> =
        Pair { source: A, source_region: HOME, target: B, target_region: TARGET, existing_key: false, requests: false };

    /// Creates accounts with queues, roles, B's key and subnet group, and A's databases. Each Lab has a retry partition
    /// of its own, since the SDK's retry budget is otherwise shared by the whole process.
    pub async fn new(world: World) -> Self {
        static LABS: AtomicU64 = AtomicU64::new(0);
        fastrand::seed(world.seed);
        let clock = Clock::starting_at(SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH));
        let cloud = Cloud::new(Settings {
            seed: world.seed,
            durations: world.durations,
            lags: Lags { authorization: world.authorization_lag },
            duplicates: world.duplicates,
            quotas: world.quotas,
            remembers: world.remembers,
            ..Settings::new(clock)
        });
        let lab = Self {
            cloud,
            files: Rc::new(TempDir::new().expect("a folder for configuration files")),
            partition: format!("lab-{}", LABS.fetch_add(1, Ordering::Relaxed)),
            auditor: Arc::default(),
            gate: RefCell::default(),
            nonces: Rc::default(),
            runs: RefCell::default(),
            counts_only: Cell::default(),
            observe_twice: Cell::default(),
            panes: RefCell::default(),
        };
        for database in &world.databases {
            lab.cloud.create_database(Database::new(A, HOME, database));
        }
        lab.cloud.create_subnet_group(B, TARGET, "private");
        lab.cloud.create_security_group(B, TARGET, "sg-0123456789abcdef0");
        let [a, b] = [lab.admin(A, HOME), lab.admin(B, TARGET)].map(|of| Administrator { kms: of.kms, sqs: of.sqs });
        let pair = Pair { existing_key: world.existing_key, requests: world.requests, ..Self::PAIR };
        let key = pair.deploy(&lab.cloud, &a, &b).await;
        lab.configure_source(&world.databases, if world.existing_key { "key_mode = \"existing\"" } else { "" });
        lab.configure_target(&key, "");
        lab.cloud.forget_calls();
        lab.auditor.watch(A, SOURCE_ROLE);
        lab.auditor.watch(B, TARGET_ROLE);
        if world.audited {
            lab.cloud.observe(lab.auditor.clone());
        }
        lab
    }

    /// An independent copy of this Lab, with the same state and configuration.
    #[must_use]
    pub fn fork(&self) -> Self {
        let (cloud, auditor) = (self.cloud.fork(), self.auditor.fork());
        cloud.observe(auditor.clone());
        Self {
            cloud,
            files: Rc::clone(&self.files),
            partition: self.partition.clone(),
            auditor,
            gate: RefCell::default(),
            nonces: Rc::clone(&self.nonces),
            runs: RefCell::default(),
            counts_only: Cell::default(),
            observe_twice: Cell::default(),
            panes: RefCell::default(),
        }
    }

    /// Stops checking an invariant in this Lab, for this reason.
    pub fn exempt(&self, invariant: Invariant, reason: &'static str) {
        self.auditor.exempt(invariant, reason);
    }

    /// Takes the broken invariant, if any: a scenario that takes it has broken it on purpose.
    pub fn broken(&self) -> Option<String> {
        self.auditor.take()
    }

    /// Runs an agent of an account; a call that breaks an invariant ends the scenario here.
    async fn audited<T>(&self, account: &str, role: &str, file: &str, agent: impl Future<Output = T>) -> T {
        let configuration = std::fs::read_to_string(self.files.path().join(file)).unwrap_or_default();
        self.auditor.watch(account, role);
        let _running = self.auditor.runs(account, Limits::of(&configuration));
        match Box::pin(self.auditor.until_broken(agent)).await {
            Ok(ran) => ran,
            Err(broken) => panic!("{broken}"),
        }
    }

    /// Writes account A's configuration: these databases under the label `cutover-1`, and more lines.
    pub fn configure_source(&self, databases: &[&str], more: &str) {
        let mut text = format!(
            "account = \"{A}\"\nregion = \"{HOME}\"\n[[target]]\naccount = \"{B}\"\nregion = \"{TARGET}\"\n{more}\n"
        );
        for database in databases {
            let _ = write!(text, "[[handoff]]\ndatabase = \"{database}\"\nlabel = \"cutover-1\"\n");
        }
        self.write("source.toml", &text);
    }

    /// Writes account B's configuration: its own key, trust in account A, a restore profile, and more lines of that.
    pub fn configure_target(&self, key: &str, more: &str) {
        let text = format!(
            "account = \"{B}\"\nregion = \"{TARGET}\"\nkey = \"{key}\"\n\
             [[from]]\naccount = \"{A}\"\nreceipts = \"arn:aws:sqs:{HOME}:{A}:rds-handoff-receipts-{B}\"\n\
             [restore]\nsubnet_group = \"private\"\nsecurity_groups = [\"sg-0123456789abcdef0\"]\n\
             extended_support = false\ndeletion_protection = false\n{more}\n"
        );
        self.write("target.toml", &text);
    }

    /// Writes a file in the folder of the configuration; returns its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, text).expect("a configuration file");
        path
    }

    /// Changes an agent's configuration, `source.toml` or `target.toml`.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.files.path().join(file);
        let text = std::fs::read_to_string(path).expect("a configuration file");
        assert!(text.contains(from), "{text}");
        self.write(file, &text.replace(from, to));
    }

    /// Passes every call of both agents through this gate from now on.
    pub fn pass_through(&self, gate: Option<Arc<dyn Gate>>) {
        *self.gate.borrow_mut() = gate;
    }

    /// An administrator of an account.
    pub fn admin(&self, account: &str, region: &str) -> Admin {
        Admin::new(&self.sdk(self.cloud.root(account), region, false), &self.partition, account, region)
    }

    /// An attacker with a role's credentials.
    pub fn attacker(&self, account: &str, role: &str, region: &str) -> Admin {
        Admin::new(&self.sdk(self.cloud.role(account, role), region, false), &self.partition, account, region)
    }

    /// Runs the source agent in account A until it ends.
    pub async fn source(&self, args: &[&str]) -> Ran {
        self.source_as(A, SOURCE_ROLE, args, CancellationToken::new()).await
    }

    /// Runs the source agent with the credentials of some role.
    pub async fn source_as(&self, account: &str, role: &str, args: &[&str], shutdown: CancellationToken) -> Ran {
        let (env, out, events) = self.env("source-agent", self.cloud.role(account, role), shutdown);
        match source_agent::Cli::try_parse_from(self.command("source-agent", "source.toml", args)) {
            Ok(cli) => {
                let exit = self.audited(account, role, "source.toml", Box::pin(source_agent::run(cli, env))).await;
                Ran { exit, out: out.text(), events: events.all() }
            }
            Err(error) => Ran { exit: Exit::Usage, out: error.to_string(), events: Vec::new() },
        }
    }

    /// Runs the source agent, and stops it as a signal does.
    pub async fn source_for(&self, time: Duration) -> Ran {
        let stop = CancellationToken::new();
        let signal = async {
            tokio::time::sleep(time).await;
            stop.cancel();
        };
        let source = self.source_as(A, SOURCE_ROLE, &Lab::ALONE, stop.clone());
        tokio::join!(source, signal).0
    }

    /// Waits until the last run of an agent has printed the nth thing that blocks it, counted from 0, and returns that.
    pub async fn told(&self, agent: &str, nth: usize) -> Told {
        loop {
            let told = self.runs.borrow().get(agent).map(|(out, _)| out.told()).unwrap_or_default();
            if let Some(told) = told.into_iter().nth(nth) {
                return told;
            }
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    }

    /// How many handoffs have ended in the events of the last run of an agent.
    pub fn ended(&self, agent: &str) -> usize {
        self.runs.borrow().get(agent).map(|(_, events)| events.ended()).unwrap_or_default()
    }

    /// Stops keeping the agents' events: those of ten thousand handoffs would fill the memory.
    pub(crate) fn keep_no_events(&self) {
        self.counts_only.set(true);
    }

    /// Makes the agents observe every step twice from now on, and check that the second changes nothing in their
    /// memory.
    pub fn observe_twice(&self) {
        self.observe_twice.set(true);
    }

    /// Waits for a handoff message in the inbox, and returns it. It stays there.
    pub async fn message(&self) -> String {
        let b = self.admin(B, TARGET);
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let there = b.peek("rds-handoff-inbox").await;
            if let Some((message, _)) = there.into_iter().find(|(body, _)| body.contains("\"kind\":\"handoff\"")) {
                return message;
            }
        }
    }

    /// Runs the target agent in account B until it ends.
    pub async fn target(&self, args: &[&str]) -> Ran {
        self.target_until(args, CancellationToken::new()).await
    }

    /// Runs the target agent until it ends or `shutdown` is cancelled.
    pub async fn target_until(&self, args: &[&str], shutdown: CancellationToken) -> Ran {
        let role = self.cloud.role(B, TARGET_ROLE);
        let (env, out, events) = self.env("target-agent", role, shutdown);
        match target_agent::Cli::try_parse_from(self.command("target-agent", "target.toml", args)) {
            Ok(cli) => {
                let exit = self.audited(B, TARGET_ROLE, "target.toml", Box::pin(target_agent::run(cli, env))).await;
                Ran { exit, out: out.text(), events: events.all() }
            }
            Err(error) => Ran { exit: Exit::Usage, out: error.to_string(), events: Vec::new() },
        }
    }

    /// Runs both agents until account A has settled and account B has restored. The target agent is started again
    /// whenever it ends with an empty inbox, as by a timer.
    pub async fn run_handoffs(&self, restored: &[&str]) -> (Ran, Ran) {
        let both = async { tokio::join!(self.source(&["run"]), self.target_until_restored(restored)) };
        Self::in_time(both).await
    }

    /// Fails if `work` takes longer than half a day of the Lab's time.
    pub async fn in_time<T>(work: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_hours(12), work).await.expect("it ends")
    }

    /// Starts the target agent again and again until these databases are restored.
    pub async fn target_until_restored(&self, restored: &[&str]) -> Ran {
        self.target_until_restored_every(Duration::from_secs(5), restored).await
    }

    /// The same, with this pause after each run.
    pub async fn target_until_restored_every(&self, pause: Duration, restored: &[&str]) -> Ran {
        loop {
            let ran = self.target(&["run"]).await;
            let all = restored.iter().all(|name| self.restored(name).is_some());
            if all && ran.exit == Exit::Settled {
                return ran;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Starts the target agent again and again until a run does not end with `Exit::Settled`.
    pub async fn target_until_trouble(&self) -> Ran {
        let work = async {
            loop {
                let ran = self.target(&["run"]).await;
                if ran.exit != Exit::Settled {
                    return ran;
                }
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        };
        Self::in_time(work).await
    }

    /// The digest of the offer in account A, and that of the message that account B has acted on.
    pub async fn digests(&self) -> (Option<String>, Option<String>) {
        let tag = async |account: &str, region: &str, key: &str| {
            let admin = self.admin(account, region);
            let snapshot = admin.snapshots().await.into_iter().next()?;
            let tags = admin.tags(&snapshot).await;
            let value = tags.into_iter().find_map(|(name, value)| (name == key).then_some(value))?;
            value.rsplit(['=', ' ']).next().map(str::to_owned)
        };
        (tag(A, HOME, "rds-handoff:offer").await, tag(B, TARGET, "rds-handoff:digest").await)
    }

    /// The id of account A's replica key, by its alias.
    pub async fn replica_key(&self) -> String {
        let alias = format!("alias/rds-handoff-{HOME}-{B}");
        let key = self.admin(A, TARGET).kms.describe_key().key_id(alias).send().await.expect("the replica key");
        key.key_metadata().expect("its description").key_id().to_owned()
    }

    /// The content of a restored database of account B.
    pub fn restored(&self, name: &str) -> Option<Vec<u8>> {
        self.cloud.content(&format!("arn:aws:rds:{TARGET}:{B}:db:{name}"))
    }

    /// The content of a database of account A.
    pub fn original(&self, name: &str) -> Option<Vec<u8>> {
        self.cloud.content(&format!("arn:aws:rds:{HOME}:{A}:db:{name}"))
    }

    /// Runs both agents once more on what is left in the queues, after 11 minutes: a poll of a killed agent may have
    /// hidden a message for 10.
    pub async fn settle(&self) -> (Ran, Ran) {
        tokio::time::sleep(Duration::from_mins(11)).await;
        let target = self.target(&["run"]).await;
        (self.source(&["run"]).await, target)
    }

    fn command(&self, agent: &str, file: &str, args: &[&str]) -> Vec<String> {
        let mut command = vec![agent.to_owned()];
        command.extend(args.iter().map(|arg| (*arg).to_owned()));
        // With `--no-config` the command line has all settings, and no file.
        if let Some(at) = command.iter().position(|arg| arg == "--no-config") {
            command.remove(at);
        } else {
            command.extend(["--config".to_owned(), self.files.path().join(file).display().to_string()]);
        }
        command
    }

    /// Makes an agent print to this terminal from now on.
    pub fn watch(&self, agent: &'static str, pane: &Pane) {
        self.panes.borrow_mut().insert(agent, pane.clone());
    }

    fn env(
        &self,
        agent: &'static str,
        credentials: Credentials,
        shutdown: CancellationToken,
    ) -> (Env, Output, Rc<Events>) {
        let (out, nonces) = (Output::default(), self.nonces.clone());
        let events = Rc::new(Events::new(self.counts_only.get()));
        self.runs.borrow_mut().insert(agent, (out.clone(), Rc::clone(&events)));
        let random = move || {
            nonces.set(nonces.get() + 1);
            nonces.get().to_be_bytes()
        };
        let pane = self.panes.borrow().get(agent).cloned();
        let print = || pane.clone().map_or_else(|| Box::new(out.clone()) as Box<dyn Write>, |pane| Box::new(pane));
        let env = Env {
            sdk: self.sdk(credentials, "us-east-1", true),
            retry_partition: self.partition.clone(),
            shutdown,
            out: print(),
            err: print(),
            terminal: pane.clone().map(Terminal::new),
            random: Box::new(random),
            events: Some(events.clone()),
            observe_twice: self.observe_twice.get(),
        };
        (env, out, events)
    }

    fn sdk(&self, credentials: Credentials, region: &str, gated: bool) -> SdkConfig {
        let Credentials { access_key_id, secret_access_key, session_token } = credentials;
        let credentials =
            aws_credential_types::Credentials::new(access_key_id, secret_access_key, session_token, None, "lab");
        let mut transport = self.cloud.connector();
        if let (true, Some(gate)) = (gated, self.gate.borrow().clone()) {
            transport = transport.with_gate(gate);
        }
        SdkConfig::builder()
            .behavior_version(agent_runtime::aws::clients::behavior())
            .region(aws_config::Region::new(region.to_owned()))
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(credentials))
            .identity_cache(aws_config::identity::IdentityCache::lazy().build())
            .http_client(transport)
            .time_source(self.cloud.clock())
            .sleep_impl(TokioSleep::new())
            .build()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // An invariant was broken while no agent ran, or by a call that an agent sent before it was killed.
        if let (Some(broken), false) = (self.auditor.found(), std::thread::panicking()) {
            panic!("{broken}");
        }
    }
}
