//! The program, run as a process.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_rds::config::retry::RetryConfig;
use aws_sdk_rds::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::QueueAttributeName;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::lab::{A, B, Clients};

const HOME: &str = "ap-northeast-1";
const TARGET: &str = "us-west-2";

/// The running program, which is killed on drop.
struct Program {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    address: String,
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aws-sim"));
    command.args(["--listen", "127.0.0.1:0"]).args(args).stdin(Stdio::null()).kill_on_drop(true);
    command
}

impl Program {
    async fn start(args: &[&str]) -> Self {
        let mut process = command(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap().unwrap();
        let address = first.strip_prefix("listening on ").unwrap().to_owned();
        Self { _process: process, lines, address }
    }

    fn clients(&self, key: &str, region: &str) -> Clients {
        let secret = format!("simulated-{key}");
        let credentials = Credentials::new(key, secret, None, None, "test");
        let config = aws_config::SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region.to_owned()))
            .endpoint_url(&self.address)
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .build();
        Clients::of(&config, "program")
    }
}

/// Runs the program to its end; returns the exit code and standard error.
async fn run_to_end(args: &[&str]) -> (Option<i32>, String) {
    let output = command(args).output().await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn example() -> String {
    format!("{}/worlds/two-accounts.toml", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test]
async fn example_world_has_accounts_queues_and_keys_for_a_handoff() {
    let program = Program::start(&["--world", &example()]).await;
    let [source, target] = [("source-agent", HOME), ("target-agent", TARGET)].map(|(key, at)| program.clients(key, at));
    let caller = source.sts.get_caller_identity().send().await.unwrap();
    let role = "rds-handoff-source-agent";
    assert_eq!(caller.arn().unwrap(), format!("arn:aws:sts::{A}:assumed-role/{role}/{role}"));
    let databases = source.rds.describe_db_instances().send().await.unwrap();
    assert_eq!(databases.db_instances()[0].db_instance_status(), Some("available"));
    let key = target.kms.describe_key().key_id("alias/own").send().await.unwrap().key_metadata.unwrap();
    assert_eq!(key.arn().unwrap(), format!("arn:aws:kms:{TARGET}:{B}:key/22222222-2222-4222-8222-222222222222"));
    let groups = target.rds.describe_db_subnet_groups().send().await.unwrap();
    assert!(groups.db_subnet_groups().iter().any(|group| group.db_subnet_group_name() == Some("private")));
    // Each agent may only send to the other's queue.
    for (sender, reader, region, account, queue) in [
        (program.clients("source-agent", TARGET), &target, TARGET, B, "rds-handoff-inbox"),
        (program.clients("target-agent", HOME), &source, HOME, A, "rds-handoff-receipts-222222222222"),
    ] {
        let url = format!("https://sqs.{region}.amazonaws.com/{account}/{queue}");
        sender.sqs.send_message().queue_url(&url).message_body("x").send().await.unwrap();
        let refused = sender.sqs.receive_message().queue_url(&url).send().await.unwrap_err();
        assert_eq!(refused.code(), Some("AccessDenied"));
        let asked = reader.sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All);
        let all: BTreeMap<_, _> = asked.send().await.unwrap().attributes.unwrap().into_iter().collect();
        assert_eq!(all[&QueueAttributeName::ApproximateNumberOfMessages], "1");
        assert!(all[&QueueAttributeName::RedrivePolicy].contains(&format!("{queue}-dead")));
        reader.sqs.receive_message().queue_url(&url).send().await.unwrap();
    }
}

/// Runs the program with a world file of this text; returns the exit code and the error without the path.
async fn run_with_world(name: &str, text: &str) -> (Option<i32>, String) {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    let (code, said) = run_to_end(&["--world", path.to_str().unwrap()]).await;
    let error = said.strip_prefix(&format!("error: {}", path.display())).unwrap_or(&said).trim_end().to_owned();
    (code, error)
}

#[tokio::test]
async fn wrong_world_file_is_reported_with_file_and_line() {
    let account = "[[account]]\nid = \"111111111111\"\n";
    let region = format!("{account}[[account.region]]\nname = \"eu-west-1\"\n");
    let cases = [
        ("sped = 2", ":1: unknown key `sped`; did you mean `speed`?".to_owned()),
        ("seed = 1\nzzz = 2", ":2: unknown key `zzz`, expected one of".to_owned()),
        ("[durations]\nsnapshot = \"soon\"", ":2: \"soon\" is not a duration such as".to_owned()),
        ("[[account]]\nid = \"1\"", ":1: \"1\" is not an account id: write 12 digits".to_owned()),
        (&format!("{account}[[account.region]]\nname = \"here\""), ":3: \"here\" is not a Region".to_owned()),
        (
            &format!("{account}[[account.role]]\nname = \"r\"\naccess_key_id = \"x\""),
            ":3: access_key_id and".to_owned(),
        ),
        (&format!("{account}[[account.role]]\nname = \"r\"\ntrust = \"no.json\""), ":3: ".to_owned()),
        (
            &format!(
                "{account}[[account.role]]\nname = \"r\"\naccess_key_id = \"222222222222\"\nsecret_access_key = \"s\""
            ),
            ":3: the access key id 222222222222 is taken".to_owned(),
        ),
        (
            &format!("{region}[[account.region.queue]]\nname = \"a b\""),
            ":5: AWS would refuse this: CreateQueue answers InvalidParameterValue".to_owned(),
        ),
        (
            &format!("{region}[[account.region.key]]\nalias = \"own\""),
            ":5: AWS would refuse this: CreateAlias answers".to_owned(),
        ),
        (
            &format!("{region}[[account.region.parameter_group]]\nname = \"g\"\nfamily = \"dos\""),
            ":5: AWS would refuse this: CreateDBParameterGroup answers InvalidParameterValue".to_owned(),
        ),
        (&format!("{region}[[account.region.key]]\nid = \"own\""), ":5: own is not the id of such a key".to_owned()),
        (
            &format!("{region}[[account.region.database]]\nidentifier = \"d\"\nkey = \"alias/none\""),
            ":5: no key of this Region is called alias/none".to_owned(),
        ),
        (
            &format!("{region}database = [{{ identifier = \"d\" }}, {{ identifier = \"d\" }}]"),
            ":5: arn:aws:rds:eu-west-1:111111111111:db:d is declared twice".to_owned(),
        ),
    ];
    for (index, (text, expected)) in cases.iter().enumerate() {
        let (code, error) = run_with_world(&format!("wrong-{index}.toml"), text).await;
        assert_eq!(code, Some(2), "{text}\n{error}");
        assert!(error.starts_with(expected.as_str()), "{text}\n{error}");
    }
    let (code, error) = run_to_end(&["--world", "no-such-file.toml"]).await;
    assert!(code == Some(2) && error.contains("no-such-file.toml: cannot be read"), "{error}");
    assert_eq!(run_to_end(&["--hold-after"]).await.0, Some(2));
    let elsewhere =
        Command::new(env!("CARGO_BIN_EXE_aws-sim")).args(["--listen", "192.0.2.1:1"]).output().await.unwrap();
    assert_eq!(elsewhere.status.code(), Some(1));
}

#[tokio::test]
async fn world_file_sets_all_kinds_of_settings() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("settings.toml");
    let text = "seed = 7\nspeed = 10\nduplicates = 1\nweather.stale_reads = 1\n[durations]\nsnapshot = \"0s\"\n[quotas]\nmanual_snapshots = 1\n\
                [lags]\nauthorization = \"1 h\"\n\
                [rates]\nper_second = { \"rds:DescribeDBInstances\" = 1 }\n[[account]]\nid = \"111111111111\"\n\
                [[account.region]]\nname = \"eu-west-1\"\n\
                key = [{ id = \"mrk-0123456789abcdef0123456789abcdef\", multi_region = true, alias = \"alias/own\" }]\n\
                [[account.region.parameter_group]]\nname = \"own\"\nfamily = \"mysql8.0\"\n\
                [[account.region.database]]\nidentifier = \"orders\"\nkey = \"alias/own\"\nmulti_az = true\n\
                tde = false\nstorage_type = \"gp2\"\ntags = { team = \"sales\" }\ncontent = \"rows\"\nengine = \"mysql\"\nengine_version = \"8.0.39\"\n";
    std::fs::write(&path, text).unwrap();
    let program = Program::start(&["--world", path.to_str().unwrap()]).await;
    let root = program.clients(A, "eu-west-1");
    let found = root.rds.describe_db_instances().send().await.unwrap();
    let database = &found.db_instances()[0];
    assert!(database.multi_az() == Some(true) && database.engine() == Some("mysql"));
    assert_eq!(database.tag_list()[0].value(), Some("sales"));
    assert!(database.kms_key_id().unwrap().ends_with(":key/mrk-0123456789abcdef0123456789abcdef"));
    assert_eq!(root.rds.describe_db_instances().send().await.unwrap_err().code(), Some("Throttling"));
    let take = async |id: &str| {
        let call = root.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier(id);
        call.send().await.err().map(|error| error.code().unwrap_or_default().to_owned())
    };
    assert_eq!(take("x").await, None);
    assert_eq!(take("y").await.as_deref(), Some("SnapshotQuotaExceeded"));
    root.rds.describe_db_parameter_groups().db_parameter_group_name("own").send().await.unwrap();
    // With `duplicates = 1` every receipt is followed by another delivery.
    let url = root.sqs.create_queue().queue_name("q").send().await.unwrap().queue_url.unwrap();
    root.sqs.send_message().queue_url(&url).message_body("x").send().await.unwrap();
    for _ in 0..2 {
        let found = root.sqs.receive_message().queue_url(&url).wait_time_seconds(20).send().await.unwrap();
        let handle = found.messages()[0].receipt_handle().unwrap();
        root.sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
    }
}

