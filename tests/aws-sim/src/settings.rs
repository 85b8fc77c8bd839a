//! The settings of a simulation.

use std::time::Duration;

use crate::fault_injection::OLDEST_READ;
use crate::{Clock, Rates, Weather};

/// The settings of a simulation. Nothing else of the machine influences it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The simulated clock.
    pub clock: Clock,
    /// The seed of every id, data key and nonce: the same calls in the same order give the same state.
    pub seed: u64,
    /// Divides the durations of asynchronous work and the propagation delays; at least 1. It does not affect clocks and
    /// SQS timers.
    pub speed: u32,
    /// Divides the visibility timeouts and long polls of SQS; 1 is real time. A higher value is for tests that kill
    /// clients in real time and cannot wait for their messages to become visible again.
    pub queue_speed: u32,
    /// How long asynchronous work takes.
    pub durations: Durations,
    /// The propagation delays of changes.
    pub lags: Lags,
    /// The service quotas of each account and Region.
    pub quotas: Quotas,
    /// N: one receipt in N of a message is followed by another delivery of the same message, even if it has been
    /// deleted since: SQS delivers at least once. `None`: never.
    pub duplicates: Option<u32>,
    /// The request rate limits.
    pub rates: Rates,
    /// The rates of random faults.
    pub weather: Weather,
    /// The greatest age of a stale read, at most 30 s. States are kept for as long; zero saves memory in a large
    /// simulation.
    pub remembers: Duration,
    /// Whether each distinct authorization question is kept in full, for another evaluator to judge.
    pub records_questions: bool,
}

impl Settings {
    /// Seed 1, speed 1, the default durations and quotas, no propagation delays, no duplicates, no throttling and no
    /// random faults.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            seed: 1,
            speed: 1,
            queue_speed: 1,
            durations: Durations::default(),
            lags: Lags::default(),
            quotas: Quotas::default(),
            duplicates: None,
            rates: Rates::none(),
            weather: Weather::calm(),
            remembers: OLDEST_READ,
            records_questions: false,
        }
    }

    /// `duration` divided by `speed`.
    pub(crate) fn scaled(&self, duration: Duration) -> Duration {
        duration / self.speed.max(1)
    }
}

/// The durations of asynchronous work at speed 1. AWS publishes no figures, only that a copy "can take hours".
#[derive(Clone, Copy, Debug)]
pub struct Durations {
    /// `CreateDBSnapshot`.
    pub snapshot: Duration,
    /// `CopyDBSnapshot` from another Region.
    pub copy_across_regions: Duration,
    /// `CopyDBSnapshot` within a Region.
    pub copy_within_region: Duration,
    /// `RestoreDBInstanceFromDBSnapshot`.
    pub restore: Duration,
    /// `CreateDBInstance`.
    pub create_database: Duration,
    /// From `ReplicateKey` until the replica can be used, and from `UpdatePrimaryRegion` until it is complete.
    pub key_creation: Duration,
    /// `ModifyDBInstance`; a secret for the master password takes two fifths longer.
    pub modification: Duration,
}

impl Default for Durations {
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        Self {
            snapshot: minutes(20),
            copy_across_regions: minutes(180),
            copy_within_region: minutes(60),
            restore: minutes(30),
            create_database: minutes(10),
            key_creation: Duration::from_secs(5),
            modification: minutes(5),
        }
    }
}

/// Propagation delays: how long a change is visible before it takes effect, at speed 1. AWS says "typically less than a
/// few seconds ... in some cases several minutes" (KMS Developer Guide, AWS KMS eventual consistency).
#[derive(Clone, Copy, Debug, Default)]
pub struct Lags {
    /// Of key policies and queue policies, created and revoked grants, the use of new keys, and changed policies of
    /// roles and accounts (IAM User Guide, Troubleshoot IAM, Changes that I make are not always immediately visible).
    pub authorization: Duration,
}

/// Service quotas, each per account and Region unless stated otherwise (RDS User Guide, Quotas and constraints for
/// Amazon RDS).
#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// Snapshot copies in progress to one destination Region.
    pub copies_in_flight: usize,
    /// Manual DB snapshots.
    pub manual_snapshots: usize,
    /// Accounts that one manual snapshot is shared with.
    pub accounts_per_share: usize,
    /// DB instances.
    pub instances: usize,
    /// Grants on one key (KMS Developer Guide, Resource quotas).
    pub grants: usize,
    /// Messages of one queue that have been received and not deleted (SQS Developer Guide, Message quotas).
    pub messages_in_flight: usize,
    /// The storage of all DB instances together, in GiB.
    pub storage_gib: u64,
    /// DB parameter groups, without the default ones.
    pub parameter_groups: usize,
    /// Option groups, without the default ones.
    pub option_groups: usize,
    /// DB subnet groups.
    pub subnet_groups: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            copies_in_flight: 20,
            manual_snapshots: 100,
            accounts_per_share: 20,
            instances: 40,
            grants: 50_000,
            messages_in_flight: 120_000,
            storage_gib: 100_000,
            parameter_groups: 50,
            option_groups: 20,
            subnet_groups: 50,
        }
    }
}
