//! The invariants, and the input and output of their rules.

use std::collections::BTreeSet;

/// An invariant, which holds after each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// A snapshot is shared, a handoff key's policy allows the target account, and a grant made under that account is
    /// on the key, only while a handoff of that route has an offer and is not settled. The policy and grants of an
    /// existing key (route tag `key=given`) are its administrators'.
    Access,
    /// A handoff has at most one source snapshot, shared copy, target copy and restored database, and the alias of a
    /// handoff key names the same key in all Regions.
    Once,
    /// No more copies are in flight to a Region, and no more restores in an account, than the one process of that role
    /// is configured for. With two processes of a role AWS's own quota is the limit instead, and the simulated AWS
    /// refuses what exceeds it.
    Limits,
    /// Resources that are not the handoff's own are not created, changed, tagged or deleted.
    Foreign,
    /// A source snapshot or target copy is not deleted. The tags of its identity, and the outcome in `ended` and
    /// `settled`, are not removed or changed; `offer` is not removed, and not changed after `published` is set.
    Record,
    /// The time in `ended` and `settled` is not written again, except within a minute: two agents may mark the end at
    /// the same time, and an agent whose call was not answered may not see its own tag yet.
    EndOnce,
}

impl Invariant {
    /// All invariants.
    pub const ALL: [Self; 6] = [Self::Access, Self::Once, Self::Limits, Self::Foreign, Self::Record, Self::EndOnce];
}

/// What is broken in a world: the invariant, and the details.
pub(super) type Findings = BTreeSet<(Invariant, String)>;

/// How much the configuration of one agent process allows in flight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) copies: usize,
    pub(crate) restores: usize,
}

impl Limits {
    /// The limits of a configuration file, or the default of 20.
    pub(crate) fn of(configuration: &str) -> Self {
        let number = |name: &str| {
            let values = configuration.lines().filter_map(|line| line.strip_prefix(name)?.trim().strip_prefix('='));
            values.filter_map(|value| value.trim().parse().ok()).next_back().unwrap_or(20)
        };
        Self { copies: number("copies_in_flight"), restores: number("restores_in_flight") }
    }
}
