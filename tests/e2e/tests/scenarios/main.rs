//! The scenarios that define the project. One binary: it links once.

mod arrows;
mod crash;
mod disturb;
mod foreign;
mod happy;
mod input;
mod messages;
mod plan;
mod receipts;
mod trouble;
