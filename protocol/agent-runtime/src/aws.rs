//! AWS: clients, the read cache, queues, policies and quotas.

pub mod cache;
pub mod caller;
pub mod clients;
pub mod copies;
pub mod freshness;
pub mod policy;
pub mod queue;
pub mod quotas;
pub mod rds;
pub mod senders;
