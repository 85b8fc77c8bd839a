//! With all restrictions in place: what ends with the offer, and what a stolen role can still do.

use std::fmt::Write as _;
use std::time::Duration;

use agent_runtime::Exit;
use e2e::{A, B, HOME, Lab, TARGET};
use serde_json::json;

use super::acts::Act::{Copies, DeletesASnapshot, Modifies, OpensAKey, Shares, Snapshots, Tags, TagsAKey};
use super::acts::{Act, By, Change, OF_C, Outcome, S, S_HOME, T};
use super::policies::Doc;
use super::rows;
use super::scene::{C, Scene, tags};
use super::target::TARGET_TAG;

const SHARED_TAG: &[(&str, &str)] = &[("rds-handoff:role", "shared")];
const KEPT: &str = "rds-handoff-kept-shared";

#[tokio::test(start_paused = true)]
async fn key_is_closed_after_end_and_attacks_still_fail() {
    let scene = Box::pin(Scene::new()).await;
    // A second copy that stays shared, so that only the key policy can stop account B.
    for act in [Copies((A, HOME, "source"), KEPT, Some("replica"), SHARED_TAG), Shares(KEPT, B)] {
        assert_eq!(scene.attempt(S, &act).await, Outcome::Done);
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    let kept = Copies((A, TARGET, KEPT), "rds-handoff-again-target", Some("own"), TARGET_TAG);
    assert_eq!(scene.fork().attempt(T, &kept).await, Outcome::Done, "not possible while the offer is open");

    for revoked in [false, true] {
        let scene = scene.fork();
        let home = scene.lab.admin(A, HOME);
        if revoked {
            let source = format!("arn:aws:rds:{HOME}:{A}:snapshot:{}", scene.snapshots["source"]);
            let ended = tags(&[("rds-handoff:ended", "revoked/2026-11-21T10:10:00Z")]);
            home.rds.add_tags_to_resource().resource_name(source).set_tags(ended).send().await.unwrap();
        }
        let ran = Lab::in_time(scene.lab.source(&["run"])).await;
        assert_eq!(ran.exit, Exit::Settled, "{}", ran.out);
        let refused = Outcome::Refused("kms:DescribeKey".to_owned(), "resource-based policy");
        assert_eq!(scene.attempt(T, &kept).await, refused);
        let kms = scene.lab.admin(A, TARGET).kms;
        let grants = kms.list_grants().key_id(&scene.keys["replica"]).send().await.unwrap();
        assert!(grants.grants().iter().all(|grant| !grant.issuing_account().unwrap().contains(B)), "{grants:?}");
        for row in rows().iter().filter(|row| row.stops[0].0 != Doc::ExistingBoundary) {
            assert_ne!(scene.fork().attempt(row.by, &row.act).await, Outcome::Done, "{}", row.attack);
        }
    }
}

/// What an administrator can do beyond the policies of the stacks.
#[derive(Debug, Clone, Copy)]
enum Stop {
    /// Key mode `existing`.
    ExistingKeys,
    /// A resource control policy on account A that names the principals that may use its keys.
    ResourceControl,
}

/// The description of an attack, its acts, and what stops them.
type Remaining = (&'static str, Vec<(By, Act)>, &'static [Stop]);

/// The attacks that the policies do not stop.
fn remaining() -> Vec<Remaining> {
    let shared = (A, TARGET, "shared");
    let plain = ("plain", "rds-handoff-plain-source", "rds-handoff-plain-shared");
    vec![
        (
            "account A's role lets account C copy what it shares",
            vec![
                (S, OpensAKey("replica", false)),
                (S, Shares("shared", C)),
                (OF_C, Copies(shared, "mine", Some("of C"), &[])),
            ],
            &[Stop::ExistingKeys, Stop::ResourceControl],
        ),
        (
            "account A's role puts the handoff tags on a key without an alias, and opens it to account C",
            vec![(S, TagsAKey("other role")), (S, OpensAKey("other role", false))],
            &[Stop::ExistingKeys],
        ),
        (
            "account A's role makes public a snapshot of an unencrypted database that it may move",
            vec![
                (S_HOME, Snapshots(plain.0, plain.1, &[("rds-handoff:role", "source")])),
                (S, Copies((A, HOME, plain.1), plain.2, None, SHARED_TAG)),
                (S, Shares(plain.2, "all")),
            ],
            &[],
        ),
        (
            "account A's role tags a foreign snapshot that has our name, and deletes it",
            vec![
                (S, Tags("snapshot:rds-handoff-branch-shared", SHARED_TAG)),
                (S, DeletesASnapshot("rds-handoff-branch-shared")),
            ],
            &[],
        ),
        (
            "account A's role shares a foreign snapshot that has our name, without tagging it",
            vec![(S, Shares("rds-handoff-branch-shared", C))],
            &[],
        ),
        (
            "account B's role makes a restored database publicly accessible",
            vec![(T, Modifies("orders-cutover-1", Change::Public))],
            &[],
        ),
        (
            "account B's role tags a foreign database that has our name, and disables its deletion protection",
            vec![
                (T, Tags("db:stock-cutover-9", &[("rds-handoff:role", "database")])),
                (T, Modifies("stock-cutover-9", Change::Protection)),
            ],
            &[],
        ),
    ]
}

async fn attack(scene: &Scene, acts: &[(By, Act)]) -> Outcome {
    for (by, act) in acts {
        match scene.attempt(*by, act).await {
            Outcome::Done => tokio::time::sleep(Duration::from_mins(1)).await,
            other => return other,
        }
    }
    Outcome::Done
}

#[tokio::test(start_paused = true)]
async fn table_lists_what_stolen_role_can_still_do() {
    let scene = Box::pin(Scene::new()).await;
    let mut table = String::new();
    for (what, acts, stops) in remaining() {
        assert_eq!(Box::pin(attack(&scene.fork(), &acts)).await, Outcome::Done, "{what}");
        let _ = writeln!(table, "{what}");
        for stop in stops {
            let scene = scene.fork();
            match stop {
                Stop::ExistingKeys => scene.shipped.put(Doc::ExistingBoundary, &scene.lab).await,
                Stop::ResourceControl => {
                    let others = json!({
                        "Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*",
                        "Condition": {
                            "StringNotEquals": { "aws:PrincipalAccount": A },
                            "ArnNotEquals": { "aws:PrincipalArn": format!("arn:aws:iam::{B}:role/rds-handoff-target-agent") },
                        },
                    });
                    let policy = json!({ "Version": "2012-10-17", "Statement": [others] }).to_string();
                    scene.lab.cloud.set_resource_control_policies(A, &[&policy]).unwrap();
                }
            }
            let outcome = Box::pin(attack(&scene, &acts)).await;
            let Outcome::Refused(action, layer) = outcome else { panic!("{what}, {stop:?}: {outcome:?}") };
            let _ = writeln!(table, "    with {stop:?}: {action} is refused by the {layer}");
        }
    }
    insta::with_settings!({ snapshot_path => "../snapshots" }, { insta::assert_snapshot!("what_remains", table) });
}
