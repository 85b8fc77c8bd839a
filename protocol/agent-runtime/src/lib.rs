//! The runtime of both agents.
//!
//! An agent is straight-line code over idempotent [`Step`]s. A [`Pass`] runs them from the first; the [`fleet`] repeats
//! passes until one completes. All state between passes is in AWS. The process also remembers its recent calls, to
//! allow for propagation delay ([`step::write_log`]).
//! | module | content |
//! |---|---|
//! | [`text`], [`mod@config`], [`exit`], [`clock`] | how durations and times are written; configuration files; exit codes |
//! | [`poll`] | polling: work of AWS or the other account, and when it is polled |
//! | [`fault`] | what went wrong, its likely cause, how to fix it |
//! | [`event`] | the events of `run` and `hello`, and the trait of their sinks |
//! | [`gate`] | permits and slot queues for resources that AWS or the operator limits |
//! | [`aws`] | clients, queues, quotas and policies; the read cache; views of RDS resources |
//! | [`step`] | one resource, one postcondition; a wait that only observes |
//! | [`step::pass`] | one run through the steps: acting, planning or reading |
//! | [`step::write_log`] | the calls that this process has made, and their propagation delay |
//! | [`fleet`] | the engine that both agents run on: handoffs, mailboxes, shutdown and backoff |
//! | [`ui`] | sinks of events: text, JSON lines and bars; what `plan` and `status` print |
//! | [`mod@check`], [`process`] | the requirements of a handoff; command line flags, signals and logs of an agent's process |

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
