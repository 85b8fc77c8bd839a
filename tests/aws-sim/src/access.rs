//! The one seam at which every request is allowed or refused.
//!
//! A question in, a ruling out: nothing here knows the world. The judgement is IAM's (IAM User Guide, Policy evaluation
//! logic, How AWS enforcement code logic evaluates requests): an explicit deny in any policy wins. Then every layer that is
//! there must allow: the service control policies of the caller's account; the owner's word, when the resource is another
//! account's, or a key, or a role; the caller's own policies; their permissions boundary; the policies of the session.
//! The word of a resource of one's own account is enough in place of one's own policies.

use crate::context::Context;
use crate::policy::{Policy, Said, said};
use crate::principal::Principal;
use crate::verdict::Verdict;

/// May this caller do this to that?
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) caller: Identity<'a>,
    /// As IAM spells it: `rds:CopyDBSnapshot`.
    pub(crate) action: &'a str,
    /// An ARN; `*` for an action that has no resource.
    pub(crate) resource: &'a str,
    /// The account that the resource is in.
    pub(crate) owner: &'a str,
    pub(crate) leave: Leave<'a>,
    /// The resource control policies of that account.
    pub(crate) controls: &'a [Policy],
    pub(crate) context: &'a Context,
}

/// A caller, and what his account lets him do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) principal: &'a Principal,
    /// The policies of the role; `None` for whoever may do all that the account may: its root, and roles without policies.
    pub(crate) policies: Option<&'a [Policy]>,
    pub(crate) boundary: Option<&'a Policy>,
    /// The policies that the session was opened with, if any.
    pub(crate) session: Option<&'a [Policy]>,
    /// The service control policies of the account; none means all is allowed.
    pub(crate) controls: &'a [Policy],
}

