//! `plan` shows all steps before they run, `status` shows the state of each handoff, and neither changes anything.

use std::time::Duration;

use agent_runtime::Exit;
use e2e::{A, Lab, World, differences};
use tokio_util::sync::CancellationToken;

/// The steps of a report that are in this state.
fn steps(json: &serde_json::Value, state: &str) -> Vec<String> {
    let rows = json["handoffs"][0]["steps"].as_array().unwrap();
    let rows = rows.iter().filter(|row| row["state"] == state);
    rows.map(|row| row["step"].as_str().unwrap().to_owned()).collect()
}

/// The steps in which a run has acted, in order.
fn acts(out: &str) -> Vec<String> {
    let lines = out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let acts = lines.filter(|line| {
        ["creating", "changing", "sharing", "sending", "recording", "revoking", "deleting"]
            .iter()
            .any(|state| line["state"] == *state)
    });
    let mut steps: Vec<String> = acts.map(|line| line["step"].as_str().unwrap().to_owned()).collect();
    steps.dedup();
    steps
}

/// Runs both agents with these arguments, and asserts that they change nothing. Returns their outputs.
async fn outputs_of_read_only(lab: &Lab, source: &[&str], target: &[&str]) -> (String, String) {
    let world = lab.cloud.fingerprint();
    lab.cloud.forget_calls();
    let (source, target) = (lab.source(source).await, lab.target(target).await);
    assert_eq!(differences(&lab.cloud.fingerprint(), &world), "");
    let changes: Vec<_> = lab.cloud.calls().into_iter().filter(|call| call.mutating).collect();
    assert!(changes.is_empty(), "{changes:?}");
    assert!(source.exit <= Exit::Pending && target.exit <= Exit::Pending, "{}\n{}", source.out, target.out);
    (source.out, target.out)
}

#[tokio::test(start_paused = true)]
async fn plan_is_read_only_and_lists_what_a_clean_run_does() {
    let lab = Lab::new(World::quick()).await;
    let json = ["plan", "--format", "json"];
    let (plan, nothing) = outputs_of_read_only(&lab, &json, &json).await;
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&nothing).unwrap()["handoffs"].as_array().unwrap().len(), 0);

    // Account B's plan needs the message: it is read from the inbox.
    let run = ["run", "--format", "json"];
    let stop = CancellationToken::new();
    let source = async {
        let ran = lab.source(&run).await;
        // Account B is still restoring when account A has settled.
        tokio::time::sleep(Duration::from_mins(30)).await;
        stop.cancel();
        ran
    };
    let target = async {
        // Wait until the hello is answered and the inbox is empty.
        tokio::time::sleep(Duration::from_mins(3)).await;
        assert_eq!(lab.target(&["run"]).await.exit, Exit::Settled);
        let message = lab.message().await;
        let shared = lab.target(&["plan"]).await;
        assert!(
            shared.words().contains("-shared, postgres 16.3, 100 GiB, is shared with this account"),
            "{}",
            shared.out
        );
        let file = lab.write("message.json", &message);
        let args = ["plan", "--format", "json", "--message", file.to_str().unwrap()];
        let plan = lab.target(&args).await;
        assert_eq!(plan.exit, Exit::Pending, "{}", plan.out);
        let plan = serde_json::from_str::<serde_json::Value>(&plan.out).unwrap();
        (plan, lab.target_until(&["run", "--watch", "--format", "json"], stop.clone()).await)
    };
    let (source, (target_plan, target)) = tokio::join!(source, target);

    // Steps that only wait are in the plan, but the run does not act in them.
    let waits = ["await-landing", "propagation"];
    let listed: Vec<_> = steps(&plan, "todo").into_iter().filter(|step| !waits.contains(&step.as_str())).collect();
    assert_eq!(listed, acts(&source.out));
    let waits = ["copy"];
    let listed: Vec<_> =
        steps(&target_plan, "todo").into_iter().filter(|step| !waits.contains(&step.as_str())).collect();
    assert_eq!(steps(&target_plan, "done"), ["verify", "fit-profile"]);
    assert_eq!(listed, acts(&target.out));
}

#[tokio::test(start_paused = true)]
async fn plan_status_and_run_output_match_snapshots() {
    let lab = Lab::new(World::slow()).await;
    let (plan, _) = outputs_of_read_only(&lab, &["plan"], &["plan"]).await;
    insta::assert_snapshot!("plan_before", plan);

    let stop = CancellationToken::new();
    let source = lab.source_as(A, "rds-handoff-source-agent", &Lab::ALONE, stop.clone());
    let ((), source) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_hours(2)).await;
            stop.cancel();
        },
        source
    );
    assert_eq!(source.exit, Exit::Pending);
    insta::assert_snapshot!("run_first_two_hours", source.out);
    let (status, _) = outputs_of_read_only(&lab, &["status"], &["status"]).await;
    insta::assert_snapshot!("status_while_copying", status);
    let (plan, _) = outputs_of_read_only(&lab, &["plan"], &["plan"]).await;
    insta::assert_snapshot!("plan_while_copying", plan);

    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled));
    insta::assert_snapshot!("target_run", target.out);
    let (source, target) = outputs_of_read_only(&lab, &["status"], &["status"]).await;
    insta::assert_snapshot!("status_settled", format!("{source}\n{target}"));
    for line in [plan, status, source, target].iter().flat_map(|text| text.lines()) {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn status_of_wave_counts_handoffs_by_state() {
    let lab = Lab::new(World { databases: vec!["billing", "orders", "payroll"], ..World::slow() }).await;
    lab.configure_source(&["orders"], "");
    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled));
    lab.configure_source(&["orders", "payroll"], "");
    // Account B does not start on the offer.
    assert_eq!(lab.source_for(Duration::from_hours(4)).await.exit, Exit::Pending);
    lab.configure_source(&["orders", "payroll", "billing"], "");
    let (text, _) = outputs_of_read_only(&lab, &["status"], &["status"]).await;
    insta::assert_snapshot!("status_wave", text);
    let json = ["status", "--format", "json"];
    let (json, _) = outputs_of_read_only(&lab, &json, &json).await;
    let mut report: serde_json::Value = serde_json::from_str(&json).unwrap();
    for handoff in report["handoffs"].as_array_mut().unwrap() {
        // The golden text shows the done steps already.
        handoff["steps"].as_array_mut().unwrap().retain(|step| step["state"] != "done");
    }
    insta::assert_json_snapshot!("status_wave_json", report);
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}
