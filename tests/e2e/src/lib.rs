//! The Lab: two accounts and both agents in one simulated AWS, on a paused clock.
//!
//! Account A is 111111111111 in ap-northeast-1, account B is 222222222222 in us-west-2. Each agent runs through the
//! same `run` function as its binary, with the real SDK clients and the credentials of its own account's role.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "it serves tests: a failed setup or a broken invariant ends them"
)]

mod admin;
mod auditor;
mod corpus;
pub mod cost;
mod differences;
mod disturb;
mod kill;
mod lab;
mod output;
mod pane;
mod random_faults;
mod reduce;
mod world;

pub use admin::Admin;
pub use auditor::Invariant;
pub use corpus::Case;
pub use differences::{differences, without_unused_keys};
pub use disturb::Disturb;
pub use kill::{Kill, Moment};
pub use lab::{A, B, HOME, Lab, TARGET};
pub use output::{Ran, Told, without_request_ids};
pub use pane::Pane;
pub use random_faults::{InjectedFault, Place, RandomFaults, renumbered};
pub use reduce::{reduce, reduce_kinds};
pub use world::World;
