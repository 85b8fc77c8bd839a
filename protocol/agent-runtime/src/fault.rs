//! Faults: one type with three kinds.

pub mod codes;
pub mod denial;
pub mod statement;

use std::error::Error;
use std::fmt::{self, Write as _};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::RequestId as _;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use protocol::Reason;
use protocol::state::TagError;
use serde::Serialize;

pub use codes::FaultKind;
use denial::Denial;

use crate::step_id::StepId;

/// AWS's response to a failed request. AWS Support and CloudTrail identify the request by it.
///
/// `Display` is the suffix for a fault's text, with a leading space: ` (request id ..., HTTP 400)`. It is empty for a
/// fault that no AWS response caused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The request id, which differs between attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.request_id, self.status) {
            (Some(id), Some(status)) => write!(f, " (request id {id}, HTTP {status})"),
            (Some(id), None) => write!(f, " (request id {id})"),
            (None, Some(status)) => write!(f, " (HTTP {status})"),
            (None, None) => Ok(()),
        }
    }
}

/// Something that went wrong. `Display` shows this error only; [`Fault::chain`] includes its causes.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Fault {
    /// What the agent does about it.
    pub kind: FaultKind,
    what: String,
    hint: Option<String>,
    /// Whether the hint comes from AWS's own error message.
    exact: bool,
    reason: Option<Reason>,
    code: Option<String>,
    answer: Box<Answer>,
    step: Option<StepId>,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    fn new(kind: FaultKind, what: impl Into<String>) -> Self {
        let what = what.into();
        Self {
            kind,
            what,
            hint: None,
            exact: false,
            reason: None,
            code: None,
            answer: Box::default(),
            step: None,
            source: None,
        }
    }

    /// A fault that ends the handoff.
    pub fn fatal(what: impl Into<String>) -> Self {
        Self::new(FaultKind::Fatal, what)
    }

    /// A fault that needs operator action.
    pub fn blocked(what: impl Into<String>) -> Self {
        Self::new(FaultKind::Blocked, what)
    }

    /// Sets the reason that the other account may be told.
    #[must_use]
    pub fn because(self, reason: Reason) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// Sets the fix. It replaces the hint of the table of error codes.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Sets the fix, unless AWS's error message already names the policy that denies the request.
    #[must_use]
    pub fn or_hint(self, hint: impl FnOnce() -> String) -> Self {
        if self.exact { self } else { self.hint(hint()) }
    }

    /// Makes a fatal AWS error a blocked one with this fix: the cause is in this account's configuration, and the
    /// handoff continues when that is corrected.
    #[must_use]
    pub fn fixed_by(self, configuration: impl FnOnce() -> String) -> Self {
        match (self.kind, &self.code) {
            (FaultKind::Fatal, Some(_)) => Self { kind: FaultKind::Blocked, hint: Some(configuration()), ..self },
            _ => self,
        }
    }

    /// Sets AWS's response, for a fault that is reported again.
    #[must_use]
    pub fn answered(self, answer: Answer) -> Self {
        Self { answer: answer.into(), ..self }
    }

    /// Sets the step at which it happened, if none is set.
    #[must_use]
    pub fn at(self, step: StepId) -> Self {
        Self { step: self.step.or(Some(step)), ..self }
    }

    /// A resource with our name that belongs to somebody else. It is left unchanged.
    pub fn not_ours(what: &str, difference: &str) -> Self {
        Self::fatal(format!("{what} exists and is not ours: {difference}"))
            .because(Reason::NameTaken)
            .hint("it was left untouched; delete it if nobody needs it, or move the database under another label")
    }

    /// AWS's error code.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// AWS's response; empty if there was none.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// The request id, for AWS Support and CloudTrail.
    pub fn request_id(&self) -> Option<&str> {
        self.answer.request_id.as_deref()
    }

    /// The HTTP status of AWS's response.
    pub fn status(&self) -> Option<u16> {
        self.answer.status
    }

    /// The reason that may be sent to the other account, from a closed set.
    pub fn reason(&self) -> Reason {
        self.reason.unwrap_or(Reason::Fault)
    }

    /// How to fix it.
    pub fn fix(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The step it happened at.
    pub fn step(&self) -> Option<StepId> {
        self.step
    }

    /// Whether AWS refused the request because of a missing permission or a resource that is not visible.
    pub fn is_refusal(&self) -> bool {
        self.code.as_deref().is_some_and(codes::is_refusal)
    }

    /// This fault and its causes, outermost first, with AWS's request id and status. For display and logs.
    pub fn told(&self) -> String {
        format!("{}{}", self.chain(), self.answer)
    }

    /// This fault and its causes, outermost first. The same refusal has the same text each time: data that differs
    /// between attempts, such as the request id, is in [`Fault::answer`].
    pub fn chain(&self) -> String {
        let mut text = self.what.clone();
        let mut source = self.source();
        while let Some(error) = source {
            let _ = write!(text, ": {error}");
            source = error.source();
        }
        text
    }
}

