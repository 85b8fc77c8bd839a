//! A simulated AWS of several accounts and Regions, in one process: RDS, KMS, SQS and STS.
//!
//! It is *strict*: what AWS refuses, it refuses, with AWS's own error code. Each rule cites the page of AWS's
//! documentation that states it; where AWS documents nothing, the comment says `UNSOURCED` and the stricter reading is
//! taken. Encryption is real: a copy that would have failed at AWS cannot be decrypted here.
//!
//! AWS SDK clients use it either in process through [`Cloud::connector`], the HTTP client of an SDK configuration, or
//! over loopback HTTP through [`serve`]. Time is [`Clock`], which follows tokio's clock, so a test on a paused runtime
//! simulates hours in milliseconds. There are no background tasks: each request first applies all events that are due.
//!
//! Modules have no circular dependencies. The state of each service is below `world`: in its `store`, and in one file
//! for each kind of resource (`kms/key.rs`, `rds/instance.rs`, `sqs/queue.rs`). The request handlers, `authorization`
//! and `advance` are above it.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use std::time::{Duration, SystemTime};
//!
//! let epoch = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
//! let cloud = aws_sim::Cloud::new(aws_sim::Settings::new(aws_sim::Clock::starting_at(epoch)));
//! let database = aws_sim::Database::new("111111111111", "eu-west-1", "orders");
//! cloud.create_database(database);
//! assert!(cloud.content("arn:aws:rds:eu-west-1:111111111111:db:orders").is_some());
//! # }
//! ```

mod access;
mod advance;
mod answer;
mod arn;
mod authentication;
mod authorization;
mod caller;
mod calls;
mod clock;
mod cloud;
mod condition;
mod context;
mod database;
mod decision;
mod delivery;
mod envelope;
mod fault;
mod fault_injection;
mod fingerprint;
mod gate;
mod history;
mod hold;
mod ids;
mod in_process;
mod json;
mod kms;
mod loopback;
mod observe;
mod pages;
mod pattern;
mod policy;
mod principal;
mod program;
mod propagation;
mod query;
mod rates;
mod rds;
mod referee;
mod request;
mod roles;
mod set_up;
mod settings;
mod sigv4;
mod sqs;
mod sts;
mod tags;
mod verdict;
mod world;
mod world_file;
mod xml;

pub use access::Ground;
pub use calls::Call;
pub use clock::Clock;
pub use cloud::Cloud;
pub use database::Database;
pub use decision::Decision;
pub use fault_injection::Weather;
pub use gate::{Disturbance, Gate};
pub use in_process::InProcess;
pub use loopback::serve;
pub use observe::{DatabaseView, GrantView, KeyView, Observer, SnapshotView, View};
pub use principal::Credentials;
pub use program::main;
pub use rates::Rates;
pub use rds::endings::Ending;
pub use set_up::FULL_ACCESS;
pub use settings::{Durations, Lags, Quotas, Settings};
