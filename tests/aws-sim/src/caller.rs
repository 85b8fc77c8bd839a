//! The caller of a request.

use std::sync::Arc;

use crate::policy::Policy;
use crate::principal::Principal;

/// The caller of a request, with its Region and transport.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    /// The session policies, if any.
    pub(crate) session: Option<Arc<[Policy]>>,
    pub(crate) region: String,
    /// Whether it came over HTTP without TLS, which only SQS of the services here accepts (AWS General Reference,
    /// Amazon SQS endpoints).
    pub(crate) plain: bool,
}

impl Caller {
    pub(crate) fn account(&self) -> &str {
        &self.principal.account
    }
}
