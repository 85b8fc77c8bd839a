//! Where a test disturbs what passes between an agent and AWS.

use std::fmt::Debug;
use std::time::Duration;

use crate::Call;

/// Judges each request of one transport, before anything happens to it.
pub trait Gate: Send + Sync + Debug {
    /// What becomes of `call`, whose `answer` is still empty. Asked once per request, in order of arrival.
    fn judge(&self, call: &Call) -> Disturbance;
}

/// What may happen to a request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// Nothing.
    None,
    /// AWS answers that the rate is exceeded. No effect.
    Throttle,
    /// AWS answers 500. No effect.
    ServerError,
    /// It takes effect, then the connection breaks before the answer.
    LostAnswer,
    /// The connection breaks before AWS sees the request. No effect.
    Refuse,
    /// No answer ever comes: the client is about to be killed.
    NeverAnswer {
        /// Whether the request takes effect.
        effect: bool,
    },
    /// The request is held up this long, then takes effect and is answered.
    Delay(Duration),
    /// It takes effect at once, and is answered this much later.
    LateAnswer(Duration),
    /// A read of RDS or KMS is answered from the world as it was this long ago: at most 30 s, and not before the world
    /// began. Nothing happens to any other request.
    StaleRead(Duration),
}
