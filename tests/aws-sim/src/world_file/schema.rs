//! The keys of a world file.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::{Rates, Settings};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    seed: Option<u64>,
    speed: Option<NonZeroU32>,
    queue_speed: Option<NonZeroU32>,
    remembers: Option<Time>,
    #[serde(default)]
    durations: Durations,
    #[serde(default)]
    lags: Lags,
    #[serde(default)]
    quotas: Quotas,
    duplicates: Option<NonZeroU32>,
    #[serde(default)]
    rates: RatesEntry,
    #[serde(default)]
    weather: Weather,
    #[serde(default)]
    pub(super) account: Vec<Spanned<Account>>,
}

/// A duration such as `20 min`, `3h`, `1d 12h`. A day has 24 hours.
#[derive(Clone, Copy, Debug)]
struct Time(Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong =
            || serde::de::Error::custom(format!("{text:?} is not a duration such as \"20 min\", \"3h\" or \"5s\""));
        let span: jiff::Span = text.parse().map_err(|_| wrong())?;
        let time = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
        Duration::try_from(time).map(Self).map_err(|_| wrong())
    }
}

/// Structs of optional settings; `apply` replaces those that are set.
macro_rules! optional {
    ($name:ident, $($field:ident: $kind:ty),+) => {
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct $name { $($field: Option<$kind>),+ }
        impl $name {
            fn apply(&self, to: &mut crate::$name) {
                $(if let Some(value) = self.$field { to.$field = value.into(); })+
            }
        }
    };
}

optional!(Durations, snapshot: Time, copy_across_regions: Time, copy_within_region: Time, restore: Time, create_database: Time, key_creation: Time, modification: Time);
optional!(Lags, authorization: Time);
optional!(Quotas, copies_in_flight: usize, manual_snapshots: usize, accounts_per_share: usize, instances: usize, grants: usize, messages_in_flight: usize, parameter_groups: usize, option_groups: usize, subnet_groups: usize, storage_gib: u64);
optional!(Weather, throttling: u32, server_errors: u32, lost_answers: u32, stale_reads: u32);

impl From<Time> for Duration {
    fn from(Time(time): Time) -> Self {
        time
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RatesEntry {
    documented: bool,
    per_second: BTreeMap<String, u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    pub(super) id: String,
    #[serde(default)]
    pub(super) disabled_regions: Vec<String>,
    #[serde(default)]
    pub(super) service_control_policies: Vec<String>,
    #[serde(default)]
    pub(super) resource_control_policies: Vec<String>,
    #[serde(default)]
    pub(super) managed_policy: Vec<Spanned<ManagedPolicy>>,
    #[serde(default)]
    pub(super) role: Vec<Spanned<Role>>,
    #[serde(default)]
    pub(super) region: Vec<Spanned<Region>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) trust: Option<String>,
    pub(super) policies: Option<Vec<String>>,
    pub(super) boundary: Option<String>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    pub(super) access_key_id: Option<String>,
    pub(super) secret_access_key: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ManagedPolicy {
    pub(super) name: String,
    pub(super) policy: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Region {
    pub(super) name: String,
    #[serde(default)]
    pub(super) key: Vec<Spanned<Key>>,
    #[serde(default)]
    pub(super) queue: Vec<Spanned<Queue>>,
    #[serde(default)]
    pub(super) database: Vec<Spanned<Database>>,
    #[serde(default)]
    pub(super) parameter_group: Vec<Spanned<ParameterGroup>>,
    #[serde(default)]
    pub(super) subnet_groups: Vec<String>,
    #[serde(default)]
    pub(super) security_groups: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) id: Option<String>,
    pub(super) alias: Option<String>,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) multi_region: bool,
    pub(super) policy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Queue {
    pub(super) name: String,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) policy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParameterGroup {
    pub(super) name: String,
    pub(super) family: String,
    pub(super) description: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Database {
    pub(super) identifier: String,
    pub(super) engine: Option<String>,
    pub(super) engine_version: Option<String>,
    pub(super) class: Option<String>,
    pub(super) storage_type: Option<String>,
    pub(super) allocated_gib: Option<u32>,
    /// An alias, key id or key ARN; `aws/rds`; `sse-rds`; `none`.
    pub(super) key: Option<String>,
    #[serde(default)]
    pub(super) multi_az: bool,
    pub(super) cluster: Option<String>,
    #[serde(default)]
    pub(super) tde: bool,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    pub(super) content: Option<String>,
}

impl File {
    pub(super) fn settings(&self, settings: &mut Settings) {
        settings.seed = self.seed.unwrap_or(settings.seed);
        settings.speed = self.speed.map_or(settings.speed, Into::into);
        settings.queue_speed = self.queue_speed.map_or(settings.queue_speed, Into::into);
        settings.remembers = self.remembers.map_or(settings.remembers, Into::into);
        self.durations.apply(&mut settings.durations);
        self.lags.apply(&mut settings.lags);
        settings.duplicates = self.duplicates.map(Into::into).or(settings.duplicates);
        self.quotas.apply(&mut settings.quotas);
        self.weather.apply(&mut settings.weather);
        if self.rates.documented {
            settings.rates = Rates::documented();
        }
        for (action, rate) in &self.rates.per_second {
            settings.rates = std::mem::take(&mut settings.rates).limit(action, *rate);
        }
    }
}