impl From<TagError> for Fault {
    fn from(error: TagError) -> Self {
        Self::fatal(format!("a snapshot of ours was changed: {error}"))
            .hint("restore the tag's value (CloudTrail shows who changed it), or move the database under another label")
    }
}

/// Converts results of the SDK to values and faults. A missing or already existing resource need not be a fault.
pub trait AwsResult<T>: Sized {
    /// The error type of the operation.
    type Error;

    /// Converts every error to a fault. `operation` is `service:Operation`.
    fn op(self, operation: &'static str) -> Result<T, Fault>;

    /// Converts an error that `is` recognises to `None`.
    fn missing_ok(self, operation: &'static str, is: fn(&Self::Error) -> bool) -> Result<Option<T>, Fault>;

    /// Ignores an error that `is` recognises: the resource exists already. The next observation shows who created it.
    fn exists_ok(self, operation: &'static str, is: fn(&Self::Error) -> bool) -> Result<(), Fault> {
        self.missing_ok(operation, is).map(drop)
    }
}

impl<T, E> AwsResult<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    type Error = E;

    fn op(self, operation: &'static str) -> Result<T, Fault> {
        self.map_err(|error| from_sdk(operation, error))
    }

    fn missing_ok(self, operation: &'static str, is: fn(&E) -> bool) -> Result<Option<T>, Fault> {
        match self {
            Err(error) if error.as_service_error().is_some_and(is) => Ok(None),
            other => other.op(operation).map(Some),
        }
    }
}

/// Whether the cause is missing credentials. The SDK loads credentials inside a call, so the error is deep in the chain
/// of causes.
fn is_missing_credentials(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<CredentialsError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn from_sdk<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let code = error.code().map(str::to_owned);
    let message = error.message().map(str::to_owned);
    let answer = Answer {
        request_id: error.request_id().or_else(|| error.meta().request_id()).map(str::to_owned),
        status: error.raw_response().map(|response| response.status().as_u16()),
    };
    let no_credentials = is_missing_credentials(&error);
    let kind = match &error {
        _ if no_credentials => FaultKind::Blocked,
        SdkError::ServiceError(_) => codes::kind(code.as_deref(), answer.status),
        SdkError::ConstructionFailure(_) => FaultKind::Blocked,
        _ => FaultKind::Transient,
    };
    let fix = message.as_deref().and_then(|message| Denial::read(message, operation)?.fix());
    let exact = fix.is_some();
    let what = match (&code, message) {
        (Some(code), Some(message)) => format!("{operation} answered {code}: {message}"),
        (Some(code), None) => format!("{operation} answered {code}"),
        (None, _) => format!("{operation} got no answer"),
    };
    let hint = match code.as_deref() {
        Some(_) if exact => fix,
        Some(code) => codes::hint(code).map(str::to_owned),
        None if no_credentials || kind == FaultKind::Blocked => Some(codes::NO_CREDENTIALS.to_owned()),
        None => Some(codes::NO_ANSWER.to_owned()),
    };
    // For an error code, `what` already contains the service's message. Otherwise the source describes the connection
    // error or timeout.
    let source: Option<Box<dyn Error + Send + Sync>> = if code.is_some() { None } else { Some(Box::new(error)) };
    Fault { hint, exact, code, answer: answer.into(), source, ..Fault::new(kind, what) }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    /// Returns the fault of a refusal with this request id in its headers.
    fn refused(request_id: Option<&'static str>) -> Fault {
        let mut response = HttpResponse::new(StatusCode::try_from(403).unwrap(), SdkBody::empty());
        if let Some(id) = request_id {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        let meta = ErrorMetadata::builder().code("AccessDenied").message("no").build();
        from_sdk("sts:GetCallerIdentity", SdkError::service_error(GetCallerIdentityError::generic(meta), response))
    }

    #[test]
    fn fault_of_a_response_has_request_id_and_status_apart_from_text() {
        let (one, other) = (refused(Some("11-22")), refused(Some("33-44")));
        assert_eq!((one.request_id(), one.status()), (Some("11-22"), Some(403)));
        assert_eq!(one.told(), "sts:GetCallerIdentity answered AccessDenied: no (request id 11-22, HTTP 403)");
        assert_eq!(one.chain(), other.chain(), "the same refusal has the same text");
        assert_ne!(one.told(), other.told());
        assert_eq!(refused(None).told(), "sts:GetCallerIdentity answered AccessDenied: no (HTTP 403)");
    }

    #[test]
    fn fault_without_response_has_no_request_id_or_status() {
        let fault = Fault::blocked("action is needed");
        assert_eq!((fault.request_id(), fault.status(), fault.told()), (None, None, "action is needed".to_owned()));
        let json = serde_json::to_string(fault.answer()).unwrap();
        assert_eq!(json, "{}", "no fields are written");
    }
}
