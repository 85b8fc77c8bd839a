//! An attack, and the restrictions that stop it.

use super::acts::{Act, By};
use super::policies::{Bound, Doc};

/// An attack that each of these restrictions stops alone.
#[derive(Debug)]
pub(super) struct Row {
    /// What it is called.
    pub(super) attack: &'static str,
    pub(super) by: By,
    pub(super) act: Act,
    pub(super) stops: Vec<Bound>,
    /// Policies that are taken away as a whole, because they would stop it as well by what they do not say.
    pub(super) without: Option<Doc>,
    /// What is done before, and allowed.
    pub(super) after: Option<(By, Act)>,
}

/// `"what is done" BY Act => Document Sid WHAT, ...;`, the last also in parentheses with what else there is to it.
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
    /// What it shows: under the policies of key mode `existing` those alone, since all else has been shown.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Bound> {
        let given = |bound: &&Bound| matches!(bound.0, Doc::ExistingPrimary | Doc::ExistingReplica);
        let only = self.stops.iter().any(|bound| given(&bound));
        self.stops.iter().filter(move |bound| !only || given(bound))
    }

    /// The same under the policies of key mode `existing`, if they say anything about it.
    pub(super) fn given(&self) -> Option<Self> {
        let instead = |doc: Doc| match doc {
            Doc::Primary => Doc::ExistingPrimary,
            Doc::Replica => Doc::ExistingReplica,
            other => other,
        };
        let stops: Vec<Bound> =
            self.stops.iter().map(|(doc, sid, what)| (instead(*doc), sid.clone(), what.clone())).collect();
        // Its statements have no date.
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
