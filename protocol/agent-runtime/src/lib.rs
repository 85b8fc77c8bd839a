//! What both agents run on.
//!
//! An agent is straight-line code over idempotent [`Step`]s. A [`Pass`] walks them from the first; a [`mod@drive`] repeats
//! passes until one goes through. Nothing is remembered between passes but what AWS holds; what this process has just done
//! is kept only to give AWS time to show it ([`step::write_log`]).
//!
//! | module | what it owns |
//! |---|---|
//! | [`gate`] | permits for what AWS or the operator limits |
//! | [`step`] | one resource, one postcondition; a wait that only observes |
//! | [`step::pass`] | one walk over the steps; acting, planning or looking |
//! | [`step::write_log`] | what this process has just done, and how long AWS may still hide it |
//! | [`step::schedule`] | when work is polled |
//! | [`mod@drive`] | passes of one handoff until it is done, blocked or failed |
//! | [`fault`], [`codes`] | what went wrong, whose fault it is likely to be, how to mend it |
//! | [`denial`], [`statement`] | which policy is in the way, in AWS's words; what whoever owns it adds |
//! | [`shared`], [`known`], [`inventory`], [`quotas`] | reads that all handoffs of a process share |
//! | [`copies`] | how many copies and snapshots more there may be |
//! | [`snapshot`], [`database`] | what an agent sees of RDS; SDK types stop there |
//! | [`clients`], [`caller`] | AWS clients through one constructor; who we are |
//! | [`queue`] | an SQS queue |
//! | [`mod@check`], [`policy`] | whether what a handoff needs is there; what a policy says |
//! | [`event`] | what happens in `run` and `hello`, and the trait of what takes it |
//! | [`ui`] | sinks of events: text, JSON lines and bars; what `plan` and `status` print |
//! | [`text`] | how durations and times are written |
//! | [`mod@config`], [`start`], [`exit`] | configuration files; flags and the process around an agent; exit codes |

pub mod caller;
pub mod check;
pub mod clients;
pub mod clock;
pub mod codes;
pub mod config;
pub mod copies;
pub mod database;
pub mod denial;
pub mod drive;
pub mod event;
pub mod exit;
pub mod fault;
pub mod gate;
pub mod inventory;
pub mod known;
pub mod policy;
pub mod queue;
pub mod quotas;
pub mod senders;
pub mod shared;
pub mod snapshot;
pub mod start;
pub mod statement;
pub mod step;
pub mod step_id;
pub mod text;
pub mod ui;

pub use clients::Clients;
pub use clock::Clock;
pub use drive::{Drive, End, drive};
pub use event::{Event, Sink, Subject};
pub use exit::Exit;
pub use fault::{AwsResult, Fault, FaultKind};
pub use inventory::Inventory;
pub use start::Env;
pub use step::pass::{Flow, Halt, Mode, Pass, PassContext};
pub use step::{Acted, NextPoll, Observed, Progress, Step, StepId, SupplyAge, Wait, Working};