/// How the owner of a resource lets callers in, beside what IAM allows them in their own account.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leave<'a> {
    /// Not at all: it has no policy, or it does not exist.
    Nobody,
    /// By a policy on the resource.
    Policy(&'a Policy),
    /// By a key's policy, that must speak for callers of its own account too: "No AWS principal, including the account root
    /// user or key creator, has any permissions to a KMS key unless they are explicitly allowed" (KMS Developer Guide, Key
    /// policies). A grant is what speaks beside it, in other accounts too.
    Key { policy: &'a Policy, grant: Verdict },
    /// By a role's trust policy, that must speak likewise: nobody assumes a role that does not trust him (IAM User Guide,
    /// Roles terms and concepts).
    Trust(&'a Policy),
    /// By the share of an RDS snapshot, which here covers this caller and action.
    Share,
    /// Not decided here: the service answers as if the resource were not there.
    Service,
}

/// The layers, as they are called in refusals (IAM User Guide, Troubleshoot access denied error messages) and in traces.
pub(crate) const IDENTITY: &str = "identity-based policy";
const RESOURCE: &str = "resource-based policy";
const TRUST: &str = "role trust policy";
const BOUNDARY: &str = "permissions boundary";
const SESSION: &str = "session policy";
const SERVICE_CONTROL: &str = "service control policy";
const RESOURCE_CONTROL: &str = "resource control policy";
/// Who may do all that the account may, without a policy.
const ACCOUNT: &str = "account";
const GRANT: &str = "grant";
const SHARE: &str = "share";

/// What decided: a layer, and the statement in it; no statement when nothing in it allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// `identity-based policy`, `resource-based policy`, `role trust policy`, `permissions boundary`, `session policy`,
    /// `service control policy`, `resource control policy`; `grant` of a KMS key, `share` of a snapshot; `account`, where
    /// the caller may do all that his account may.
    pub layer: &'static str,
    /// Its Sid, or else the number of its document in the layer and its own in there: `1.2`.
    pub statement: String,
}

/// The decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// By all of these: each layer that had to allow, with every statement of it that does.
    Allowed(Vec<Ground>),
    /// By these statements of one layer.
    Denied(Vec<Ground>),
    /// Nothing in this layer allows it.
    Missing(&'static str),
}

impl Ruling {
    pub(crate) fn allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// Refused by the policy of the resource, or for want of its word.
    pub(crate) fn is_of_resource(&self) -> bool {
        match self {
            Self::Allowed(_) => false,
            Self::Denied(grounds) => grounds.first().is_some_and(|ground| ground.layer == RESOURCE),
            Self::Missing(layer) => *layer == RESOURCE,
        }
    }

    /// AWS's wording of why not (same page).
    pub(crate) fn because(&self, action: &str) -> String {
        match self {
            Self::Denied(grounds) => match grounds.first().map_or(IDENTITY, |ground| ground.layer) {
                // It is "the role trust policy", as a role has one.
                TRUST => format!("with an explicit deny in the {TRUST}"),
                layer @ IDENTITY => format!("with an explicit deny in an {layer}"),
                layer => format!("with an explicit deny in a {layer}"),
            },
            Self::Missing(layer) => format!("because no {layer} allows the {action} action"),
            Self::Allowed(_) => String::new(),
        }
    }
}

/// Decides. Of several layers that refuse AWS names one, and does not say which (same page).
pub(crate) fn judge(question: &Question<'_>) -> Ruling {
    let caller = &question.caller;
    let ask = |policies: &[Policy]| hear(question, policies);
    let (label, on_resource) = match question.leave {
        Leave::Policy(policy) | Leave::Key { policy, .. } => (RESOURCE, ask(std::slice::from_ref(policy))),
        Leave::Trust(policy) => (TRUST, ask(std::slice::from_ref(policy))),
        Leave::Nobody | Leave::Share | Leave::Service => (RESOURCE, ask(&[])),
    };
    // An account without service control policies has AWS's own, FullAWSAccess; and every account has RCPFullAWSAccess
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
    let mut said = layers.iter().filter_map(|(layer, said)| said.map(|said| (*layer, said)));
    if let Some((layer, said)) = said.find(|(_, said)| said.verdict == Verdict::Denied) {
        return Ruling::Denied(grounds(layer, said));
    }

    let mut allowing = Vec::new();
    let mut missing = None;
    let mut need = |layer: &'static str, said: Option<&Said>| {
        if let Some(said) = said {
            if said.verdict == Verdict::Silent {
                missing = missing.or(Some(layer));
            }
            allowing.extend(grounds(layer, said));
        }
    };
    need(SERVICE_CONTROL, service_control.as_ref());

    let own = question.owner == caller.principal.account;
    let granted = if let Leave::Key { grant, .. } = question.leave { grant } else { Verdict::Silent };
    let admitted = match question.leave {
        Leave::Service | Leave::Share => true,
        Leave::Nobody | Leave::Policy(_) if own => true,
        _ => on_resource.verdict.max(granted) != Verdict::Silent,
    };
    // The word of the resource is enough: its policy names a caller of the same account, or a grant names the caller.
    let word = if own { on_resource.verdict.max(granted) } else { granted };
    let (instead_of_identity, instead_of_all) = (word >= Verdict::ToRole, word == Verdict::Allowed);
    if !admitted || on_resource.verdict != Verdict::Silent {
        need(label, Some(&on_resource));
    }
    match &identity {
        Some(said) if said.verdict == Verdict::Silent && instead_of_identity => {}
        Some(said) => need(IDENTITY, Some(said)),
        None => {}
    }
    // "Resource-based policies that grant permissions to an IAM role ARN are limited by an implicit deny in a permissions
    // boundary or session policy"; what is given to the session is not (IAM User Guide, Policy evaluation logic, IAM role
    // and IAM role session). UNSOURCED of grants, which are held to be alike.
    for (layer, said) in [(BOUNDARY, &boundary), (SESSION, &session)] {
        match said {
            Some(said) if said.verdict == Verdict::Silent && instead_of_all => {}
            other => need(layer, other.as_ref()),
        }
    }
    if let Some(layer) = missing {
        return Ruling::Missing(layer);
    }
    if identity.is_none() {
        allowing.push(Ground { layer: ACCOUNT, statement: String::new() });
    }
    if granted != Verdict::Silent {
        allowing.push(Ground { layer: GRANT, statement: String::new() });
    }
    if matches!(question.leave, Leave::Share) {
        allowing.push(Ground { layer: SHARE, statement: String::new() });
    }
    Ruling::Allowed(allowing)
}

fn hear(question: &Question<'_>, policies: &[Policy]) -> Said {
    said(policies, question.caller.principal, question.action, question.resource, question.context)
}

fn grounds(layer: &'static str, said: &Said) -> Vec<Ground> {
    said.statements.iter().map(|statement| Ground { layer, statement: statement.clone() }).collect()
}
