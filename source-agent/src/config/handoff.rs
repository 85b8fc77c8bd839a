//! Declared handoffs: those of `[[handoff]]`, and those that a wave expands to.

use agent_runtime::config::InvalidSetting;
use jiff::SignedDuration;
use protocol::tags::Route;
use protocol::terms::read_duration;
use protocol::{AccountId, DbIdentifier, Label, Region, SourceFacts, Terms};
use serde::Deserialize;

use super::target::{Destination, Target};

/// `[[handoff]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileHandoff {
    pub(crate) database: DbIdentifier,
    pub(crate) label: Label,
    /// Optional if there is only one target.
    pub(crate) to_account: Option<AccountId>,
    /// Optional if the account is a target in only one Region.
    pub(crate) to_region: Option<Region>,
    #[serde(default = "Terms::start_within", deserialize_with = "read_duration")]
    pub(crate) start_within: SignedDuration,
    #[serde(default = "Terms::access_for", deserialize_with = "read_duration")]
    pub(crate) access_for: SignedDuration,
    /// Where limits do not allow all handoffs at once, the higher priority starts first.
    #[serde(default)]
    pub(crate) priority: i16,
}

/// A handoff that the operator asks for.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) database: DbIdentifier,
    pub(crate) label: Label,
    pub(crate) target: Target,
    pub(crate) terms: Terms,
    /// By the name of the database, not by a pattern. If it cannot be moved it is refused, not left out.
    pub(crate) by_name: bool,
    /// By a message. The next process cannot read its terms from the file.
    pub(crate) requested: bool,
}

/// What identifies a handoff within the configuration.
pub(crate) type Key<'a> = (&'a DbIdentifier, &'a Label, &'a AccountId, &'a Region);

/// The key of a handoff that is under way.
pub(crate) fn key_of(facts: &SourceFacts) -> Key<'_> {
    let Route { account, region, .. } = &facts.route;
    (&facts.database, &facts.label, account, region)
}

/// Checks the limits of the terms.
pub(super) fn checked(terms: Terms, name: &str) -> Result<Terms, InvalidSetting> {
    terms.problem().map_or(Ok(terms), |problem| Err(InvalidSetting::of("access_for", format!("{name} {problem}"))))
}

impl Declared {
    pub(crate) fn key(&self) -> Key<'_> {
        (&self.database, &self.label, &self.target.account, &self.target.region)
    }

    pub(super) fn of(handoff: FileHandoff, targets: &[Target]) -> Result<Self, InvalidSetting> {
        let FileHandoff { database, label, to_account, to_region, start_within, access_for, priority } = handoff;
        let name = format!("handoff {database}/{label}");
        let to = Destination { to_account: to_account.as_ref(), to_region: to_region.as_ref() };
        let target = to.only(targets, &name)?;
        let terms = checked(Terms { start_within, access_for, priority }, &name)?;
        Ok(Self { database, label, target, terms, by_name: true, requested: false })
    }
}
