//! The one seam at which every request is allowed or refused.
//!
//! Data in, decision out: nothing here knows the world. The present judgement is: whatever an account does to its own
//! is allowed, unless the resource's policy denies it; to a KMS key, and across accounts, only what the resource's
//! policy, or its owner's share, allows. A full
//! evaluation of IAM policies takes this function's place.

use crate::policy::{Context, Policy, Verdict};
use crate::principal::Principal;

/// One resource of a request, and what its owner says of others.
#[derive(Debug)]
pub(crate) struct Resource<'a> {
    pub(crate) arn: String,
    pub(crate) owner: String,
    pub(crate) leave: Leave<'a>,
}

/// How the owner of a resource lets other accounts in.
#[derive(Debug)]
pub(crate) enum Leave<'a> {
    /// Not at all: it has no policy, or it does not exist.
    Nobody,
    /// By a policy on the resource.
    Policy(&'a Policy),
    /// By the share of an RDS snapshot, which here covers this caller and action.
    Share,
    /// Not decided here: the service answers as if the resource were not there.
    Service,
}

/// The decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed,
    Refused {
        /// The resource that it fell on.
        resource: String,
        /// AWS's wording of why.
        because: String,
    },
}

/// Decides whether `principal` may do `action` to every one of `resources`.
pub(crate) fn authorize(
    principal: &Principal,
    action: &str,
    resources: &[Resource<'_>],
    context: &Context,
) -> Decision {
    for resource in resources {
        let own = resource.owner == principal.account;
        let verdict = match &resource.leave {
            Leave::Policy(policy) => policy.judge(principal, action, &resource.arn, context),
            Leave::Share | Leave::Service => Verdict::Allowed,
            Leave::Nobody => Verdict::Silent,
        };
        let because = match verdict {
            Verdict::Denied => "with an explicit deny in a resource-based policy".to_owned(),
            // "No AWS principal, including the account root user or key creator, has any permissions to a KMS key unless they
            // are explicitly allowed": the key policy decides, in its own account too (KMS Developer Guide, Key policies).
            Verdict::Silent if !own || matches!(resource.leave, Leave::Policy(_)) && action.starts_with("kms:") => {
                format!("because no resource-based policy allows the {action} action")
            }
            Verdict::Allowed | Verdict::Silent => continue,
        };
        return Decision::Refused { resource: resource.arn.clone(), because };
    }
    Decision::Allowed
}

/// The wording of AWS's refusals (IAM User Guide, Troubleshoot access denied error messages).
pub(crate) fn wording(principal: &Principal, action: &str, resource: &str, because: &str) -> String {
    format!("User: {} is not authorized to perform: {action} on resource: {resource} {because}", principal.arn)
}

/// The condition keys that every request has.
pub(crate) fn context(now: jiff::Timestamp, principal: &Principal) -> Context {
    let entries = [
        ("aws:principalarn", principal.policy_arn.clone()),
        ("aws:principalaccount", principal.account.clone()),
        ("aws:currenttime", crate::clock::iso(now)),
        // Loopback stands for HTTPS: AWS's endpoints are reached by nothing else.
        ("aws:securetransport", "true".to_owned()),
        ("kms:calleraccount", principal.account.clone()),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
