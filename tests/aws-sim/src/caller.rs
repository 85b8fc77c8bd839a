//! Who asks.

use std::sync::Arc;

use crate::policy::Policy;
use crate::principal::Principal;

/// Who asks, in which Region, and how.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    /// The policies that the session was opened with, if any.
    pub(crate) session: Option<Arc<[Policy]>>,
    pub(crate) region: String,
    /// Over HTTP without TLS, which of all services here only SQS serves (AWS General Reference, Amazon SQS endpoints).
    pub(crate) plain: bool,
}

impl Caller {
    pub(crate) fn account(&self) -> &str {
        &self.principal.account
    }
}
