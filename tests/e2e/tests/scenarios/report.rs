//! `report` shows each handoff by its tags, in one page that loads no other resource.

mod browser;
mod past;

use std::time::Duration;

use agent_runtime::Exit;
use aws_sdk_rds::types::Tag;
use e2e::{A, HOME, Lab, TARGET, World, differences};

use past::{Past, create, pasts};

/// A wave with each possible outcome, and a handoff of another wave.
async fn wave() -> Lab {
    let lab = Lab::new(World { databases: vec![], ..World::slow() }).await;
    for (nth, (database, past)) in pasts().iter().enumerate() {
        create(&lab, nth + 1, database, "wave-1", past).await;
    }
    create(&lab, 99, "later", "wave-2", &Past::default()).await;
    tokio::time::sleep(Duration::from_hours(12)).await;
    lab
}

async fn page(lab: &Lab) -> String {
    let ran = lab.source(&["report", "--html", "-", "--label", "wave-1"]).await;
    assert_eq!(ran.exit, Exit::Settled, "{}", ran.out);
    ran.out
}

#[tokio::test(start_paused = true)]
async fn report_page_shows_every_outcome_and_changes_nothing() {
    let lab = wave().await;
    let world = lab.cloud.fingerprint();
    lab.cloud.forget_calls();
    let page = page(&lab).await;
    assert_eq!(differences(&lab.cloud.fingerprint(), &world), "");
    let changes: Vec<_> = lab.cloud.calls().into_iter().filter(|call| call.mutating).collect();
    assert!(changes.is_empty(), "{changes:?}");
    // The golden text omits the style and has each element on a line of its own.
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    insta::assert_snapshot!(format!("{head}{body}").replace('<', "\n<").replace("\n</", "</"));
}

#[tokio::test(start_paused = true)]
async fn report_page_shows_handoff_whose_database_was_deleted() {
    let lab = Lab::new(World::slow()).await;
    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled));
    // The next run reads account B's last receipt.
    assert_eq!(lab.source(&["run"]).await.exit, Exit::Settled);
    let rds = lab.admin(A, HOME).rds;
    rds.delete_db_instance().db_instance_identifier("orders").skip_final_snapshot(true).send().await.unwrap();
    tokio::time::sleep(Duration::from_hours(24)).await;

    let file = lab.write("wave.html", "what was there before");
    let folder = file.parent().unwrap();
    std::fs::hard_link(&file, folder.join("old.html")).unwrap();
    let ran = lab.source(&["report", "--html", file.to_str().unwrap()]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Settled, ""));
    let page = std::fs::read_to_string(&file).unwrap();
    let (_, row) = page.split_once("<title>orders/cutover-1: ").unwrap();
    insta::assert_snapshot!(row.split_once("</title>").unwrap().0);
    assert!(page.contains("None of these: each is settled"), "{page}");
    // The file was replaced, not overwritten, and no temporary file is left.
    assert_eq!(std::fs::read_to_string(folder.join("old.html")).unwrap(), "what was there before");
    let there = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = there.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["old.html", "source.toml", "target.toml", "wave.html"]);
}

#[tokio::test(start_paused = true)]
async fn report_refuses_unwritable_file_and_leaves_it_unchanged() {
    let lab = wave().await;
    let file = lab.write("wave.html", "what was there before");
    let (file, folder) = (file.to_str().unwrap(), file.parent().unwrap().to_str().unwrap());
    for (args, expected) in [
        (vec![folder], "cannot be written: it exists and is not a regular file"),
        (vec!["/nowhere/wave.html"], "/nowhere/wave.html cannot be written: No such file or directory"),
        (vec![file, "--label", "wave-3"], "no handoff has the label wave-3"),
    ] {
        lab.cloud.forget_calls();
        let ran = lab.source(&[&["report", "--html"], &args[..]].concat()).await;
        assert_eq!(ran.exit, Exit::Usage, "{}", ran.out);
        assert!(ran.words().contains(expected), "{}", ran.out);
        let read = lab.cloud.calls().iter().any(|call| call.action.starts_with("rds:"));
        assert_eq!(read, args.len() > 1, "RDS was read although the page cannot be written");
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "what was there before");
}

#[tokio::test(start_paused = true)]
async fn report_lists_unreadable_snapshot_as_possibly_open() {
    let lab = wave().await;
    let a = lab.admin(A, HOME);
    let name = a.snapshots().await.pop().unwrap();
    let tag = Tag::builder().key("rds-handoff:ended").value("yesterday").build();
    let arn = format!("arn:aws:rds:{HOME}:{A}:snapshot:{name}");
    a.rds.add_tags_to_resource().resource_name(arn).tags(tag).send().await.unwrap();
    let ran = lab.source(&["report", "--html", "-"]).await;
    assert_eq!(ran.exit, Exit::Blocked);
    let (_, notes) = ran.out.split_once("may be open</h2>").unwrap();
    assert!(
        notes.contains(&name) && notes.contains("tag rds-handoff:ended is not readable: &quot;yesterday&quot;"),
        "{notes}"
    );
}

#[tokio::test(start_paused = true)]
async fn report_is_written_when_target_region_does_not_answer() {
    let lab = wave().await;
    lab.cloud.set_disabled_regions(A, &[TARGET]);
    let ran = lab.source(&["report", "--html", "-"]).await;
    assert_eq!(ran.exit, Exit::Blocked);
    assert_eq!(ran.out.matches("<g class=\"row\"").count(), pasts().len() + 1);
    let (_, notes) = ran.out.split_once("may be open</h2>").unwrap();
    assert_eq!(notes.matches("<li>rds:DescribeDBSnapshots answered ").count(), 1, "{notes}");
}
