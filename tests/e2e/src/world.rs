//! What a Lab starts with.

use std::time::Duration;

use aws_sim::{Durations, Quotas};

/// What a Lab starts with: the settings of the simulated AWS, and the resources of account A.
#[derive(Debug, Clone)]
pub struct World {
    /// Seeds the simulated AWS and the SDK's own jitter.
    pub seed: u64,
    /// The durations of AWS's asynchronous work.
    pub durations: Durations,
    /// The propagation delay of authorization: for how long after a change of a key, policy or grant the previous state
    /// applies.
    pub authorization_lag: Duration,
    /// One message in this many is delivered twice.
    pub duplicates: Option<u32>,
    /// The databases of account A.
    pub databases: Vec<&'static str>,
    /// Account A's administrators create the handoff key (`key_mode = "existing"`).
    pub existing_key: bool,
    /// Account A has a queue of requests.
    pub requests: bool,
    /// The service quotas of both accounts.
    pub quotas: Quotas,
    /// The greatest age of a stale read. Zero keeps no history, which saves the memory of a large world.
    pub remembers: Duration,
    /// Whether the auditor checks each call. It walks over the whole world, which is too slow for a benchmark of
    /// thousands.
    pub audited: bool,
}

impl World {
    /// One database, and durations like those of AWS: hours.
    pub fn slow() -> Self {
        Self {
            seed: 1,
            durations: Durations::default(),
            authorization_lag: Duration::ZERO,
            duplicates: None,
            databases: vec!["orders"],
            existing_key: false,
            requests: false,
            quotas: Quotas::default(),
            remembers: Duration::from_secs(30),
            audited: true,
        }
    }

    /// One database, and durations of seconds, for scenarios about calls and not about waiting.
    pub fn quick() -> Self {
        let durations = Durations {
            snapshot: Duration::from_secs(8),
            copy_across_regions: Duration::from_secs(8),
            copy_within_region: Duration::from_secs(8),
            restore: Duration::from_secs(8),
            create_database: Duration::from_secs(8),
            key_creation: Duration::from_secs(2),
            modification: Duration::from_secs(5),
        };
        Self { durations, ..Self::slow() }
    }
}
