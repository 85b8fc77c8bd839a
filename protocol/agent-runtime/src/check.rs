//! `check`: tests the requirements of a handoff before one starts. Read-only.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use protocol::ids::RoleName;
use protocol::{AccountId, QueueArn, Region, names};
use serde::Serialize;
use serde_json::{Value, json};

use crate::aws::clients::Clients;
use crate::aws::quotas::{AccountQuotas, Quota, QuotaName};
use crate::aws::senders::{SendAccess, Sender, other_senders, send_access};
use crate::exit::Exit;
use crate::fault::codes::UNKNOWN_CALLER;
use crate::fault::statement::allow_principal;
use crate::fault::{Answer, AwsResult as _, Fault};
use crate::ui::json::document;
use crate::ui::text::{COLUMNS, push_fix, push_pasted};
use crate::ui::{Format, Screen};

/// The result of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The requirement is met.
    Passed,
    /// It must be fixed before a handoff can complete.
    Failed,
    /// This account cannot check it: the text says who can.
    Unseen,
    /// Nothing needs to be fixed, but the operator should know.
    Noted,
}

/// One requirement of a handoff.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// The name of the requirement.
    pub what: String,
    /// The result.
    pub verdict: Verdict,
    /// The details; lines after the first can be pasted.
    pub text: String,
    /// The fix of a failed check, in the same format.
    pub fix: Option<String>,
    /// AWS's response, if the read failed.
    #[serde(flatten)]
    pub answer: Answer,
}

/// All checks of one command.
#[derive(Debug, Default)]
pub struct Checks(RefCell<Vec<Check>>);

impl Checks {
    fn push(&self, what: &str, verdict: Verdict, text: impl Into<String>, fix: Option<String>) {
        let answer = Answer::default();
        self.0.borrow_mut().push(Check { what: what.to_owned(), verdict, text: text.into(), fix, answer });
    }

    /// Records a passed check.
    pub fn passed(&self, what: &str, text: impl Into<String>) {
        self.push(what, Verdict::Passed, text, None);
    }

    /// Records a failed check.
    pub fn failed(&self, what: &str, text: impl Into<String>, fix: impl Into<String>) {
        self.push(what, Verdict::Failed, text, Some(fix.into()));
    }

    /// Records a check that this account cannot make.
    pub fn unseen(&self, what: &str, text: impl Into<String>) {
        self.push(what, Verdict::Unseen, text, None);
    }

    /// Records a note.
    pub fn noted(&self, what: &str, text: impl Into<String>) {
        self.push(what, Verdict::Noted, text, None);
    }

    /// Records the fault of a read as a failed check, or returns its value.
    pub fn found<T>(&self, what: &str, found: Result<T, Fault>) -> Option<T> {
        let record = |fault: Fault| {
            self.0.borrow_mut().push(Check {
                what: what.to_owned(),
                verdict: Verdict::Failed,
                text: fault.chain(),
                fix: fault.fix().map(str::to_owned),
                answer: fault.answer().clone(),
            });
        };
        found.map_err(record).ok()
    }

    /// Prints all checks. Returns the exit code: `Blocked` if any failed.
    pub fn report(self, screen: &Screen, caller: &str, account: &AccountId, region: &Region) -> Exit {
        let checks = self.0.into_inner();
        let failed = checks.iter().any(|check| check.verdict == Verdict::Failed);
        if screen.format() == Format::Json {
            let report = json!({
                "command": "check", "caller": caller, "account": account, "region": region, "checks": checks,
            });
            screen.print(&document(&report));
        } else {
            let mut text = format!("account {account}  {region}\nas {caller}\n\n");
            for Check { what, verdict, text: found, fix, answer } in &checks {
                let word = match verdict {
                    Verdict::Passed => "passed",
                    Verdict::Failed => "failed",
                    Verdict::Unseen => "unseen",
                    Verdict::Noted => "noted ",
                };
                push_pasted(&mut text, COLUMNS, &format!("  {word}  "), 10, &format!("{what}: {found}{answer}"));
                let Some(fix) = fix else { continue };
                push_fix(&mut text, COLUMNS, "          fix: ", fix);
            }
            let count = |wanted: Verdict| checks.iter().filter(|check| check.verdict == wanted).count();
            let (passed, failed, unseen) = (count(Verdict::Passed), count(Verdict::Failed), count(Verdict::Unseen));
            let _ = writeln!(text, "\n{passed} passed, {failed} failed, {unseen} cannot be checked from here");
            screen.print(&text);
        }
        if failed { Exit::Blocked } else { Exit::Settled }
    }
}

/// Checks that the credentials belong to the agreed role, which policies of the other account name.
pub fn role(checks: &Checks, caller: &str, role: &RoleName) {
    let found = caller.split_once(":assumed-role/").and_then(|(_, rest)| rest.split('/').next());
    match found {
        Some(found) if found == role.as_str() => checks.passed("role", role.to_string()),
        _ => checks.failed(
            "role",
            format!("these credentials belong to {caller}"),
            format!("run the agent as role {role}: queue and key policies of both accounts name it"),
        ),
    }
}

