//! An attack, and the restrictions that stop it.

use super::acts::{Act, By};
use super::policies::{Doc, Restriction};

/// An attack that each of these restrictions stops by itself.
#[derive(Debug)]
pub(super) struct Row {
    /// The description of the attack in the table.
    pub(super) attack: &'static str,
    pub(super) by: By,
    pub(super) act: Act,
    pub(super) stops: Vec<Restriction>,
    /// A policy that is lifted as a whole, because it would stop the attack too: it does not allow the action.
    pub(super) without: Option<Doc>,
    /// An act that comes before the attack, and is allowed.
    pub(super) after: Option<(By, Act)>,
}

/// `"description" BY Act => Document Sid RESTRICTION, ...;`, optionally with `(without Document)` or `(after BY Act)`
/// at the end.
macro_rules! rows {
    ($($attack:literal $by:ident $act:expr => $($doc:ident $sid:ident $what:ident),+
        $((without $whole:ident))? $((after $first:ident $before:expr))?;)+) => {
        vec![$(crate::restrictions::row::Row {
            attack: $attack,
            by: $by,
            act: $act,
            stops: vec![$((crate::restrictions::policies::Doc::$doc, stringify!($sid).to_owned(), $what.to_owned())),+],
            without: None$(.or(Some(crate::restrictions::policies::Doc::$whole)))?,
            after: None$(.or(Some(($first, $before))))?,
        }),+]
    };
}
pub(super) use rows;

impl Row {
    /// The restrictions that the row tests: of a row for key mode `existing` only the restrictions in that mode's
    /// policies, since the other row tests the rest.
    pub(super) fn tested(&self) -> impl Iterator<Item = &Restriction> {
        let is_existing =
            |restriction: &&Restriction| matches!(restriction.0, Doc::ExistingPrimary | Doc::ExistingReplica);
        let only = self.stops.iter().any(|restriction| is_existing(&restriction));
        self.stops.iter().filter(move |restriction| !only || is_existing(restriction))
    }

    /// The same attack under the policies of key mode `existing`, if they contain a restriction against it.
    pub(super) fn with_existing_key(&self) -> Option<Self> {
        let instead = |doc: Doc| match doc {
            Doc::Primary => Doc::ExistingPrimary,
            Doc::Replica => Doc::ExistingReplica,
            other => other,
        };
        let stops: Vec<Restriction> =
            self.stops.iter().map(|(doc, sid, what)| (instead(*doc), sid.clone(), what.clone())).collect();
        // The statements of key mode `existing` have no end date.
        let differs = stops != self.stops && !stops.iter().any(|(_, _, what)| what == UNTIL);
        let (act, after) = (self.act.clone(), self.after.clone());
        differs.then_some(Self { act, stops, after, ..*self })
    }
}

pub(super) const RESOURCE: &str = "Resource";
pub(super) const PRINCIPAL: &str = "Principal";
pub(super) const ACTION: &str = "Action";
pub(super) const DENY: &str = "Deny";
pub(super) const REQUESTED_REGION: &str = "StringEquals aws:RequestedRegion";
pub(super) const REQUEST_ROLE: &str = "StringEquals aws:RequestTag/rds-handoff:role";
pub(super) const ROLE: &str = "StringEquals aws:ResourceTag/rds-handoff:role";
pub(super) const TAG_KEYS: &str = "ForAllValues:StringLike aws:TagKeys";
pub(super) const PRINCIPAL_ARN: &str = "ArnEquals aws:PrincipalArn";
pub(super) const CALLER: &str = "StringEquals kms:CallerAccount";
pub(super) const VIA: &str = "StringEquals kms:ViaService";
pub(super) const FOR_AWS: &str = "Bool kms:GrantIsForAWSResource";
pub(super) const UNTIL: &str = "DateLessThan aws:CurrentTime";
