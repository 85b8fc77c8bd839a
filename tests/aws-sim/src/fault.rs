//! A refusal, before it is formatted for a protocol.

use std::panic::Location;

/// An error answer of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// The line of this crate that refused the request.
    pub(crate) rule: &'static Location<'static>,
}

/// A result, or AWS's refusal.
pub(crate) type Outcome<T> = Result<T, Fault>;

impl Fault {
    #[track_caller]
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), rule: Location::caller() }
    }

    /// The usual kind: HTTP 400.
    #[track_caller]
    pub(crate) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    #[track_caller]
    pub(crate) fn not_found(code: &str, message: impl Into<String>) -> Self {
        Self::new(404, code, message)
    }

    #[track_caller]
    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self::bad("InvalidParameterValue", message)
    }

    #[track_caller]
    pub(crate) fn combination(message: impl Into<String>) -> Self {
        Self::bad("InvalidParameterCombination", message)
    }

    #[track_caller]
    pub(crate) fn missing(name: &str) -> Self {
        Self::bad("MissingParameter", format!("The request must contain the parameter {name}."))
    }

    #[track_caller]
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::bad("ValidationException", message)
    }

    /// A failure of the service itself. Reaching it is a bug of the simulator, which is answered without a panic.
    #[track_caller]
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalFailure", message)
    }
}
