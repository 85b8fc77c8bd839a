//! Building authorization questions from the simulated state, and recording the decisions.

use crate::access::{Question, Ruling, judge};
use crate::caller::Caller;
use crate::context::Context;
use crate::decision::{AccessRequest, Decision};
use crate::fault::{Fault, Outcome};
use crate::principal::Principal;
use crate::referee;
use crate::roles::Change;
use crate::world::World;

impl World {
    /// The condition context that every request of the caller in a Region has.
    pub(crate) fn context(&self, caller: &Caller, region: &str) -> Context {
        let mut context = Context::of(self.now, &caller.principal, region);
        context.set("aws:securetransport", &!caller.plain);
        for (key, value) in self.principals.tags(&caller.principal.policy_arn).into_iter().flatten() {
            context.set(&format!("aws:PrincipalTag/{key}"), value);
        }
        context
    }

    /// The time of a policy change made now, and its propagation delay.
    pub(crate) fn change(&self) -> Change {
        Change { now: self.now, lag: self.settings.scaled(self.settings.lags.authorization) }
    }

    /// Judges without recording the decision.
    pub(crate) fn judge(&self, caller: &Caller, asked: &AccessRequest<'_>) -> Ruling {
        self.evaluate(caller, asked, |_| {})
    }

    /// Decides, and records the decision.
    pub(crate) fn decide(&self, caller: &Caller, asked: &AccessRequest<'_>) -> Ruling {
        let ruling = self.evaluate(caller, asked, |question| {
            if self.settings.records_questions {
                let (key, line) = referee::written(question);
                self.decision_log.keep(key, line);
            }
        });
        self.decision_log.write(Decision::of(&caller.principal, asked, &ruling));
        ruling
    }

    /// Returns an error if the access is not allowed.
    pub(crate) fn authorize(&self, caller: &Caller, asked: &AccessRequest<'_>) -> Outcome<()> {
        let ruling = self.decide(caller, asked);
        if ruling.allowed() {
            return Ok(());
        }
        // SQS writes its actions in lower case (microsoft/aspire#3333, aws/serverless-application-model#3633).
        let sqs = asked.action.starts_with("sqs:");
        let action = if sqs { asked.action.to_lowercase() } else { asked.action.to_owned() };
        let foreign = Self::owner(caller, asked) != caller.account();
        if foreign && ruling.is_of_resource() && asked.action.starts_with("kms:") {
            return Err(refused(&caller.principal, &action, "this resource", OF_ANOTHER_ACCOUNTS_KEY));
        }
        Err(denied(&caller.principal, &action, asked.resource, &ruling.because(&action)))
    }

    fn owner<'a>(caller: &'a Caller, asked: &AccessRequest<'a>) -> &'a str {
        asked.resource.split(':').nth(4).unwrap_or_else(|| caller.account())
    }

    fn evaluate(&self, caller: &Caller, asked: &AccessRequest<'_>, inspect: impl FnOnce(&Question<'_>)) -> Ruling {
        let owner = Self::owner(caller, asked);
        let mut context = asked.context.clone();
        // UNSOURCED: the key is absent when there is no resource; the stricter reading of both Allow and Deny.
        if asked.resource != "*" {
            context.set("aws:resourceaccount", owner);
        }
        let controls =
            if self.beyond_controls(asked) { &[] } else { self.principals.resource_controls(owner, self.now) };
        let question = Question {
            caller: self.principals.identity(caller, self.now),
            action: asked.action,
            resource: asked.resource,
            owner,
            resource_permission: asked.resource_permission,
            controls,
            context: &context,
        };
        inspect(&question);
        judge(&question)
    }

    /// Whether resource control policies do not apply: "AWS managed KMS keys" and `kms:RetireGrant` are not restricted
    /// by them (Organizations User Guide, Resource control policies, Resources and entities not restricted by RCPs).
    fn beyond_controls(&self, asked: &AccessRequest<'_>) -> bool {
        // An AWS managed key is created on its first use.
        let to_be_made = asked.resource.contains(":key/alias/aws/");
        asked.action == "kms:RetireGrant"
            || to_be_made
            || self.kms.keys.get(asked.resource).is_some_and(|key| key.managed_by_aws)
    }
}

/// The only reason that KMS gives to another account (AWS Backup Developer Guide, Logically air-gapped vault,
/// Troubleshooting).
const OF_ANOTHER_ACCOUNTS_KEY: &str = "because the resource does not exist in this Region, no resource-based policies \
                                       allow access, or a resource-based policy explicitly denies access";

/// A refusal that names the resource.
pub(crate) fn denied(principal: &Principal, action: &str, resource: &str, because: &str) -> Fault {
    refused(principal, action, &format!("resource: {resource}"), because)
}

/// A refusal in AWS's words (IAM User Guide, Troubleshoot access denied error messages).
fn refused(principal: &Principal, action: &str, on: &str, because: &str) -> Fault {
    let caller = &principal.arn;
    let message = format!("User: {caller} is not authorized to perform: {action} on {on} {because}");
    Fault::new(403, "AccessDenied", message)
}
