//! The trace of all requests.

use crate::decision::Decision;
use crate::fault::Fault;

/// One request that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// From 1, in order of arrival at this cloud. Forgetting calls does not reset the numbers.
    pub number: usize,
    /// The caller's ARN, by the access key id of the request; empty when that is unknown.
    pub principal: String,
    /// The caller's account; empty when unknown.
    pub account: String,
    /// The Region it was signed for.
    pub region: String,
    /// `rds`, `kms`, `sqs` or `sts`.
    pub service: String,
    /// Spelled as in IAM: `rds:CopyDBSnapshot`.
    pub action: String,
    /// Whether it may change state. `ReceiveMessage` does: it hides messages.
    pub mutating: bool,
    /// The ARNs that it names.
    pub resources: Vec<String>,
    /// `ok`, or the error code; empty until it is answered.
    pub answer: String,
    /// The line of this crate that refused it; empty when it was not refused.
    pub rule: String,
    /// Its authorization decisions, in order. Empty until it is answered, and when it was refused before authorization.
    pub decisions: Vec<Decision>,
}

/// All calls since the last [`Trace::forget`].
#[derive(Debug, Default)]
pub(crate) struct Trace {
    count: usize,
    calls: Vec<Call>,
}

impl Trace {
    /// Numbers `call` and keeps it.
    pub(crate) fn arrive(&mut self, mut call: Call) -> Call {
        self.count += 1;
        call.number = self.count;
        self.calls.push(call.clone());
        call
    }

    pub(crate) fn answered(&mut self, number: usize, answer: &str) {
        if let Ok(index) = self.calls.binary_search_by_key(&number, |call| call.number) {
            answer.clone_into(&mut self.calls[index].answer);
        }
    }

    pub(crate) fn decided(&mut self, number: usize, decisions: Vec<Decision>) {
        if let Ok(index) = self.calls.binary_search_by_key(&number, |call| call.number) {
            self.calls[index].decisions = decisions;
        }
    }

    pub(crate) fn refused(&mut self, number: usize, fault: &Fault) {
        self.answered(number, &fault.code);
        if let Ok(index) = self.calls.binary_search_by_key(&number, |call| call.number) {
            self.calls[index].rule = format!("{}:{}", fault.rule.file(), fault.rule.line());
        }
    }

    pub(crate) fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub(crate) fn forget(&mut self) {
        self.calls.clear();
    }
}
