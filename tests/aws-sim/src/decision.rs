//! Records of authorization decisions.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::access::{Ground, ResourcePermission, Ruling};
use crate::context::Context;
use crate::principal::Principal;

/// One authorization decision. A request that concerns several resources, or needs several permissions, has several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The caller's ARN. A service that calls another service does so in its caller's name.
    pub principal: String,
    /// Spelled as in IAM: `kms:CreateGrant`.
    pub action: String,
    /// The ARN of the resource; `*` if there is none.
    pub resource: String,
    /// The service that called in the caller's name, `rds.amazonaws.com`; empty when the caller itself called.
    pub via: String,
    /// Whether it is allowed.
    pub allowed: bool,
    /// What decided. If allowed: every statement that allows it, in each layer that had to allow it. If refused: the
    /// layer, with the statements that deny it, or one ground without a statement when nothing in the layer allows it.
    pub grounds: Vec<Ground>,
}

/// The decisions of the request that is being answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct DecisionLog {
    decisions: RefCell<Vec<Decision>>,
    /// Each distinct question with its ruling as a line of JSON, keyed by the question without its time; empty unless
    /// enabled.
    questions: RefCell<BTreeMap<String, String>>,
}

impl DecisionLog {
    pub(crate) fn begin(&self) {
        self.decisions.borrow_mut().clear();
    }

    pub(crate) fn take(&self) -> Vec<Decision> {
        self.decisions.take()
    }

    pub(crate) fn questions(&self) -> Vec<String> {
        self.questions.borrow().values().cloned().collect()
    }

    /// Keeps the first question with this key.
    pub(crate) fn keep(&self, key: String, line: String) {
        self.questions.borrow_mut().entry(key).or_insert(line);
    }

    pub(crate) fn write(&self, decision: Decision) {
        self.decisions.borrow_mut().push(decision);
    }
}

/// An access to authorize.
#[derive(Debug)]
pub(crate) struct AccessRequest<'a> {
    pub(crate) action: &'a str,
    /// An ARN, or `*`.
    pub(crate) resource: &'a str,
    pub(crate) resource_permission: ResourcePermission<'a>,
    pub(crate) context: Context,
}

impl Decision {
    pub(crate) fn of(principal: &Principal, asked: &AccessRequest<'_>, ruling: &Ruling) -> Self {
        let grounds = match ruling {
            Ruling::Allowed(grounds) | Ruling::Denied(grounds) => grounds.clone(),
            Ruling::Missing(layer) => vec![Ground { layer, statement: String::new() }],
        };
        Self {
            principal: principal.arn.clone(),
            action: asked.action.to_owned(),
            resource: asked.resource.to_owned(),
            via: asked.context.one("aws:calledvialast").unwrap_or_default().to_owned(),
            allowed: ruling.allowed(),
            grounds,
        }
    }
}
