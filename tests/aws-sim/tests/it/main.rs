//! What the simulated AWS allows and refuses, as seen by AWS SDK clients.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in tests an unexpected result must fail")]

mod asynchronous;
mod backups;
mod clerk;
mod condition_keys;
mod creations;
mod disturbances;
mod encryption;
mod grants;
mod groups;
mod handing_over;
mod key_states;
mod keys;
mod lab;
mod lags;
mod layers;
mod loopback;
mod malformed;
mod messages;
mod modifications;
mod names;
mod observers;
mod over_there;
mod permissions;
mod policies;
mod procedure;
mod program;
mod protocol;
mod queue_rules;
mod queues;
mod quotas;
mod restore_settings;
mod restores;
mod roles;
mod sharing;
mod signatures;
mod signing;
mod snapshots;
mod weather;