#[tokio::test]
async fn world_file_sets_every_policy_layer() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("layers.toml");
    let one = |effect: &str, more: &str, action: &str| {
        format!(
            r#"'{{"Version":"2012-10-17","Statement":{{"Sid":"Only","Effect":"{effect}"{more},"Action":{action},"Resource":"*"}}}}'"#
        )
    };
    let role = |name: &str, more: &str| {
        format!(
            "[[account.role]]\nname = \"{name}\"\naccess_key_id = \"{name}\"\nsecret_access_key = \"simulated-{name}\"\n{more}\n"
        )
    };
    let text = [
        format!("[[account]]\nid = \"{A}\""),
        format!("service_control_policies = [{}]", one("Allow", "", r#"["kms:*", "sqs:*", "sts:*"]"#)),
        format!("resource_control_policies = [{}]", one("Deny", r#","Principal":"*""#, r#""kms:Encrypt""#)),
        format!("[[account.managed_policy]]\nname = \"lists\"\npolicy = {}", one("Allow", "", r#""kms:ListKeys""#)),
        role("free", "tags = { team = \"blue\" }"),
        role("bound", &format!("boundary = {}", one("Allow", "", r#""sqs:*""#))),
    ];
    std::fs::write(&path, text.join("\n")).unwrap();
    let program = Program::start(&["--world", path.to_str().unwrap()]).await;
    let [free, bound] = ["free", "bound"].map(|role| program.clients(role, HOME));
    let refusal = |code: Option<&str>, message: Option<&str>, ending: &str| {
        assert!(code.unwrap().starts_with("AccessDenied") && message.unwrap().ends_with(ending), "{message:?}");
    };
    let key = free.kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
    let plain = aws_sdk_kms::primitives::Blob::new("x");
    let refused = free.kms.encrypt().key_id(key).plaintext(plain).send().await.unwrap_err();
    refusal(refused.code(), refused.message(), "with an explicit deny in a resource control policy");
    let refused = free.rds.describe_db_instances().send().await.unwrap_err();
    refusal(
        refused.code(),
        refused.message(),
        "because no service control policy allows the rds:DescribeDBInstances action",
    );
    let refused = bound.kms.list_keys().send().await.unwrap_err();
    refusal(refused.code(), refused.message(), "because no permissions boundary allows the kms:ListKeys action");
    let arn = aws_sdk_sts::types::PolicyDescriptorType::builder().arn(format!("arn:aws:iam::{A}:policy/lists")).build();
    let call = free.sts.assume_role().role_arn(format!("arn:aws:iam::{A}:role/bound")).role_session_name("me");
    call.policy_arns(arn).send().await.unwrap();
    for wrong in [
        format!("[[account]]\nid = \"{A}\"\nresource_control_policies = [{}]", one("Allow", "", r#""*""#)),
        format!("[[account]]\nid = \"{A}\"\n{}", role("r", "boundary = '{}'")),
    ] {
        assert_eq!(run_with_world("wrong-layers.toml", &wrong).await.0, Some(2), "{wrong}");
    }
}

#[tokio::test]
async fn judge_answers_each_question_with_one_line() {
    use tokio::io::AsyncWriteExt;
    let question = |action: &str, leave: &str| {
        serde_json::json!({
            "principal": format!("arn:aws:sts::{A}:assumed-role/r/s"), "role": format!("arn:aws:iam::{A}:role/r"),
            "action": action, "resource": "*", "owner": A, "leave": leave, "resource_policy": null,
            "identity": [{ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "kms:*", "Resource": "*" } }],
            "boundary": null, "session": null, "service_controls": [], "resource_controls": [],
            "context": { "aws:principalaccount": A },
        })
    };
    let mut judge = Command::new(env!("CARGO_BIN_EXE_aws-sim"));
    let mut judge =
        judge.arg("--judge").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(judge.stdout.take().unwrap()).lines();
    let mut input = judge.stdin.take().unwrap();
    for (asked, ruling) in [
        (question("kms:ListKeys", "nobody").to_string(), r#"{"result":"allowed"}"#),
        (question("sqs:ListQueues", "nobody").to_string(), r#"{"layer":"identity-based policy","result":"missing"}"#),
        (
            question("kms:ListKeys", "luck").to_string(),
            r#"{"result":"refused","why":"leave has the unsupported value luck"}"#,
        ),
        ("{}".to_owned(), r#"{"result":"refused","why":"principal is missing"}"#),
    ] {
        input.write_all(format!("{asked}\n").as_bytes()).await.unwrap();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(ruling), "{asked}");
    }
    drop(input);
    assert!(judge.wait().await.unwrap().success());
}

#[tokio::test]
async fn hold_blocks_one_request_and_serves_all_others() {
    for (more, made) in [(&[][..], 0), (&["--hold-after"][..], 1)] {
        let args = [&["--hold", "2", "--hold-of", A][..], more].concat();
        let mut program = Program::start(&args).await;
        let [held, other] = [A, B].map(|account| program.clients(account, HOME));
        // The other account's requests are not counted, and requests after the held one are served.
        other.kms.create_key().send().await.unwrap();
        other.kms.create_key().send().await.unwrap();
        held.kms.list_keys().send().await.unwrap();
        let create = held.kms.create_key().send();
        tokio::select! {
            answer = create => panic!("the request was not held: {answer:?}"),
            line = program.lines.next_line() => {
                let line = line.unwrap().unwrap();
                assert_eq!(line, format!("holding request 2: kms:CreateKey of arn:aws:iam::{A}:root"));
            }
        }
        assert_eq!(held.kms.list_keys().send().await.unwrap().keys().len(), made, "{more:?}");
    }
}

#[tokio::test]
async fn rough_weather_injects_faults_and_calm_does_not() {
    for (weather, good) in [("rough", false), ("calm", true)] {
        let program = Program::start(&["--weather", weather, "--seed", "3"]).await;
        let root = program.clients(A, HOME);
        let mut ends = BTreeMap::new();
        for _ in 0..60 {
            let end = match root.sqs.list_queues().send().await {
                Ok(_) => "answered",
                Err(error) if error.code().is_some() => "refused",
                Err(_) => "broken",
            };
            *ends.entry(end).or_insert(0) += 1;
        }
        assert_eq!(ends.keys().copied().collect::<Vec<_>>() == ["answered"], good, "{ends:?}");
        assert!(good || ends.len() == 3, "{ends:?}");
    }
}
