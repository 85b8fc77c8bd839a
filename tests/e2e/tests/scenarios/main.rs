//! End-to-end scenarios of both agents against the simulated AWS. They are one test binary, so that it links once.

#![expect(clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "a failed expectation ends the scenario")]

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
