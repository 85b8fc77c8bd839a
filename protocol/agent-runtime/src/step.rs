//! A step: one resource, one postcondition. A wait: a step that only observes.

pub mod pass;
pub mod write_log;

use std::time::Duration;

use jiff::Timestamp;

use crate::event::Verb;
use crate::fault::Fault;
use crate::gate::{Claim, Supply, SupplyAge};
use crate::poll::{Progress, Working};
pub use crate::step_id::StepId;

/// What a step sees of its resource.
#[derive(Debug)]
pub enum Observed<T> {
    /// It is not there: there is something to do.
    Todo,
    /// AWS, or the other account, is working on it.
    Working(Working),
    /// It is as it should be; carries what later steps need.
    Ready(T),
}

impl<T> From<Progress<T>> for Observed<T> {
    fn from(progress: Progress<T>) -> Self {
        match progress {
            Progress::Working(working) => Self::Working(working),
            Progress::Ready(output) => Self::Ready(output),
        }
    }
}

/// What a step's `act` has done.
#[derive(Debug)]
pub enum Acted {
    /// It made its call, and AWS took it.
    Done,
    /// There was nothing left to do: somebody has done or ended it since it was observed.
    Nothing,
    /// AWS refused the call because a limit is reached; whether it is that of the step's permit, a new supply tells.
    Limited(Fault),
}

/// The hint of a step that nothing special is known of.
pub const STALL_HINT: &str = "RDS's events, AWS Health and, for a copy, other copies of the same database may tell why";

/// A step that only observes.
#[expect(async_fn_in_trait, reason = "everything of one agent runs on one thread, by design")]
pub trait Wait {
    /// What [`Progress::Ready`] carries.
    type Output;
    /// What the step before it does to the resource that it waits for.
    const VERB: Verb = Verb::Create;
    /// Whether AWS takes minutes over it, and shows it in a listing: it is polled that much later.
    const SLOW: bool = false;
    /// Where a person may find out why nothing moves.
    const STALL_HINT: &'static str = STALL_HINT;

    /// Its name.
    fn id(&self) -> StepId;
    /// The deterministic name of the resource.
    fn resource(&self) -> String;
    /// What is waited for, for a person.
    fn describe(&self) -> String;
    /// Reads only.
    async fn observe(&self) -> Result<Progress<Self::Output>, Fault>;
    /// What `Ready` would carry, for `plan`.
    fn foresee(&self) -> Self::Output;
}

/// One resource, one postcondition. `observe` only reads, `act` makes one mutating call and its answer is not trusted: the
/// next pass observes again. So a process that dies anywhere has died between two passes.
#[expect(async_fn_in_trait, reason = "everything of one agent runs on one thread, by design")]
pub trait Step {
    /// What [`Observed::Ready`] carries.
    type Output;
    /// What `act` does.
    const VERB: Verb = Verb::Create;
    /// How long AWS may still hide what `act` did. Until then "absent" after our own act is `Working`.
    const SETTLE: Duration = Duration::from_secs(5);
    /// Whether `act` is not idempotent by name. Then a process acts only when it has seen nothing twice, `SETTLE` apart: what
    /// a process before it did may still be hidden.
    const LOOK_TWICE: bool = false;
    /// Whether AWS takes minutes over what `act` begins, and shows it in a listing: it is polled that much later.
    const SLOW: bool = false;
    /// Whether handoffs share the resource, as a key: then one of them acts on it at a time.
    const SHARED: bool = false;
    /// Where a person may find out why nothing moves.
    const STALL_HINT: &'static str = STALL_HINT;

    /// Its name.
    fn id(&self) -> StepId;
    /// The deterministic name of the resource.
    fn resource(&self) -> String;
    /// What would be done, or has been, for a person.
    fn describe(&self) -> String;
    /// Reads only; reads may be kept in the cache.
    async fn observe(&self) -> Result<Observed<Self::Output>, Fault>;
    /// One mutating call.
    async fn act(&self) -> Result<Acted, Fault>;
    /// What `Ready` would carry, for `plan`.
    fn foresee(&self) -> Self::Output;
    /// When we last changed a key, policy, tag or share that this step depends on, by AWS's own record. A refusal soon after
    /// means that AWS is still spreading the change.
    fn changed(&self) -> Option<Timestamp> {
        None
    }
    /// The permit that `act` needs. It is acquired before `act`, and held while the resource is there until the step that the
    /// claim names is ready.
    fn claim(&self) -> Option<Claim> {
        None
    }
    /// How much there is of what the claim is for. Asked only where there is a claim.
    async fn supply(&self, age: SupplyAge) -> Result<Option<Box<dyn Supply>>, Fault> {
        let _ = age;
        Ok(None)
    }
}
