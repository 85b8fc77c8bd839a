//! The invariants, and what their rules need to be told and tell.

use std::collections::BTreeSet;

/// What holds after each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// A snapshot is shared, a handoff key's policy lets the target account in, and a grant made under that account is on the
    /// key, only while a handoff of that route has an offer and is not settled. Where administrators hold the key
    /// (`key=given`), its policy and its grants are theirs.
    Access,
    /// Of one handoff there is at most one source snapshot, one shared copy, one target copy and one restored database, and
    /// one alias of a handoff key names one key in all Regions.
    Once,
    /// No more copies are in flight to a Region, and no more restores in an account, than the one process of that role is
    /// configured to let there be. Where two processes of a role run at once nobody can keep to that: then AWS's own quota is
    /// the limit, and the simulated AWS refuses what exceeds it.
    Limits,
    /// What is not the handoff's own is not made, changed, tagged or deleted.
    Foreign,
    /// A source snapshot and a target copy are not deleted. Of their tags those that say what they are, and the outcome in
    /// `ended` and `settled`, are not removed or changed; `offer` is not removed, and after `published` not changed.
    Record,
    /// The time in `ended` and `settled` is not written anew, but within a minute: two agents may mark the end at once, and one whose
    /// call was not answered may not see yet that it has.
    EndOnce,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Access, Self::Once, Self::Limits, Self::Foreign, Self::Record, Self::EndOnce];
}

/// What is wrong in a world: the invariant, and what was found.
pub(super) type Findings = BTreeSet<(Invariant, String)>;

/// What the configuration of one agent process lets be in flight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) copies: usize,
    pub(crate) restores: usize,
}

impl Limits {
    /// As a configuration file says, or by default.
    pub(crate) fn of(configuration: &str) -> Self {
        let number = |name: &str| {
            let values = configuration.lines().filter_map(|line| line.strip_prefix(name)?.trim().strip_prefix('='));
            values.filter_map(|value| value.trim().parse().ok()).next_back().unwrap_or(20)
        };
        Self { copies: number("copies_in_flight"), restores: number("restores_in_flight") }
    }
}
