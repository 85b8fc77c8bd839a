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

/// What a step observes of its resource.
#[derive(Debug)]
pub enum Observed<T> {
    /// It is absent or not as required: the step must act.
    Todo,
    /// AWS, or the other account, is working on it.
    Working(Working),
    /// It is as required; carries what later steps need.
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

/// The result of a step's `act`.
#[derive(Debug)]
pub enum Acted {
    /// AWS accepted the call.
    Done,
    /// No call was needed: the resource was changed or deleted after it was observed.
    Nothing,
    /// AWS refused the call because a limit is reached. A newly read supply shows whether it is the limit of the step's
    /// permit.
    Limited(Fault),
}

/// The default hint for a step that makes no progress.
pub const STALL_HINT: &str =
    "to find the cause, check RDS events, AWS Health and, for a copy, other copies of the same database";

/// A step that only observes.
#[expect(async_fn_in_trait, reason = "an agent runs on one thread, by design")]
pub trait Wait {
    /// What [`Progress::Ready`] carries.
    type Output;
    /// What the preceding step does to the resource that this one waits for.
    const VERB: Verb = Verb::Create;
    /// Whether AWS takes minutes for it and a listing shows it: then the first poll is later.
    const SLOW: bool = false;
    /// Where an operator can find out why there is no progress.
    const STALL_HINT: &'static str = STALL_HINT;

    /// The step's name.
    fn id(&self) -> StepId;
    /// The deterministic name of the resource.
    fn resource(&self) -> String;
    /// What is waited for, as display text.
    fn describe(&self) -> String;
    /// Reads only.
    async fn observe(&self) -> Result<Progress<Self::Output>, Fault>;
    /// What `Ready` would carry; used by `plan`.
    fn planned_output(&self) -> Self::Output;
}

/// A step: one resource, one postcondition. `observe` only reads. `act` makes one mutating call; its response is not
/// relied on, since the next pass observes again. So a crash at any point is equivalent to a crash between two passes.
#[expect(async_fn_in_trait, reason = "an agent runs on one thread, by design")]
pub trait Step {
    /// What [`Observed::Ready`] carries.
    type Output;
    /// What `act` does.
    const VERB: Verb = Verb::Create;
    /// The propagation delay: how long AWS may not yet show what `act` did. Until then, a resource that is absent after
    /// our own call counts as `Working`.
    const PROPAGATION_DELAY: Duration = Duration::from_secs(5);
    /// Whether `act` is not idempotent by name. Then a process acts only after it has observed the resource as absent
    /// twice, `PROPAGATION_DELAY` apart: AWS may not yet show what an earlier process created.
    const OBSERVE_TWICE: bool = false;
    /// Whether AWS takes minutes for what `act` starts and a listing shows it: then the first poll is later.
    const SLOW: bool = false;
    /// Whether several handoffs share the resource, for example a key: then only one of them acts on it at a time.
    const SHARED: bool = false;
    /// Where an operator can find out why there is no progress.
    const STALL_HINT: &'static str = STALL_HINT;

    /// The step's name.
    fn id(&self) -> StepId;
    /// The deterministic name of the resource.
    fn resource(&self) -> String;
    /// What `act` does or has done, as display text.
    fn describe(&self) -> String;
    /// Reads only; may use the read cache.
    async fn observe(&self) -> Result<Observed<Self::Output>, Fault>;
    /// One mutating call.
    async fn act(&self) -> Result<Acted, Fault>;
    /// What `Ready` would carry; used by `plan`.
    fn planned_output(&self) -> Self::Output;
    /// When this agent last changed a key, policy, tag or share that this step depends on, according to AWS. A refusal
    /// soon after is treated as propagation delay of that change.
    fn changed(&self) -> Option<Timestamp> {
        None
    }
    /// The claim for the permit that `act` needs. The permit is acquired before `act`, and held until the step that the
    /// claim names is ready.
    fn claim(&self) -> Option<Claim> {
        None
    }
    /// The supply of the claimed permit. Called only if there is a claim.
    async fn supply(&self, age: SupplyAge) -> Result<Option<Box<dyn Supply>>, Fault> {
        let _ = age;
        Ok(None)
    }
}
