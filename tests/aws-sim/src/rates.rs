//! Request rate limits.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::clock::between;
use crate::fault::{Fault, Outcome};
use crate::request::{Parameters, Request, Service};

/// Requests per second of one account in one Region, for each action as spelled in IAM: `kms:CreateKey`. Other actions
/// are not limited. The cryptographic operations of KMS share the rate of [`Rates::CRYPTOGRAPHIC`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates(BTreeMap<String, u32>);

impl Rates {
    /// The name of the shared limit of KMS's cryptographic operations.
    pub const CRYPTOGRAPHIC: &str = "kms:cryptographic";

    /// No limits.
    pub fn none() -> Self {
        Self::default()
    }

    /// The limits that AWS documents: the default quotas of KMS (KMS Developer Guide, Request quotas), the lowest of
    /// all Regions. RDS publishes no figures, and standard queues accept "a nearly unlimited number of API calls per
    /// second" (SQS Developer Guide, Amazon SQS standard queues).
    pub fn documented() -> Self {
        let table: [(u32, &[&str]); 9] = [
            (5, &["CancelKeyDeletion", "CreateAlias", "CreateKey", "DisableKey", "EnableKey", "ReplicateKey"]),
            (5, &["UntagResource", "UpdateAlias", "UpdateKeyDescription", "UpdatePrimaryRegion"]),
            (10, &["TagResource"]),
            (15, &["DeleteAlias", "PutKeyPolicy", "ScheduleKeyDeletion"]),
            (50, &["CreateGrant", "RetireGrant", "RevokeGrant"]),
            (100, &["ListGrants", "ListKeyPolicies", "ListRetirableGrants"]),
            (500, &["ListAliases", "ListKeys"]),
            (1000, &["GetKeyPolicy", "GetKeyRotationStatus"]),
            (2000, &["DescribeKey", "GetPublicKey", "ListResourceTags"]),
        ];
        let mut rates = Self::none().limit(Self::CRYPTOGRAPHIC, 10_000);
        for (rate, actions) in table {
            for action in actions {
                rates = rates.limit(&format!("kms:{action}"), rate);
            }
        }
        rates
    }

    /// The same, with another limit for one action.
    #[must_use]
    pub fn limit(mut self, action: &str, per_second: u32) -> Self {
        self.0.insert(action.to_owned(), per_second);
        self
    }
}

/// The key of a token bucket: account, Region, action.
type Meter = (String, String, String);

/// The token buckets, each with a capacity of one second's rate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets(BTreeMap<Meter, Bucket>);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// In thousandths of a request: each millisecond adds as many as the requests per second.
    left: u64,
    at: Timestamp,
}

impl Buckets {
    /// Counts a request, or refuses it. KMS counts requests of the calling account, not of the key's owner (same page,
    /// Cross-account requests). UNSOURCED: a refused request is not counted.
    pub(crate) fn take(&mut self, rates: &Rates, account: &str, request: &Request, now: Timestamp) -> Outcome<()> {
        let mut taken = Vec::new();
        for (region, action, count) in charges(request) {
            let Some(rate) = rates.0.get(&action).copied().map(u64::from) else { continue };
            let meter = (account.to_owned(), region, action);
            let full = rate * 1000;
            let left = self.0.get(&meter).map_or(full, |bucket| {
                let passed = u64::try_from(between(bucket.at, now).as_millis()).unwrap_or(u64::MAX);
                full.min(bucket.left.saturating_add(passed.saturating_mul(rate)))
            });
            let left = left.checked_sub(count * 1000).ok_or_else(|| throttled(Some(request.service)))?;
            taken.push((meter, Bucket { left, at: now }));
        }
        self.0.extend(taken);
        Ok(())
    }
}

/// What a request counts as: Region, action and count of each bucket.
fn charges(request: &Request) -> Vec<(String, String, u64)> {
    const CRYPTOGRAPHIC: [&str; 5] =
        ["Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncrypt"];
    let here = request.scope.region.clone();
    let (action, own) = (request.action.as_str(), format!("{}:{}", request.service.name(), request.action));
    let there = |name: &str| match &request.parameters {
        Parameters::Json(json) => json.text(name).ok().flatten().map(str::to_owned),
        Parameters::Query(_) => None,
    };
    match (request.service, action) {
        (Service::Kms, crypto) if CRYPTOGRAPHIC.contains(&crypto) => {
            vec![(here, Rates::CRYPTOGRAPHIC.to_owned(), 1)]
        }
        // It counts as two CreateKey requests in the replica's Region too: "one of the CreateKey requests is a dry run".
        (Service::Kms, "ReplicateKey") => {
            let replica = there("ReplicaRegion").map(|region| (region, "kms:CreateKey".to_owned(), 2));
            std::iter::once((here, own, 1)).chain(replica).collect()
        }
        // One request in each of the two affected Regions.
        (Service::Kms, "UpdatePrimaryRegion") => {
            let other = there("PrimaryRegion").map(|region| (region, own.clone(), 1));
            std::iter::once((here, own, 1)).chain(other).collect()
        }
        _ => vec![(here, own, 1)],
    }
}

/// The throttling error of each service: KMS Developer Guide, Throttling AWS KMS requests; SQS API Reference,
/// RequestThrottled; RDS API Reference, Common Errors, Throttling.
pub(crate) fn throttled(service: Option<Service>) -> Fault {
    match service {
        Some(Service::Kms) => Fault::bad(
            "ThrottlingException",
            "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
        ),
        Some(Service::Sqs) => Fault::bad("RequestThrottled", "Rate exceeded"),
        _ => Fault::bad("Throttling", "Rate exceeded"),
    }
}
