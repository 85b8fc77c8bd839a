//! What an agent sees of RDS. SDK types stop here.

pub mod database;
pub mod snapshot;
