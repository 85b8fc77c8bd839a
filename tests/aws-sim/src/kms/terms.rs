//! The terms of a grant: grantee, operations and constraints.

use serde_json::{Value, json};

use crate::fault::Outcome;
use crate::json::Json;
use crate::tags::Tags;

/// The terms of a grant. Two grants with equal terms are the same.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Terms {
    pub(crate) name: Option<String>,
    pub(crate) grantee: String,
    pub(crate) retiring: Option<String>,
    pub(crate) operations: Vec<String>,
    pub(crate) constraints: Constraints,
    /// The ARN of the root user of the account that created it.
    pub(crate) issuer: String,
}

/// The encryption contexts that a grant allows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Constraints {
    equals: Option<Tags>,
    subset: Option<Tags>,
}

/// Operations that have an encryption context, to which constraints apply.
pub(super) const ON_DATA: [&str; 6] =
    ["Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"];
pub(super) const SIGNING: [&str; 3] = ["GetPublicKey", "Sign", "Verify"];
pub(super) const OF_ANY_KEY: [&str; 3] = ["CreateGrant", "DescribeKey", "RetireGrant"];

impl Terms {
    /// Whether the grant covers this action, `kms:...`, with this encryption context.
    pub(super) fn cover(&self, action: &str, encryption: Option<&Tags>) -> bool {
        let operation = action.trim_start_matches("kms:");
        self.operations.iter().any(|granted| granted == operation)
            && (!ON_DATA.contains(&operation) || self.constraints.admit(encryption))
    }

    /// Whether it allows more than `parent`, the grant by which it would be created, which KMS refuses (KMS API
    /// Reference, CreateGrant, Constraints; KMS Developer Guide, Grant terminology).
    pub(super) fn wider_than(&self, parent: &Self) -> bool {
        self.operations.iter().any(|operation| !parent.operations.contains(operation))
            || self.constraints.looser_than(&parent.constraints)
    }
}

impl Constraints {
    /// KMS API Reference, GrantConstraints.
    pub(super) fn parsed(json: &Json) -> Outcome<Self> {
        let Some(value) = json.raw("Constraints") else { return Ok(Self::default()) };
        let given = Json::parse(value.to_string().as_bytes())?;
        given.only(&["EncryptionContextEquals", "EncryptionContextSubset"])?;
        let map = |name: &str| given.raw(name).is_some().then(|| given.map(name)).transpose();
        Ok(Self { equals: map("EncryptionContextEquals")?, subset: map("EncryptionContextSubset")? })
    }

    fn admit(&self, encryption: Option<&Tags>) -> bool {
        let nothing = Tags::new();
        let given = encryption.unwrap_or(&nothing);
        self.equals.as_ref().is_none_or(|wanted| wanted == given)
            && self.subset.as_ref().is_none_or(|wanted| includes(given, wanted))
    }

    fn looser_than(&self, parent: &Self) -> bool {
        let equal = parent.equals.is_none() || self.equals == parent.equals;
        let within = parent
            .subset
            .as_ref()
            .is_none_or(|wanted| [&self.equals, &self.subset].into_iter().flatten().any(|own| includes(own, wanted)));
        !(equal && within)
    }

    pub(super) fn shown(&self) -> Option<Value> {
        let mut shown = json!({});
        if let Some(equals) = &self.equals {
            shown["EncryptionContextEquals"] = json!(equals);
        }
        if let Some(subset) = &self.subset {
            shown["EncryptionContextSubset"] = json!(subset);
        }
        (self != &Self::default()).then_some(shown)
    }
}

fn includes(all: &Tags, some: &Tags) -> bool {
    some.iter().all(|(key, value)| all.get(key) == Some(value))
}
