//! RDS resources as the agents use them. SDK types do not leave this module.

pub mod database;
pub mod snapshot;
