//! The policy evaluation by which every request is allowed or refused.
//!
//! It depends only on the question, not on the rest of the simulated state. It follows IAM (IAM User Guide, Policy
//! evaluation logic, How AWS enforcement code logic evaluates requests): an explicit deny in any policy wins. Otherwise
//! every layer that applies must allow: the service control policies of the caller's account; the resource's policy or
//! grant, when the resource is in another account, or is a key or a role; the caller's own policies; their permissions
//! boundary; the session policies. Within one account, the resource's policy can allow instead of the caller's own.

use crate::context::Context;
use crate::policy::{Evaluation, Policy, evaluate};
use crate::principal::Principal;
use crate::verdict::Verdict;

/// A question to decide: may this caller perform this action on this resource?
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) caller: Identity<'a>,
    /// Spelled as in IAM: `rds:CopyDBSnapshot`.
    pub(crate) action: &'a str,
    /// An ARN; `*` for an action that has no resource.
    pub(crate) resource: &'a str,
    /// The account that the resource is in.
    pub(crate) owner: &'a str,
    pub(crate) resource_permission: ResourcePermission<'a>,
    /// The resource control policies of the owner's account.
    pub(crate) controls: &'a [Policy],
    pub(crate) context: &'a Context,
}

/// A caller, with the policies of its own account that apply to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) principal: &'a Principal,
    /// The policies of the role; `None` for callers that may do everything that the account may: the root user, and
    /// roles without policies.
    pub(crate) policies: Option<&'a [Policy]>,
    pub(crate) boundary: Option<&'a Policy>,
    /// The session policies, if any.
    pub(crate) session: Option<&'a [Policy]>,
    /// The service control policies of the account; if there are none, everything is allowed.
    pub(crate) controls: &'a [Policy],
}

