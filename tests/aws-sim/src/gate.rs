//! Injecting faults into requests between a client and the simulated AWS.

use std::fmt::Debug;
use std::time::Duration;

use crate::Call;

/// Decides the fault of each request of one transport, before the request has any effect.
pub trait Gate: Send + Sync + Debug {
    /// The fault for `call`, whose `answer` is still empty. Called once per request, in order of arrival.
    fn judge(&self, call: &Call) -> Disturbance;
}

/// A fault in the transport of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// No fault.
    None,
    /// AWS answers that the rate is exceeded. No effect.
    Throttle,
    /// AWS answers 500. No effect.
    ServerError,
    /// It takes effect, then the connection breaks before the answer.
    LostAnswer,
    /// The connection breaks before AWS sees the request. No effect.
    Refuse,
    /// No answer is ever sent: the client is about to be killed.
    NeverAnswer {
        /// Whether the request takes effect.
        effect: bool,
    },
    /// The request is delayed this long, then takes effect and is answered.
    Delay(Duration),
    /// It takes effect at once, and is answered after this delay.
    LateAnswer(Duration),
    /// A read of RDS or KMS is answered from the state of this long ago: at most 30 s, and not from before the
    /// simulation began. Other requests are not affected.
    StaleRead(Duration),
}
