//! What is read from AWS, and through which clients.

pub mod caller;
pub mod clients;
pub mod copies;
pub mod inventory;
pub mod known;
pub mod policy;
pub mod queue;
pub mod quotas;
pub mod rds;
pub mod senders;
pub mod shared;
