//! What a Lab is made with.

use std::time::Duration;

use aws_sim::{Durations, Quotas};

/// What a Lab is made with: the simulated AWS, and what stands in account A.
#[derive(Debug, Clone)]
pub struct World {
    /// Seeds the simulated AWS and the SDK's own jitter.
    pub seed: u64,
    /// How long AWS takes.
    pub durations: Durations,
    /// How long after a change of a key, policy or grant AWS still judges by what was before.
    pub authorization_lag: Duration,
    /// One message in so many is delivered once more.
    pub duplicates: Option<u32>,
    /// The databases of account A.
    pub databases: Vec<&'static str>,
    /// Account A's administrators make the handoff key.
    pub existing_key: bool,
    /// Account A has a queue of requests.
    pub requests: bool,
    /// The service quotas of both accounts.
    pub quotas: Quotas,
    /// How far back a stale read can look: a large world is spared that by zero.
    pub remembers: Duration,
    /// Whether the auditor looks at each call. It walks over the whole world, which is too slow for a benchmark of thousands.
    pub audited: bool,
}

impl World {
    /// One database, and the hours that AWS takes.
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

    /// One database, and an AWS so quick that little is waited for: what is left are the calls.
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
