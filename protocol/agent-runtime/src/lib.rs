//! What both agents run on.
//!
//! An agent is straight-line code over idempotent [`Step`]s. A [`Pass`] walks them from the first; a [`mod@drive`] repeats
//! passes until one goes through. Nothing is remembered between passes but what AWS holds; what this process has just done
//! is kept only to give AWS time to show it ([`acts::Acts`]).
//!
//! | module | what it owns |
//! |---|---|
//! | [`step`] | one resource, one postcondition |
//! | [`pass`] | one walk over the steps; acting, planning or looking |
//! | [`acts`] | what this process has just done, and how long AWS may still hide it |
//! | [`mod@drive`] | passes of one handoff until it is done, blocked or failed |
//! | [`pace`] | when to look again |
//! | [`fault`], [`codes`] | what went wrong, whose fault it is likely to be, how to mend it |
//! | [`denial`], [`statement`] | which policy is in the way, in AWS's words; what whoever owns it adds |
//! | [`shared`], [`known`], [`inventory`], [`quotas`] | reads that all handoffs of a process share |
//! | [`mod@line`], [`copies`] | who waits for what there is little of, and who is next |
//! | [`snapshot`], [`database`] | what an agent sees of RDS; SDK types stop there |
//! | [`clients`], [`caller`] | AWS clients through one constructor; who we are |
//! | [`queue`] | an SQS queue |
//! | [`mod@check`], [`policy`] | whether what a handoff needs is there; what a policy says |
//! | [`event`] | what happens in `run` and `hello`, and the trait of what takes it |
//! | [`ui`] | sinks of events: text, JSON lines and bars; what `plan` and `status` print |
//! | [`settings`], [`start`], [`exit`] | configuration files; flags and the process around an agent; exit codes |

pub mod acts;
pub mod caller;
pub mod check;
pub mod clients;
pub mod clock;
pub mod codes;
pub mod copies;
pub mod database;
pub mod denial;
pub mod drive;
pub mod event;
pub mod exit;
pub mod fault;
pub mod inventory;
pub mod known;
pub mod line;
pub mod pace;
pub mod pass;
pub mod policy;
pub mod queue;
pub mod quotas;
pub mod senders;
pub mod settings;
pub mod shared;
pub mod snapshot;
pub mod start;
pub mod statement;
pub mod step;
pub mod ui;

pub use clients::Clients;
pub use clock::Clock;
pub use drive::{Drive, End, drive};
pub use event::{Event, Sink, Subject};
pub use exit::Exit;
pub use fault::{AwsResult, Fault, FaultKind};
pub use inventory::Inventory;
pub use pass::{Flow, Halt, Mode, Pass};
pub use start::Env;
pub use step::{Observed, Step, StepId, Working};
