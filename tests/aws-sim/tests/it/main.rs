//! What the simulated AWS allows and refuses, as seen by AWS SDK clients.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in tests an unexpected result must fail")]

mod asynchronous;
mod backups;
mod condition_keys;
mod copied_snapshot;
mod creations;
mod encryption;
mod grants;
mod groups;
mod handoff_limits;
mod identifiers;
mod injected_faults;
mod key_states;
mod keys;
mod lab;
mod layers;
mod loopback;
mod malformed;
mod messages;
mod modifications;
mod observers;
mod permission_probe;
mod permissions;
mod policies;
mod procedure;
mod program;
mod propagation_delays;
mod protocol;
mod queue_rules;
mod queues;
mod quotas;
mod rates_and_faults;
mod restore_settings;
mod restores;
mod roles;
mod sharing;
mod signatures;
mod signing;
mod snapshots;
