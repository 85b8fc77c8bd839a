//! The display of `run` on a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use agent_runtime::Exit;
use aws_sim::Database;
use e2e::{A, HOME, Lab, Pane, World};
use tokio_util::sync::CancellationToken;

/// A Lab with a wave of `count` databases.
async fn wave(count: usize) -> Lab {
    let lab = Lab::new(World { databases: vec![], ..World::slow() }).await;
    let names: Vec<_> = (1..=count).map(|number| format!("shop-{number:03}")).collect();
    for name in &names {
        lab.cloud.create_database(Database::new(A, HOME, name));
    }
    lab.configure_source(&names.iter().map(String::as_str).collect::<Vec<_>>(), "");
    lab
}

/// The text of a terminal at these times, in minutes after the start.
async fn screens(pane: &Pane, minutes: &[u64]) -> String {
    let (mut seen, mut last) = (String::new(), 0);
    for at in minutes {
        tokio::time::sleep(Duration::from_mins(at - last)).await;
        last = *at;
        let _ = write!(seen, "--- after {} h {} min ---\n{}\n", at / 60, at % 60, pane.text());
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn wave_output_fits_terminal() {
    let lab = wave(40).await;
    let (a, b) = (Pane::new(100, 30), Pane::new(80, 24));
    lab.watch("source-agent", &a);
    lab.watch("target-agent", &b);
    let stop = CancellationToken::new();
    let source = async {
        lab.source(&["run"]).await;
        // Account B is still restoring when account A has settled.
        tokio::time::sleep(Duration::from_mins(40)).await;
        stop.cancel();
    };
    let target = lab.target_until(&["run", "--watch"], stop.clone());
    let work = async { tokio::join!(source, target, screens(&a, &[1, 10, 60, 250]), screens(&b, &[60, 250])) };
    let ((), _, seen_a, seen_b) = Box::pin(Lab::in_time(work)).await;
    insta::assert_snapshot!("watched_source", format!("{seen_a}--- at the end ---\n{}", a.text()));
    insta::assert_snapshot!("watched_target", format!("{seen_b}--- at the end ---\n{}", b.text()));
}

#[tokio::test(start_paused = true)]
async fn stopped_run_leaves_terminal_clean() {
    let lab = wave(20).await;
    let pane = Pane::new(80, 24);
    lab.watch("source-agent", &pane);
    let (ran, seen) = tokio::join!(lab.source_for(Duration::from_mins(10)), screens(&pane, &[9]));
    assert_eq!(ran.exit, Exit::Pending);
    insta::assert_snapshot!("watched_stopped", format!("{seen}--- at the end ---\n{}", pane.text()));
}
