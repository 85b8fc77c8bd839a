//! The checks after the handoff: what AWS shows to each account's administrator.

use std::collections::BTreeSet;
use std::error::Error;

use crate::admin::{Admin, Result, chain, dead};
use crate::show::Show;
use crate::side::{DATABASE, RESTORED, Side};
use crate::stage::Stage;

/// The result of one check.
struct Finding {
    holds: bool,
    text: String,
}

/// The actions that a handoff needs from an agent in the other account.
fn allowed_over_there(side: Side) -> &'static [&'static str] {
    match side {
        Side::A => &["sqs:SendMessage"],
        Side::B => &["rds:CopyDBSnapshot", "rds:DescribeDBSnapshots", "sqs:SendMessage"],
    }
}

/// Makes all checks, prints each result, and returns whether all of them passed.
pub(crate) async fn judge(stage: &Stage, show: &Show) -> bool {
    // Everything is checked in the target Region, except for A's own database and queue.
    let there = Side::B.region();
    let a = Admin::new(&stage.cloud, Side::A, Side::A.region());
    let a_there = Admin::new(&stage.cloud, Side::A, there);
    let b = Admin::new(&stage.cloud, Side::B, there);
    let findings = [
        ("B's database", available(&b, Side::B, RESTORED).await),
        ("the key of B's database", own_key(&b, &stage.key).await),
        ("what the databases hold", content(stage)),
        ("A's database", available(&a, Side::A, DATABASE).await),
        ("A's shared copy", shared_copy(&a_there).await),
        ("the share", share(&b).await),
        ("the policy of A's replica key", key_policy(&a_there).await),
        ("the grants on A's replica key", grants(&a_there).await),
        ("the dead-letter queues", dead_letters(&a, &b).await),
        ("what source-agent did", Ok(over_there(stage, Side::A))),
        ("what target-agent did", Ok(over_there(stage, Side::B))),
    ];
    let mut holds = true;
    for (what, finding) in findings {
        let unknown =
            |error: Box<dyn Error>| Finding { holds: false, text: format!("{what}: {}", chain(error.as_ref())) };
        let finding = finding.unwrap_or_else(unknown);
        show.check(finding.holds, &finding.text);
        holds &= finding.holds;
    }
    holds
}

async fn available(admin: &Admin, side: Side, name: &str) -> Result<Finding> {
    let found = admin.rds.describe_db_instances().db_instance_identifier(name).send().await?;
    let database = found.db_instances().first().ok_or("RDS returned no database")?;
    let status = database.db_instance_status().unwrap_or("without a status");
    let (account, region) = (side.account(), side.region());
    Ok(Finding {
        holds: status == "available" && database.db_instance_arn() == Some(&side.database()),
        text: format!("{side:?}'s database {name} is {status} in account {account}, in {region}"),
    })
}

async fn own_key(b: &Admin, own: &str) -> Result<Finding> {
    let found = b.rds.describe_db_instances().db_instance_identifier(RESTORED).send().await?;
    let key = found.db_instances().first().and_then(|database| database.kms_key_id()).unwrap_or("no key");
    let holds = key == own;
    let whose = if holds { "B's own key" } else { "a key other than B's own" };
    Ok(Finding { holds, text: format!("B's database is encrypted under {whose}: {key}") })
}

fn content(stage: &Stage) -> Result<Finding> {
    let original = stage.content(Side::A).ok_or("A's database cannot be read")?;
    let restored = stage.content(Side::B).ok_or("B's database cannot be read")?;
    let text = String::from_utf8_lossy(&restored);
    let row = text.lines().nth(1).unwrap_or_default();
    let (holds, size) = (original == restored, restored.len());
    let same = if holds { "the same, byte for byte" } else { "NOT the same" };
    Ok(Finding {
        holds,
        text: format!("the content of A's and B's databases is {same}: {size} bytes, first row \"{row}\""),
    })
}