/// Checks which Regions are enabled for the account, and returns those. In the others nothing else can be checked.
///
/// An opt-in Region that is not enabled for an account accepts no credentials of it. A session token of STS's global
/// endpoint is not valid in any opt-in Region (IAM User Guide, Manage AWS STS in an AWS Region), and gets the same
/// error.
pub async fn enabled<'a>(
    checks: &Checks,
    clients: &Clients,
    account: &AccountId,
    regions: BTreeSet<&'a Region>,
) -> BTreeSet<&'a Region> {
    let mut enabled = BTreeSet::new();
    for region in regions {
        let what = format!("Region {region}");
        match clients.sts(region).get_caller_identity().send().await.op("sts:GetCallerIdentity") {
            Err(fault) if fault.code().is_some_and(|code| UNKNOWN_CALLER.contains(&code)) => checks.failed(
                &what,
                format!("not enabled for account {account}: its credentials are not accepted there"),
                format!(
                    "its administrator enables it; if it is enabled, take credentials from a Regional endpoint of STS:\n\
                     aws account enable-region --region-name {region}"
                ),
            ),
            answer => {
                if checks.found(&what, answer).is_some() {
                    checks.passed(&what, format!("enabled for account {account}"));
                    enabled.insert(region);
                }
            }
        }
    }
    enabled
}

/// Records a service-linked role, which the agent is not allowed to read.
pub fn service_linked_role(checks: &Checks, account: &AccountId, role: &str) {
    let who = format!("an administrator of account {account} can see it:\naws iam get-role --role-name {role}");
    checks.unseen(&format!("service-linked role {role}"), who);
}

/// Checks a queue of this account: its existence, its dead-letter queue, and that its policy allows these senders and
/// no others to send.
pub async fn own_queue(checks: &Checks, clients: &Clients, queue: &QueueArn, senders: BTreeSet<Sender<'_>>) {
    let what = format!("queue {}", queue.queue);
    let Some(attributes) = checks.found(&what, attributes(clients, queue).await) else { return };
    checks.passed(&what, format!("{queue} exists"));
    let redrive: Value =
        attributes.get("RedrivePolicy").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let most = redrive["maxReceiveCount"].as_u64().or_else(|| redrive["maxReceiveCount"].as_str()?.parse().ok());
    let what = format!("{what}, redrive");
    let dead = names::dead_letters(queue).map(|dead| dead.to_string()).unwrap_or_default();
    match most {
        Some(most) if most >= 100 && redrive["deadLetterTargetArn"] == dead.as_str() => {
            checks.passed(&what, format!("to {dead} after {most} receives"));
        }
        _ => checks.failed(
            &what,
            format!("its redrive policy is {redrive}"),
            format!("set deadLetterTargetArn {dead} and maxReceiveCount 100: a message that must wait is received many times"),
        ),
    }
    let what = format!("queue {}, policy", queue.queue);
    let policy: Value = attributes.get("Policy").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    for sender in &senders {
        let (account, role) = sender;
        let let_in =
            || allow_principal(account, &protocol::arn::role(account, role), "sqs:SendMessage", &queue.to_string());
        match send_access(&policy, sender) {
            SendAccess::Allowed => checks.passed(&what, format!("allows {role} of account {account} to send")),
            SendAccess::NotAllowed => checks.failed(
                &what,
                format!("no statement allows {role} of account {account} to send"),
                format!("add to its policy:\n{:#}", let_in()),
            ),
            SendAccess::Denied => checks.failed(
                &what,
                format!("a Deny statement prevents {role} of account {account} from sending"),
                "change the Deny statement so that it does not apply to this role",
            ),
        }
    }
    let others = other_senders(&policy, &queue.account, &senders);
    if senders.is_empty() && others.is_empty() {
        checks.passed(&what, "allows only this account to send");
    }
    for (sid, who) in others {
        checks.failed(
            &what,
            format!("its statement {sid} allows {} to send", if who == "*" { "anybody" } else { &who }),
            if senders.is_empty() {
                "remove it: only this account may send to this queue"
            } else {
                "remove it: only the other account's agent may send to this queue"
            },
        );
    }
}

async fn attributes(clients: &Clients, queue: &QueueArn) -> Result<BTreeMap<String, String>, Fault> {
    let call = clients.sqs(&queue.region).get_queue_attributes().queue_url(queue.url());
    let call = call.attribute_names(aws_sdk_sqs::types::QueueAttributeName::All);
    let answer = call.send().await.op("sqs:GetQueueAttributes")?;
    let attributes = answer.attributes().into_iter().flatten();
    Ok(attributes.map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect())
}

/// Checks that the quotas that a handoff uses are not used up in a Region.
pub async fn quotas(checks: &Checks, clients: &Clients, region: &Region, wanted: &[QuotaName]) {
    let what = format!("quotas in {region}");
    let Some(quotas) = checks.found(&what, AccountQuotas::read(clients, region).await) else { return };
    for quota @ Quota { name, used, max } in quotas.iter().filter(|quota| wanted.contains(&quota.name)) {
        let what = format!("{name} in {region}");
        if used < max {
            checks.passed(&what, format!("{} of {max} left", quota.left()));
        } else {
            checks.failed(&what, format!("all {max} are used"), "delete some, or ask Service Quotas for more");
        }
    }
}