/// What the owner of a resource permits, in addition to what IAM allows callers in their own account.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ResourcePermission<'a> {
    /// Nothing: the resource has no policy, or does not exist.
    Nothing,
    /// A policy on the resource.
    Policy(&'a Policy),
    /// A key's policy, which must allow callers of its own account too: "No AWS principal, including the account root
    /// user or key creator, has any permissions to a KMS key unless they are explicitly allowed" (KMS Developer Guide,
    /// Key policies). A grant can allow instead of it, in other accounts too.
    Key { policy: &'a Policy, grant: Verdict },
    /// A role's trust policy, which must also allow callers of its own account: only principals that the role trusts
    /// can assume it (IAM User Guide, Roles terms and concepts).
    Trust(&'a Policy),
    /// A share of an RDS snapshot that covers this caller and action.
    Share,
    /// Not decided here: the service answers as if the resource did not exist.
    Service,
}

/// The names of the layers in refusals (IAM User Guide, Troubleshoot access denied error messages) and in traces.
pub(crate) const IDENTITY: &str = "identity-based policy";
const RESOURCE: &str = "resource-based policy";
const TRUST: &str = "role trust policy";
const BOUNDARY: &str = "permissions boundary";
const SESSION: &str = "session policy";
const SERVICE_CONTROL: &str = "service control policy";
const RESOURCE_CONTROL: &str = "resource control policy";
/// The layer of callers that may do everything that the account may, without a policy.
const ACCOUNT: &str = "account";
const GRANT: &str = "grant";
const SHARE: &str = "share";

/// What decided: a layer, and the statement in it; the statement is empty when nothing in the layer allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// `identity-based policy`, `resource-based policy`, `role trust policy`, `permissions boundary`, `session policy`,
    /// `service control policy`, `resource control policy`; `grant` of a KMS key, `share` of a snapshot; `account`,
    /// where the caller may do everything that its account may.
    pub layer: &'static str,
    /// Its Sid, or else the number of its document in the layer and its number in the document: `1.2`.
    pub statement: String,
}

/// The decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// Allowed by all of these: for each layer that had to allow, every statement that does.
    Allowed(Vec<Ground>),
    /// Denied by these statements of one layer.
    Denied(Vec<Ground>),
    /// Nothing in this layer allows it.
    Missing(&'static str),
}

impl Ruling {
    pub(crate) fn allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// Whether it was refused by the policy of the resource, or because that policy does not allow.
    pub(crate) fn is_of_resource(&self) -> bool {
        match self {
            Self::Allowed(_) => false,
            Self::Denied(grounds) => grounds.first().is_some_and(|ground| ground.layer == RESOURCE),
            Self::Missing(layer) => *layer == RESOURCE,
        }
    }

    /// AWS's wording of the reason (same page).
    pub(crate) fn because(&self, action: &str) -> String {
        match self {
            Self::Denied(grounds) => match grounds.first().map_or(IDENTITY, |ground| ground.layer) {
                // AWS writes "the role trust policy", since a role has only one.
                TRUST => format!("with an explicit deny in the {TRUST}"),
                layer @ IDENTITY => format!("with an explicit deny in an {layer}"),
                layer => format!("with an explicit deny in a {layer}"),
            },
            Self::Missing(layer) => format!("because no {layer} allows the {action} action"),
            Self::Allowed(_) => String::new(),
        }
    }
}

/// Decides a question. When several layers refuse, AWS names one of them and does not document which (same page).
pub(crate) fn judge(question: &Question<'_>) -> Ruling {
    let caller = &question.caller;
    let ask = |policies: &[Policy]| evaluate_all(question, policies);
    let (label, on_resource) = match question.resource_permission {
        ResourcePermission::Policy(policy) | ResourcePermission::Key { policy, .. } => {
            (RESOURCE, ask(std::slice::from_ref(policy)))
        }
        ResourcePermission::Trust(policy) => (TRUST, ask(std::slice::from_ref(policy))),
        ResourcePermission::Nothing | ResourcePermission::Share | ResourcePermission::Service => (RESOURCE, ask(&[])),
    };
    // An account without service control policies has AWS's own FullAWSAccess, and every account has RCPFullAWSAccess
    // (Organizations User Guide, Service control policies; Resource control policies).
    let service_control = Some(caller.controls).filter(|policies| !policies.is_empty()).map(ask);
    let resource_control = ask(question.controls);
    let identity = caller.policies.map(ask);
    let boundary = caller.boundary.map(|policy| ask(std::slice::from_ref(policy)));
    let session = caller.session.map(ask);

    let layers = [
        (SERVICE_CONTROL, service_control.as_ref()),
        (RESOURCE_CONTROL, Some(&resource_control)),
        (label, Some(&on_resource)),
        (IDENTITY, identity.as_ref()),
        (BOUNDARY, boundary.as_ref()),
        (SESSION, session.as_ref()),
    ];
    let mut results = layers.iter().filter_map(|(layer, result)| result.map(|result| (*layer, result)));
    if let Some((layer, result)) = results.find(|(_, result)| result.verdict == Verdict::Denied) {
        return Ruling::Denied(grounds(layer, result));
    }

    let mut allowing = Vec::new();
    let mut missing = None;
    let mut need = |layer: &'static str, result: Option<&Evaluation>| {
        if let Some(result) = result {
            if result.verdict == Verdict::NoMatch {
                missing = missing.or(Some(layer));
            }
            allowing.extend(grounds(layer, result));
        }
    };
    need(SERVICE_CONTROL, service_control.as_ref());

    let own = question.owner == caller.principal.account;
    let granted =
        if let ResourcePermission::Key { grant, .. } = question.resource_permission { grant } else { Verdict::NoMatch };
    let admitted = match question.resource_permission {
        ResourcePermission::Service | ResourcePermission::Share => true,
        ResourcePermission::Nothing | ResourcePermission::Policy(_) if own => true,
        _ => on_resource.verdict.max(granted) != Verdict::NoMatch,
    };
    // The resource alone can allow: its policy names a caller of the same account, or a grant names the caller.
    let word = if own { on_resource.verdict.max(granted) } else { granted };
    let (instead_of_identity, instead_of_all) = (word >= Verdict::ToRole, word == Verdict::Allowed);
    if !admitted || on_resource.verdict != Verdict::NoMatch {
        need(label, Some(&on_resource));
    }
    match &identity {
        Some(result) if result.verdict == Verdict::NoMatch && instead_of_identity => {}
        Some(result) => need(IDENTITY, Some(result)),
        None => {}
    }
    // "Resource-based policies that grant permissions to an IAM role ARN are limited by an implicit deny in a
    // permissions boundary or session policy"; permissions granted to the session are not (IAM User Guide, Policy
    // evaluation logic, IAM role and IAM role session). UNSOURCED for grants, which are treated alike.
    for (layer, result) in [(BOUNDARY, &boundary), (SESSION, &session)] {
        match result {
            Some(result) if result.verdict == Verdict::NoMatch && instead_of_all => {}
            other => need(layer, other.as_ref()),
        }
    }
    if let Some(layer) = missing {
        return Ruling::Missing(layer);
    }
    if identity.is_none() {
        allowing.push(Ground { layer: ACCOUNT, statement: String::new() });
    }
    if granted != Verdict::NoMatch {
        allowing.push(Ground { layer: GRANT, statement: String::new() });
    }
    if matches!(question.resource_permission, ResourcePermission::Share) {
        allowing.push(Ground { layer: SHARE, statement: String::new() });
    }
    Ruling::Allowed(allowing)
}

fn evaluate_all(question: &Question<'_>, policies: &[Policy]) -> Evaluation {
    evaluate(policies, question.caller.principal, question.action, question.resource, question.context)
}

fn grounds(layer: &'static str, result: &Evaluation) -> Vec<Ground> {
    result.statements.iter().map(|statement| Ground { layer, statement: statement.clone() }).collect()
}