async fn shared_copy(a_there: &Admin) -> Result<Finding> {
    let found = a_there.rds.describe_db_snapshots().send().await?;
    let names: Vec<_> = found.db_snapshots().iter().filter_map(|one| one.db_snapshot_identifier()).collect();
    let holds = names.is_empty();
    let region = Side::B.region();
    let text = if holds {
        format!("A has no snapshot in {region}: its shared copy is deleted")
    } else {
        format!("A still has {} in {region}", names.join(", "))
    };
    Ok(Finding { holds, text })
}

async fn share(b: &Admin) -> Result<Finding> {
    let found = b.rds.describe_db_snapshots().snapshot_type("shared").include_shared(true).send().await?;
    let holds = found.db_snapshots().is_empty();
    let what = if holds { "no snapshot is" } else { "a snapshot is still" };
    Ok(Finding { holds, text: format!("{what} shared with B") })
}

/// The ARN of A's replica key, which is kept for the next handoff.
async fn replica(a_there: &Admin) -> Result<String> {
    let alias = format!("alias/rds-handoff-{}-{}", Side::A.region(), Side::B.account());
    let found = a_there.kms.describe_key().key_id(alias).send().await?;
    Ok(found.key_metadata().and_then(|key| key.arn()).ok_or("KMS returned no ARN of the replica key")?.to_owned())
}

async fn key_policy(a_there: &Admin) -> Result<Finding> {
    let key = replica(a_there).await?;
    let found = a_there.kms.get_key_policy().key_id(&key).send().await?;
    let holds = !found.policy().ok_or("KMS returned no key policy")?.contains(Side::B.account());
    let names = if holds { "no longer names B" } else { "still names B" };
    Ok(Finding { holds, text: format!("the policy of A's replica key {names}: {key}") })
}

async fn grants(a_there: &Admin) -> Result<Finding> {
    let key = replica(a_there).await?;
    let of_b = |text: Option<&str>| text.is_some_and(|text| text.contains(Side::B.account()));
    let mut pages = a_there.kms.list_grants().key_id(&key).into_paginator().items().send();
    let mut left = 0;
    while let Some(grant) = pages.try_next().await? {
        let named = [grant.issuing_account(), grant.grantee_principal(), grant.retiring_principal()];
        left += usize::from(named.into_iter().any(of_b));
    }
    let holds = left == 0;
    let text = if holds { "no grant for B is".to_owned() } else { format!("{left} grants for B are") };
    Ok(Finding { holds, text: format!("{text} left on that key") })
}

async fn dead_letters(a: &Admin, b: &Admin) -> Result<Finding> {
    let of_a = a.messages(&dead(Side::A.queue())).await?;
    let of_b = b.messages(&dead(Side::B.queue())).await?;
    let text = format!("dead-letter queues: {of_a} messages in A's, {of_b} in B's");
    Ok(Finding { holds: of_a == 0 && of_b == 0, text })
}

/// Checks the actions with which a side's agent accessed resources of the other account.
fn over_there(stage: &Stage, side: Side) -> Finding {
    let role = format!(":assumed-role/{}/", side.role());
    let calls = stage.cloud.calls();
    let made: Vec<_> = calls.iter().filter(|call| call.principal.contains(&role)).collect();
    let other = side.other().account();
    let crossing = |resource: &String| resource.split(':').nth(4) == Some(other);
    let crossed: BTreeSet<&str> =
        made.iter().filter(|call| call.resources.iter().any(crossing)).map(|call| call.action.as_str()).collect();
    let actions: Vec<&str> = crossed.iter().copied().collect();
    Finding {
        holds: !actions.is_empty() && actions.iter().all(|action| allowed_over_there(side).contains(action)),
        text: format!(
            "{} made {} calls; its only actions in account {:?} were {}",
            side.agent(),
            made.len(),
            side.other(),
            if actions.is_empty() { "nothing".to_owned() } else { actions.join(", ") }
        ),
    }
}
