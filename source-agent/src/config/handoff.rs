//! What is asked for: `[[handoff]]`, and on which terms.

use agent_runtime::settings::read_duration;
use jiff::SignedDuration;
use protocol::tags::Route;
use protocol::{AccountId, DbIdentifier, Label, Region, SourceFacts};
use serde::Deserialize;

use super::target::{Destination, Target};

/// `[[handoff]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileHandoff {
    pub(crate) database: DbIdentifier,
    pub(crate) label: Label,
    /// May be left out when there is one target only.
    pub(crate) to_account: Option<AccountId>,
    /// May be left out when the account is a target in one Region only.
    pub(crate) to_region: Option<Region>,
    #[serde(default = "Terms::start_within", deserialize_with = "read_duration")]
    pub(crate) start_within: SignedDuration,
    #[serde(default = "Terms::access_for", deserialize_with = "read_duration")]
    pub(crate) access_for: SignedDuration,
    /// The higher goes first, where not all can go at once.
    #[serde(default)]
    pub(crate) priority: i16,
}

/// How long an offer is good for, and which handoff goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The target agent begins no later than this after the offer.
    pub(crate) start_within: SignedDuration,
    /// Everything is taken back this long after the offer.
    pub(crate) access_for: SignedDuration,
    /// The higher goes first, where not all can go at once.
    pub(crate) priority: i16,
}

/// A handoff that the operator asks for.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) database: DbIdentifier,
    pub(crate) label: Label,
    pub(crate) target: Target,
    pub(crate) terms: Terms,
    /// By its own name: so it is refused, and not left out, when it cannot be.
    pub(crate) by_name: bool,
}

/// No two handoffs have all of these in common.
pub(crate) type Key<'a> = (&'a DbIdentifier, &'a Label, &'a AccountId, &'a Region);

/// Of a handoff that is under way.
pub(crate) fn key_of(facts: &SourceFacts) -> Key<'_> {
    let Route { account, region, .. } = &facts.route;
    (&facts.database, &facts.label, account, region)
}

impl Terms {
    pub(super) fn start_within() -> SignedDuration {
        SignedDuration::from_hours(24)
    }

    pub(super) fn access_for() -> SignedDuration {
        SignedDuration::from_hours(7 * 24)
    }

    /// What no offer may be.
    pub(super) fn checked(self, name: &str) -> Result<Self, String> {
        if !self.start_within.is_positive() || self.access_for < self.start_within {
            return Err(format!("{name} needs 0 < start_within <= access_for"));
        }
        if self.start_within > SignedDuration::from_hours(14 * 24)
            || self.access_for > SignedDuration::from_hours(90 * 24)
        {
            return Err(format!("{name}: start_within is at most 14 days and access_for at most 90 days"));
        }
        Ok(self)
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self { start_within: Self::start_within(), access_for: Self::access_for(), priority: 0 }
    }
}

impl Declared {
    pub(crate) fn key(&self) -> Key<'_> {
        (&self.database, &self.label, &self.target.account, &self.target.region)
    }

    pub(super) fn of(handoff: FileHandoff, targets: &[Target]) -> Result<Self, String> {
        let FileHandoff { database, label, to_account, to_region, start_within, access_for, priority } = handoff;
        let name = format!("handoff {database}/{label}");
        let to = Destination { to_account: to_account.as_ref(), to_region: to_region.as_ref() };
        let target = to.only(targets, &name)?;
        let terms = Terms { start_within, access_for, priority }.checked(&name)?;
        Ok(Self { database, label, target, terms, by_name: true })
    }
}
