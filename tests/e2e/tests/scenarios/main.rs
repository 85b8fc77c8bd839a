//! The scenarios that define the project. One binary: it links once.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "what is not as it should be ends a scenario"
)]

mod admission;
mod arrows;
mod auditor;
mod blocked;
mod check;
mod cost;
mod crash;
mod deploy;
mod disturb;
mod existing_key;
mod foreign;
mod happy;
mod hello;
mod input;
mod least_privilege;
mod messages;
mod pages;
mod plan;
mod receipts;
mod report;
mod requests;
mod restore;
mod restrictions;
mod sample;
mod seeds;
mod trouble;
mod watched;
mod wave;
