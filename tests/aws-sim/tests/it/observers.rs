//! The calls that an observer receives.

use std::sync::{Arc, Mutex};

use aws_sim::{Call, Observer, View};

use crate::lab::{A, HERE, Lab, code, snapshot_arn};

/// Records each call, and the settings of the snapshot `x` at that time.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<(String, Option<String>)>>);

impl Notes {
    fn write(&self, moment: &str, call: &Call, world: View<'_>) {
        let settings = world.settings(&snapshot_arn(A, HERE, "x"));
        assert_eq!(settings.is_some(), world.snapshots().any(|snapshot| snapshot.account == A));
        self.0.lock().unwrap().push((format!("{moment} {}", call.action), settings));
    }

    fn taken(&self) -> Vec<(String, Option<String>)> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Observer for Notes {
    fn before(&self, call: &Call, world: View<'_>) {
        self.write("before", call, world);
    }

    fn after(&self, call: &Call, world: View<'_>) {
        self.write("after", call, world);
    }
}

#[tokio::test(start_paused = true)]
async fn observer_sees_state_before_and_after_successful_changes_only() {
    let lab = Lab::new();
    lab.database("orders");
    let notes = Arc::new(Notes::default());
    lab.cloud.observe(notes.clone());
    let a = lab.root(A, HERE);
    let take = || a.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("x").send();
    take().await.unwrap();
    let [(before, none), (after, some)] = &notes.taken()[..] else { panic!("expected two notes") };
    assert_eq!((before.as_str(), none), ("before rds:CreateDBSnapshot", &None));
    assert!(after == "after rds:CreateDBSnapshot" && some.is_some());

    assert_eq!(code(take().await), "DBSnapshotAlreadyExists");
    let refused: Vec<String> = notes.taken().into_iter().map(|(note, _)| note).collect();
    assert_eq!(refused, ["before rds:CreateDBSnapshot"]);
    a.rds.describe_db_snapshots().send().await.unwrap();
    assert_eq!(notes.taken(), []);

    let tag = aws_sdk_rds::types::Tag::builder().key("team").value("orders").build();
    a.rds.add_tags_to_resource().resource_name(snapshot_arn(A, HERE, "x")).tags(tag).send().await.unwrap();
    let notes = notes.taken();
    assert!(notes.len() == 2 && notes[0].1 == *some && notes[1].1 != *some, "{notes:?}");
}
