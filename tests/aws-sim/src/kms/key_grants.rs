//! The grants on one key.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::terms::Terms;

/// A grant on one key.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) terms: Terms,
    pub(crate) created: Timestamp,
    /// Every grant token issued for it.
    pub(super) tokens: Vec<String>,
    pub(super) from: Timestamp,
    /// When it ends, once it has been revoked or retired.
    pub(super) until: Option<Timestamp>,
}

impl Grant {
    /// Whether it is in effect: after the propagation delay, or at once for a caller with one of its tokens (KMS
    /// Developer Guide, Grant tokens), until the propagation delay after its revocation.
    pub(super) fn in_effect(&self, now: Timestamp, tokens: &[String]) -> bool {
        (self.from <= now || self.tokens.iter().any(|token| tokens.contains(token)))
            && self.until.is_none_or(|until| now < until)
    }
}

/// All grants on a key. RDS creates one for each encrypted resource, so that there may be tens of thousands: they are
/// indexed by grantee, so that a check does not scan all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyGrants {
    by_id: BTreeMap<String, Grant>,
    of_grantee: BTreeMap<String, BTreeSet<String>>,
    /// Grants that are no longer listed but still in effect.
    ending: Vec<Grant>,
}

impl KeyGrants {
    pub(crate) fn get(&self, id: &str) -> Option<&Grant> {
        self.by_id.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Grant> {
        self.by_id.get_mut(id)
    }

    /// By id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Grant)> {
        self.by_id.iter().map(|(id, grant)| (id.as_str(), grant))
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn insert(&mut self, id: &str, grant: Grant) {
        self.of_grantee.entry(grant.terms.grantee.clone()).or_default().insert(id.to_owned());
        self.by_id.insert(id.to_owned(), grant);
    }

    /// Removes a grant from lists at once; it stays in effect until `until`.
    pub(super) fn end(&mut self, id: &str, now: Timestamp, until: Timestamp) {
        self.ending.retain(|grant| grant.until.is_some_and(|until| now < until));
        let Some(grant) = self.by_id.remove(id) else { return };
        if let Some(ids) = self.of_grantee.get_mut(&grant.terms.grantee) {
            ids.remove(id);
        }
        self.ending.push(Grant { until: Some(until), ..grant });
    }

    /// The grants to matching grantees, including those that are no longer listed but still in effect.
    pub(super) fn to(&self, now: Timestamp, fits: impl Fn(&str) -> bool) -> impl Iterator<Item = &Grant> {
        let grantees: Vec<_> = self.of_grantee.iter().filter(|(grantee, _)| fits(grantee)).collect();
        let there = grantees.into_iter().flat_map(|(_, ids)| ids).filter_map(|id| self.by_id.get(id));
        let ending = self.ending.iter().filter(move |grant| grant.until.is_some_and(|until| now < until));
        there.chain(ending.filter(move |grant| fits(&grant.terms.grantee)))
    }
}
