//! The one seam at which every request is allowed or refused.
//!
//! Data in, decision out: nothing here knows the world. The judgement is IAM's (IAM User Guide, Policy evaluation logic):
//! an explicit deny wins; within an account the policies of the role or that of the resource allow; across accounts both
//! must; of a KMS key or a role, its own policy must allow, or leave it to the account. There are no permission
//! boundaries, no service control policies and no session policies.

use crate::condition::Context;
use crate::fault::{Fault, Outcome};
use crate::policy::{Policy, Verdict};
use crate::principal::{Identity, Principal};

/// One resource of a request, and what its owner says of others.
#[derive(Debug)]
pub(crate) struct Resource<'a> {
    pub(crate) arn: String,
    pub(crate) owner: String,
    pub(crate) leave: Leave<'a>,
}

/// How the owner of a resource lets callers in, beside what IAM allows them in their own account.
#[derive(Debug)]
pub(crate) enum Leave<'a> {
    /// Not at all: it has no policy, or it does not exist.
    Nobody,
    /// By a policy on the resource.
    Policy(&'a Policy),
    /// By a policy on the resource that must speak for callers of its own account too: "No AWS principal, including the
    /// account root user or key creator, has any permissions to a KMS key unless they are explicitly allowed" (KMS
    /// Developer Guide, Key policies); nobody assumes a role that does not trust him (IAM User Guide, Roles terms and
    /// concepts). A grant is what speaks beside a key's policy, in other accounts too.
    Only { policy: &'a Policy, grant: Verdict },
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

/// Decides whether the caller may do `action` to every one of `resources`. An action that names none is judged on `*`.
pub(crate) fn authorize(
    caller: &Identity<'_>,
    action: &str,
    resources: &[Resource<'_>],
    context: &Context,
) -> Decision {
    let nothing = Resource { arn: "*".to_owned(), owner: caller.principal.account.clone(), leave: Leave::Nobody };
    let resources = if resources.is_empty() { std::slice::from_ref(&nothing) } else { resources };
    let refusals = resources.iter().filter_map(|resource| {
        let because = objection(caller, action, resource, context)?;
        Some(Decision::Refused { resource: resource.arn.clone(), because })
    });
    refusals.into_iter().next().unwrap_or(Decision::Allowed)
}

/// What stands against `action` on one resource.
fn objection(caller: &Identity<'_>, action: &str, resource: &Resource<'_>, context: &Context) -> Option<String> {
    let own = resource.owner == caller.principal.account;
    let identity = caller.judge(action, &resource.arn, context);
    let policy = |policy: &Policy| policy.judge(caller.principal, action, &resource.arn, context);
    let (said, granted) = match &resource.leave {
        Leave::Policy(rules) => (policy(rules), Verdict::Silent),
        Leave::Only { policy: rules, grant } => (policy(rules), *grant),
        Leave::Share => (Verdict::Delegated, Verdict::Silent),
        Leave::Nobody | Leave::Service => (Verdict::Silent, Verdict::Silent),
    };
    if identity == Verdict::Denied {
        return Some("with an explicit deny in an identity-based policy".to_owned());
    }
    if said == Verdict::Denied {
        return Some("with an explicit deny in a resource-based policy".to_owned());
    }
    // The word of the resource is enough: its policy names a caller of the same account, or a grant names the caller.
    if (own && said == Verdict::Allowed) || granted == Verdict::Allowed {
        return None;
    }
    let admitted = match resource.leave {
        Leave::Service => true,
        Leave::Nobody | Leave::Policy(_) | Leave::Share if own => true,
        _ => said.or(granted) != Verdict::Silent,
    };
    let missing = match (admitted, identity == Verdict::Allowed) {
        (true, true) => return None,
        (false, _) => "resource-based",
        (true, false) => "identity-based",
    };
    Some(format!("because no {missing} policy allows the {action} action"))
}

/// Refuses unless the caller may do `action` to every one of `resources`.
pub(crate) fn demand(
    caller: &Identity<'_>,
    action: &str,
    resources: &[Resource<'_>],
    context: &Context,
) -> Outcome<()> {
    match authorize(caller, action, resources, context) {
        Decision::Allowed => Ok(()),
        Decision::Refused { resource, because } => Err(denied(caller.principal, action, &resource, &because)),
    }
}

/// A refusal in AWS's words (IAM User Guide, Troubleshoot access denied error messages).
pub(crate) fn denied(principal: &Principal, action: &str, resource: &str, because: &str) -> Fault {
    let caller = &principal.arn;
    let message = format!("User: {caller} is not authorized to perform: {action} on resource: {resource} {because}");
    Fault::new(403, "AccessDenied", message)
}

/// The condition keys that every request has (IAM User Guide, AWS global condition context keys).
pub(crate) fn context(now: jiff::Timestamp, principal: &Principal, region: &str) -> Context {
    let entries = [
        ("aws:principalarn", principal.policy_arn.clone()),
        ("aws:principalaccount", principal.account.clone()),
        ("aws:principaltype", if principal.is_root() { "Account" } else { "AssumedRole" }.to_owned()),
        ("aws:userid", principal.id.clone()),
        ("aws:requestedregion", region.to_owned()),
        ("aws:currenttime", crate::clock::iso(now)),
        ("aws:epochtime", now.as_second().to_string()),
        // Loopback stands for HTTPS: AWS's endpoints are reached by nothing else.
        ("aws:securetransport", "true".to_owned()),
        ("kms:calleraccount", principal.account.clone()),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
