//! The secret of a managed master password, as RDS describes it.

use std::time::Duration;

use jiff::Timestamp;

use crate::arn::Arn;
use crate::clock::later;
use crate::xml::Xml;

/// A secret of Secrets Manager.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    pub(super) arn: Arn,
    /// The ARN of its key.
    pub(crate) key: String,
    /// `creating` or `rotating`, and when this ends.
    pub(super) change: (&'static str, Timestamp),
}

impl Secret {
    pub(super) fn rotate(&mut self, world_now: Timestamp, lasts: Duration) {
        self.change = ("rotating", later(world_now, lasts));
    }

    /// RDS API Reference, MasterUserSecret.
    pub(super) fn show(&self, xml: &mut Xml, now: Timestamp) {
        let (change, until) = self.change;
        xml.leaf("SecretArn", &self.arn);
        xml.leaf("SecretStatus", if now < until { change } else { "active" });
        xml.leaf("KmsKeyId", &self.key);
    }
}
