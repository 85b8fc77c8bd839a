//! A step: one resource, one postcondition.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::fault::Fault;
pub use crate::step_id::StepId;

/// What a step sees of its resource.
#[derive(Debug)]
pub enum Observed<T> {
    /// It is not there: there is something to do.
    Todo,
    /// AWS, or the other account, is at it.
    Working(Working),
    /// It is as it should be; carries what later steps need.
    Ready(T),
}

/// Work that goes on without us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Working {
    /// For a person: `copying`, `waiting for account 222222222222`.
    pub state: String,
    /// As AWS reports it.
    pub percent: Option<u8>,
    /// When the work began, as AWS reports it.
    pub since: Option<Timestamp>,
    /// When it will be over, where that is known.
    pub until: Option<Timestamp>,
    /// Nobody is at it: another account, or a place in a line, is waited for.
    pub waits: bool,
    /// AWS takes minutes over it: it is of a step that is [`Step::SLOW`].
    pub slow: bool,
}

impl Working {
    /// Work of which nothing more is known.
    pub fn new(state: impl Into<String>) -> Self {
        Self { state: state.into(), percent: None, since: None, until: None, waits: false, slow: false }
    }

    /// Nobody is at it: `what` is waited for.
    pub fn waiting_for(what: impl fmt::Display) -> Self {
        Self { waits: true, ..Self::new(format!("waiting for {what}")) }
    }
}

/// One resource, one postcondition. `observe` only reads, `act` makes one mutating call and its answer is not trusted: the
/// next pass observes again. So a process that dies anywhere has died between two passes.
#[expect(async_fn_in_trait, reason = "everything of one agent runs on one thread, by design")]
pub trait Step {
    /// What [`Observed::Ready`] carries.
    type Output;
    /// Its name.
    const ID: StepId;
    /// How long AWS may still hide what `act` did. Until then "absent" after our own act is `Working`.
    const SETTLE: Duration = Duration::from_secs(5);
    /// Whether `act` is not idempotent by name. Then a process acts only when it has seen nothing twice, `SETTLE` apart: what
    /// a process before it did may still be hidden.
    const LOOK_TWICE: bool = false;
    /// Whether AWS takes minutes over what `act` begins, and shows it in a listing: it is looked at that much later.
    const SLOW: bool = false;
    /// Where a person may find out why nothing moves.
    const STALL_HINT: &'static str =
        "RDS's events, AWS Health and, for a copy, other copies of the same database may tell why";

    /// The deterministic name of the resource: with `ID`, what two handoffs of one process have in common.
    fn resource(&self) -> String;
    /// What would be done, or has been, for a person.
    fn describe(&self) -> String;
    /// Reads only.
    async fn observe(&self) -> Result<Observed<Self::Output>, Fault>;
    /// One mutating call.
    async fn act(&self) -> Result<(), Fault>;
    /// What `Ready` would carry, for `plan`.
    fn foresee(&self) -> Self::Output;
    /// When we last changed a key, policy, tag or share that this step depends on, by AWS's own record. A refusal soon after
    /// means that AWS is still spreading the change.
    fn changed(&self) -> Option<Timestamp> {
        None
    }
}
