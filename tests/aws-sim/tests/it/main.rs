//! What the simulated AWS allows and refuses, as real SDK clients see it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: what should not happen fails them")]

mod asynchronous;
mod disturbances;
mod keys;
mod lab;
mod loopback;
mod over_there;
mod policies;
mod procedure;
mod program;
mod protocol;
mod queues;
mod quotas;
mod restores;
mod roles;
mod sharing;
mod signatures;
mod snapshots;
mod weather;
