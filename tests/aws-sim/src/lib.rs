//! A simulated AWS of several accounts and Regions, in one process: RDS, KMS, SQS and STS.
//!
//! It is *strict*: what AWS refuses, it refuses, with AWS's own error code. Each rule names the page of AWS's
//! documentation that states it; where AWS documents nothing, the comment says `UNSOURCED` and the stricter reading is
//! taken. Encryption is real: a copy that could not have happened cannot be decrypted.
//!
//! Real clients drive it, either in process through [`Cloud::connector`], the HTTP client of an AWS SDK
//! configuration, or over loopback HTTP through [`serve`]. Time is [`Clock`], which follows tokio's clock, so a test on
//! a paused runtime lives through hours in milliseconds. Nothing runs in the background: the world is brought up to the
//! present at each request.
//!
//! Modules form no circle. What each service keeps stands below `world`, in its `store` and the files of one resource
//! (`kms/key.rs`, `rds/instance.rs`, `sqs/queue.rs`); what requests do to it stands above, and so do `authorization` and
//! `advance`.
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
mod envelope;
mod fault;
mod fingerprint;
mod gate;
mod hold;
mod ids;
mod in_process;
mod json;
mod kms;
mod lagging;
mod loopback;
mod pages;
mod passage;
mod past;
mod pattern;
mod policy;
mod principal;
mod program;
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
mod weather;
mod world;
mod world_file;
mod xml;

pub use access::Ground;
pub use calls::Call;
pub use clock::Clock;
pub use cloud::Cloud;
pub use database::Database;
pub use decision::Decision;
pub use gate::{Disturbance, Gate};
pub use in_process::InProcess;
pub use loopback::serve;
pub use principal::Credentials;
pub use program::main;
pub use rates::Rates;
pub use rds::endings::Ending;
pub use set_up::FULL_ACCESS;
pub use settings::{Durations, Lags, Quotas, Settings};
pub use weather::Weather;
