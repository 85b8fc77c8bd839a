//! What both agents run on.
//!
//! An agent is straight-line code over idempotent [`Step`]s. A [`Pass`] walks them from the first; the [`fleet`] repeats
//! passes until one goes through. Nothing is remembered between passes but what AWS holds; what this process has just done
//! is kept only to give AWS time to show it ([`step::write_log`]).
//!
//! | module | what it owns |
//! |---|---|
//! | [`text`], [`mod@config`], [`exit`], [`clock`] | how durations and times are written; configuration files; exit codes |
//! | [`poll`] | work that goes on without us, and when it is polled |
//! | [`fault`] | what went wrong, whose fault it is likely to be, how to fix it |
//! | [`event`] | what happens in `run` and `hello`, and the trait of what takes it |
//! | [`gate`] | permits for what AWS or the operator limits |
//! | [`aws`] | clients, queues, quotas and policies; the cache of all that is read; what an agent sees of RDS |
//! | [`step`] | one resource, one postcondition; a wait that only observes |
//! | [`step::pass`] | one walk over the steps; acting, planning or looking |
//! | [`step::write_log`] | what this process has just done, and how long AWS may still hide it |
//! | [`fleet`] | the engine that both agents run on: handoffs, mailboxes, shutdown and back-off |
//! | [`ui`] | sinks of events: text, JSON lines and bars; what `plan` and `status` print |
//! | [`mod@check`], [`process`] | whether what a handoff needs is there; flags and the process around an agent |

pub mod aws;
pub mod check;
pub mod clock;
pub mod config;
pub mod event;
pub mod exit;
pub mod fault;
pub mod fleet;
pub mod gate;
pub mod poll;
pub mod process;
pub mod step;
pub mod step_id;
pub mod text;
pub mod ui;

pub use aws::cache::Cache;
pub use aws::clients::Clients;
pub use aws::freshness::Freshness;
pub use clock::Clock;
pub use event::{Event, Sink, Subject};
pub use exit::Exit;
pub use fault::{AwsResult, Fault, FaultKind};
pub use gate::SupplyAge;
pub use poll::{NextPoll, Progress, Working};
pub use process::Env;
pub use step::pass::{Flow, Halt, Mode, Pass, PassContext};
pub use step::{Acted, Observed, Step, StepId, Wait};
