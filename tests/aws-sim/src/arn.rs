//! Amazon Resource Names.

use std::fmt;

/// `arn:aws:<service>:<region>:<account>:<resource>`, parsed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arn {
    pub(crate) service: String,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) resource: String,
}

impl Arn {
    pub(crate) fn new(service: &str, region: &str, account: &str, resource: impl Into<String>) -> Self {
        let own = str::to_owned;
        Self { service: own(service), region: own(region), account: own(account), resource: resource.into() }
    }

    /// Parses an ARN. Only the `aws` partition exists here.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" || parts.next()? != "aws" {
            return None;
        }
        let arn = Self::new(parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        (!arn.resource.is_empty()).then_some(arn)
    }

    /// The resource's name if it is of type `kind`: `snapshot:x` and `key/x` both give `x`.
    pub(crate) fn name_of(&self, kind: &str) -> Option<&str> {
        self.resource.strip_prefix(kind)?.strip_prefix([':', '/'])
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:aws:{}:{}:{}:{}", self.service, self.region, self.account, self.resource)
    }
}

/// Whether `text` is an AWS account id: twelve digits.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
