//! Each restriction in the shipped policies stops an attack: without the restriction the attack succeeds, with it AWS
//! refuses that permission. If several restrictions stop the same attack, each is tested without the others.

mod acts;
mod policies;
mod remains;
mod resources;
mod row;
mod scene;
mod source;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use acts::Outcome;
use policies::{Doc, Restriction};
use row::Row;
use scene::Scene;

/// Restrictions that no attack in the simulated AWS can test, and why.
type NotShown = (&'static [Doc], &'static [&'static str], &'static str, &'static str);
#[rustfmt::skip]
const NOT_SHOWN: [NotShown; 8] = [
    (&[Doc::SourceTrust, Doc::TargetTrust], &["ServiceForThisAccount"], "Principal", "no service of the simulated AWS assumes a role"),
    (&[Doc::SourceTrust, Doc::TargetTrust], &["ServiceForThisAccount"], "StringEqualsIfExists aws:SourceAccount", "no service of the simulated AWS assumes a role"),
    (&[Doc::SourceRole], &["MakesHandoffKeys"], "StringEqualsIfExists kms:KeyOrigin", "the simulated AWS has no other key origin"),
    (&[Doc::TargetRole], &["LetsRdsMakeTheMasterSecret"], "Bool aws:ViaAWSService", "only RDS makes secrets in the simulated AWS"),
    (&[Doc::TargetRole], &["PassesTheMonitoringRole"], "StringEquals iam:PassedToService", "the simulated RDS uses a role for nothing else"),
    (&[Doc::TargetBoundary], &["PassesRolesToMonitoringOnly"], "Deny", "the simulated RDS uses a role for nothing else"),
    (&[Doc::OwnKey], &["AccountUsesItThroughServices", "AccountLetsServicesKeepIt"], "Action", "the simulated RDS calls no other action of a key"),
    (&[Doc::Replica, Doc::ExistingReplica], &["SourceAgentCopies", "SourceAgentGrants", "RdsHandoffTargetCopies", "RdsHandoffTargetGrants"], "Action", "the simulated RDS calls no other action of a key"),
];

/// All attacks. Those at the end let time pass.
fn rows() -> Vec<Row> {
    let mut rows = source::of_snapshots();
    rows.extend(source::of_keys());
    rows.extend(target::of_copies());
    rows.extend(target::of_databases());
    rows.extend(resources::of_roles_and_queues());
    let keys = resources::of_keys();
    let existing: Vec<Row> = rows.iter().chain(&keys).filter_map(Row::with_existing_key).collect();
    rows.into_iter().chain(existing).chain(keys).collect()
}

/// Tries an attack without these restrictions.
async fn outcome(scene: &Scene, row: &Row, of: Doc, lifted: &[&Restriction], whole: Option<Doc>) -> Outcome {
    let scene = scene.fork();
    let mut policies = scene.shipped.clone();
    if let Some(doc) = whole {
        policies.lift_all(doc);
    }
    for restriction in lifted {
        policies.lift(restriction);
    }
    let docs: BTreeSet<Doc> = lifted.iter().map(|restriction| restriction.0).chain(whole).chain([of]).collect();
    for doc in docs {
        policies.put(doc, &scene.lab).await;
    }
    if let Some((by, act)) = &row.after {
        assert_eq!(scene.perform(*by, act).await, Ok(()), "{}", row.attack);
    }
    scene.attempt(row.by, &row.act).await
}

/// The policies that stop the attack as well, for the table.
fn beside(others: &[&Restriction], whole: Option<Doc>) -> String {
    let docs: BTreeSet<Doc> = others.iter().map(|restriction| restriction.0).chain(whole).collect();
    let docs: Vec<String> = docs.iter().map(|doc| format!("{doc:?}")).collect();
    if docs.is_empty() { String::new() } else { format!(" + {}", docs.join(", ")) }
}

#[tokio::test(start_paused = true)]
async fn each_restriction_stops_an_attack() {
    let scene = Box::pin(Scene::new()).await;
    let mut answers: BTreeMap<Restriction, Vec<String>> =
        scene.shipped.restrictions().into_iter().map(|of| (of, vec![])).collect();
    let mut wrong = String::new();
    for row in rows() {
        for restriction in row.tested() {
            let others: Vec<&Restriction> = row.stops.iter().filter(|other| *other != restriction).collect();
            let all: Vec<&Restriction> = row.stops.iter().collect();
            let shipped = Box::pin(outcome(&scene, &row, restriction.0, &[], None)).await;
            let alone = Box::pin(outcome(&scene, &row, restriction.0, &others, row.without)).await;
            let lifted = Box::pin(outcome(&scene, &row, restriction.0, &all, row.without)).await;
            let answered = answers.get_mut(restriction).unwrap_or_else(|| panic!("no policy has {restriction:?}"));
            match (shipped, alone, lifted) {
                (Outcome::Refused(..), Outcome::Refused(action, layer), Outcome::Done)
                    if layer == restriction.0.layer() =>
                {
                    let line = format!("{}: {action}{}", row.attack, beside(&others, row.without));
                    if !answered.contains(&line) {
                        answered.push(line);
                    }
                }
                outcome => {
                    let _ = writeln!(wrong, "{}, {restriction:?}: {outcome:?}", row.attack);
                }
            }
        }
    }
    let mut table = String::new();
    for (restriction, answered) in &answers {
        let (doc, sid, what) = restriction;
        let _ = writeln!(table, "{doc:?} {sid}, {what}");
        let found =
            NOT_SHOWN.iter().find(|(docs, sids, of, _)| docs.contains(doc) && sids.contains(&&**sid) && what == of);
        match (found, answered.is_empty()) {
            (Some((.., why)), true) => {
                let _ = writeln!(table, "    not shown: {why}");
            }
            (None, false) => answered.iter().for_each(|line| {
                let _ = writeln!(table, "    {line}");
            }),
            (None, true) => {
                let _ = writeln!(wrong, "{restriction:?} stops no attack");
            }
            (Some(_), false) => {
                let _ = writeln!(wrong, "{restriction:?} is in NOT_SHOWN, but an attack tests it");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let description = "Below each restriction: the attacks that succeed without it, and the permission that AWS refuses \
                       with it. After a plus: the policies that stop the attack as well, and were lifted for the test.";
    insta::with_settings!({ description => description }, { insta::assert_snapshot!("restrictions", table) });
}
