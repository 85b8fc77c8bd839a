//! The state of KMS.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::key::{Key, KeyState};
use crate::arn::Arn;
use crate::caller::Caller;
use crate::clock::{days, later};
use crate::fault::{Fault, Outcome};

/// All keys and aliases, of all accounts and Regions, by ARN.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kms {
    pub(crate) keys: BTreeMap<String, Key>,
    /// Alias ARN to key ARN.
    pub(crate) aliases: BTreeMap<String, String>,
    /// Every grant token ever issued, with the key's ARN and the grant's id.
    pub(super) tokens: BTreeMap<String, (String, String)>,
}

impl Kms {
    /// The ARN of the key that `named` refers to for `caller`: an id, an ARN, an alias name or an alias ARN. Ids and
    /// alias names are resolved in the caller's own account (KMS API Reference, DescribeKey, KeyId).
    pub(crate) fn resolve(&self, caller: &Caller, named: &str) -> Outcome<String> {
        let arn = match Arn::parse(named) {
            Some(arn) if arn.service != "kms" => {
                return Err(Fault::bad("InvalidArnException", format!("{named} is not a valid ARN")));
            }
            // A key exists only at the endpoint of its own Region.
            Some(arn) if arn.region != caller.region => {
                return Err(Fault::bad("NotFoundException", format!("Invalid arn {}", arn.region)));
            }
            Some(arn) => arn,
            None if named.starts_with("arn:") => {
                return Err(Fault::bad("InvalidArnException", format!("{named} is not a valid ARN")));
            }
            None if named.starts_with("alias/") => Arn::new("kms", &caller.region, caller.account(), named),
            None => Arn::new("kms", &caller.region, caller.account(), format!("key/{named}")),
        };
        let text = arn.to_string();
        if arn.name_of("alias").is_some() {
            let found = self.aliases.get(&text).cloned();
            return found.ok_or_else(|| Fault::bad("NotFoundException", format!("Alias {text} is not found.")));
        }
        if self.keys.contains_key(&text) {
            return Ok(text);
        }
        Err(Fault::bad("NotFoundException", format!("Key '{text}' does not exist")))
    }

    /// Keys that share id and material: a primary and its replicas, sorted by Region.
    pub(crate) fn related<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a Key> {
        let prefix = "arn:aws:kms:".to_owned();
        let all = self.keys.range(prefix..).map(|(_, other)| other);
        all.filter(move |other| other.arn.account == key.arn.account && other.id() == key.id())
    }

    /// The time of the next state change of a key that needs no request.
    pub(crate) fn next_event(&self) -> Option<Timestamp> {
        self.keys.values().filter_map(Key::changes_at).min()
    }

    /// Applies the state changes that are due.
    pub(crate) fn apply_due_events(&mut self, now: Timestamp) {
        let due = |key: &&mut Key| key.changes_at().is_some_and(|at| at <= now);
        let mut gone = Vec::new();
        for key in self.keys.values_mut().filter(due) {
            match key.state {
                KeyState::Creating { .. } | KeyState::Updating { .. } => key.state = KeyState::Enabled,
                KeyState::PendingDeletion { .. } => gone.push(key.arn.clone()),
                _ => {}
            }
        }
        for arn in gone {
            let text = arn.to_string();
            let Some(key) = self.keys.remove(&text) else { continue };
            self.aliases.retain(|_, target| *target != text);
            // The primary's waiting period begins when its last replica has been deleted (KMS Developer Guide,
            // Deleting multi-Region keys).
            let mut related =
                self.keys.values_mut().filter(|other| other.arn.account == arn.account && other.id() == key.id());
            if let (Some(primary), None) = (related.next(), related.next())
                && let KeyState::PendingReplicaDeletion { window } = primary.state
            {
                primary.state = KeyState::PendingDeletion { at: later(now, days(window)), window };
            }
        }
    }
}
