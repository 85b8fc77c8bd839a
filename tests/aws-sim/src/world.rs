//! The whole simulated state at one instant.

use jiff::Timestamp;

use crate::Settings;
use crate::decision::DecisionLog;
use crate::fault::Outcome;
use crate::ids::Ids;
use crate::kms::Kms;
use crate::rates::Buckets;
use crate::rds::Rds;
use crate::rds::endings::Endings;
use crate::request::Request;
use crate::roles::Principals;
use crate::sqs::Sqs;

/// The state of all accounts and Regions.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) settings: Settings,
    pub(crate) ids: Ids,
    pub(crate) principals: Principals,
    pub(crate) kms: Kms,
    pub(crate) rds: Rds,
    pub(crate) sqs: Sqs,
    /// The operations that AWS has completed.
    pub(crate) endings: Endings,
    /// The token buckets of the rate limits.
    pub(crate) buckets: Buckets,
    /// Whether it may have changed since it was last kept for stale reads.
    pub(crate) changed: bool,
    /// The decisions about the request that is being answered.
    pub(crate) decision_log: DecisionLog,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            now: settings.clock.timestamp(),
            changed: true,
            decision_log: DecisionLog::default(),
            buckets: Buckets::default(),
            ids: Ids::seeded(settings.seed),
            settings,
            principals: Principals::default(),
            kms: Kms::default(),
            rds: Rds::default(),
            endings: Endings::default(),
            sqs: Sqs::default(),
        }
    }

    /// Counts a request of an account against its rate limits, or refuses it.
    pub(crate) fn count(&mut self, account: &str, request: &Request) -> Outcome<()> {
        self.buckets.take(&self.settings.rates, account, request, self.now)
    }
}
