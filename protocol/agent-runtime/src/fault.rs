//! One fault type, three kinds.

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

/// How AWS answered a request that failed: what AWS Support and CloudTrail find the request by.
///
/// `Display` is what is appended to the words of a fault, with a space in front: ` (request id ..., HTTP 400)`. It is empty for a
/// fault that no answer of AWS stands behind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The request id that AWS gave, which differs from one attempt to the next.
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

/// Something that went wrong. `Display` names this layer only; [`Fault::chain`] tells all.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Fault {
    /// What follows.
    pub kind: FaultKind,
    what: String,
    hint: Option<String>,
    /// The hint is of AWS's own words.
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

    /// This handoff stops.
    pub fn fatal(what: impl Into<String>) -> Self {
        Self::new(FaultKind::Fatal, what)
    }

    /// Somebody must move.
    pub fn blocked(what: impl Into<String>) -> Self {
        Self::new(FaultKind::Blocked, what)
    }

    /// A resource of ours that AWS reports as failed, or another end of this kind.
    #[must_use]
    pub fn because(self, reason: Reason) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// How to fix it; it wins over the hint of the table of codes.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// How to fix it, where AWS's own words do not tell: which policy is in the way they know best.
    #[must_use]
    pub fn or_hint(self, hint: impl FnOnce() -> String) -> Self {
        if self.exact { self } else { self.hint(hint()) }
    }

    /// A request that AWS refuses, and would again, for what this account's own configuration says: it is corrected there, and
    /// the handoff goes on.
    #[must_use]
    pub fn fixed_by(self, configuration: impl FnOnce() -> String) -> Self {
        match (self.kind, &self.code) {
            (FaultKind::Fatal, Some(_)) => Self { kind: FaultKind::Blocked, hint: Some(configuration()), ..self },
            _ => self,
        }
    }

    /// A fault that is told of again: this is how AWS answered the request behind it.
    #[must_use]
    pub fn answered(self, answer: Answer) -> Self {
        Self { answer: answer.into(), ..self }
    }

    /// Where it happened.
    #[must_use]
    pub fn at(self, step: StepId) -> Self {
        Self { step: self.step.or(Some(step)), ..self }
    }

    /// A resource of our name that is somebody else's. It is left untouched.
    pub fn not_ours(what: &str, difference: &str) -> Self {
        Self::fatal(format!("{what} exists and is not ours: {difference}"))
            .because(Reason::NameTaken)
            .hint("it was left untouched; rename or remove it, or move the database under another label")
    }

    /// The error code that AWS gave.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// How AWS answered; empty where it did not, or where no request is behind the fault.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// The request id that AWS gave, for AWS Support and CloudTrail.
    pub fn request_id(&self) -> Option<&str> {
        self.answer.request_id.as_deref()
    }

    /// The HTTP status of AWS's answer.
    pub fn status(&self) -> Option<u16> {
        self.answer.status
    }

    /// The closed reason that the other account may be told.
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

    /// Whether AWS refused a request for want of a permission or of something that it could not see.
    pub fn is_refusal(&self) -> bool {
        self.code.as_deref().is_some_and(codes::is_refusal)
    }

    /// This fault and what caused it, outermost first, with AWS's request id and status: for a person, and for logs.
    pub fn told(&self) -> String {
        format!("{}{}", self.chain(), self.answer)
    }

    /// This fault and what caused it, outermost first. The same refusal has the same words each time: what differs from one
    /// attempt to the next, as the request id, stands in [`Fault::answer`].
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

/// Turns the SDK's answers into values and faults: what is missing, or exists already, is no fault.
pub trait AwsResult<T>: Sized {
    /// The operation's own error.
    type Error;

    /// Every error is a fault. `operation` is `service:Operation`.
    fn op(self, operation: &'static str) -> Result<T, Fault>;

    /// An error that `is` recognises means `None`.
    fn missing_ok(self, operation: &'static str, is: fn(&Self::Error) -> bool) -> Result<Option<T>, Fault>;

    /// An error that `is` recognises means that it was done before: the next observation will tell by whom.
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

/// The SDK asks for credentials inside a call: their absence is a cause deep below it.
fn is_for_want_of_credentials(error: &(dyn Error + 'static)) -> bool {
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
    let penniless = is_for_want_of_credentials(&error);
    let kind = match &error {
        _ if penniless => FaultKind::Blocked,
        SdkError::ServiceError(_) => codes::kind(code.as_deref(), answer.status),
        SdkError::ConstructionFailure(_) => FaultKind::Blocked,
        _ => FaultKind::Transient,
    };
    let told = message.as_deref().and_then(|message| Denial::read(message, operation)?.fix());
    let exact = told.is_some();
    let what = match (&code, message) {
        (Some(code), Some(message)) => format!("{operation} answered {code}: {message}"),
        (Some(code), None) => format!("{operation} answered {code}"),
        (None, _) => format!("{operation} got no answer"),
    };
    let hint = match code.as_deref() {
        Some(_) if exact => told,
        Some(code) => codes::hint(code).map(str::to_owned),
        None if penniless || kind == FaultKind::Blocked => Some(codes::NO_CREDENTIALS.to_owned()),
        None => Some(codes::NO_ANSWER.to_owned()),
    };
    // The service's own message stands in `what` already; what is below it tells of connections and time-outs.
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

    /// What becomes of a refusal with this request id in its headers.
    fn refused(request_id: Option<&'static str>) -> Fault {
        let mut response = HttpResponse::new(StatusCode::try_from(403).unwrap(), SdkBody::empty());
        if let Some(id) = request_id {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        let meta = ErrorMetadata::builder().code("AccessDenied").message("no").build();
        from_sdk("sts:GetCallerIdentity", SdkError::service_error(GetCallerIdentityError::generic(meta), response))
    }

    #[test]
    fn fault_of_an_answer_carries_its_request_id_and_status_beside_its_words() {
        let (one, other) = (refused(Some("11-22")), refused(Some("33-44")));
        assert_eq!((one.request_id(), one.status()), (Some("11-22"), Some(403)));
        assert_eq!(one.told(), "sts:GetCallerIdentity answered AccessDenied: no (request id 11-22, HTTP 403)");
        assert_eq!(one.chain(), other.chain(), "the same refusal is no news");
        assert_ne!(one.told(), other.told());
        assert_eq!(refused(None).told(), "sts:GetCallerIdentity answered AccessDenied: no (HTTP 403)");
    }

    #[test]
    fn fault_without_an_answer_has_neither() {
        let fault = Fault::blocked("nobody has moved");
        assert_eq!((fault.request_id(), fault.status(), fault.told()), (None, None, "nobody has moved".to_owned()));
        let json = serde_json::to_string(fault.answer()).unwrap();
        assert_eq!(json, "{}", "nothing is written for it");
    }
}
