//! Condition keys: the supported ones, and their values in one request.

use std::collections::BTreeMap;

use crate::principal::Principal;

/// The values of condition keys in one request, by lower-case name: condition keys are not case-sensitive
/// (IAM User Guide, IAM JSON policy elements: Condition).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context(BTreeMap<String, Vec<String>>);

/// The type as which a key is compared (IAM User Guide, AWS global condition context keys, Value type; Service
/// Authorization Reference, the services' condition keys).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Arn,
    Bool,
    Number,
    Date,
    /// `aws:EpochTime` is a date and a number.
    Epoch,
}
use Kind::{Arn, Bool, Date, Epoch, Number, Text};

/// A condition key, or a family of condition keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// A name that ends with `/`, or with `:` after two parts, is the prefix of all keys of a family.
    name: &'static str,
    pub(crate) kind: Kind,
    /// Whether it is multivalued.
    pub(crate) many: bool,
}

const fn one(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, many: false }
}

const fn many(name: &'static str) -> Key {
    Key { name, kind: Text, many: true }
}

/// The keys that requests here have, and the keys that are known to be always absent: no account is in an organization,
/// and services call each other only in a caller's name. A policy with any other key is refused, since the key would be
/// absent here but may be present at AWS.
const KEYS: [Key; 66] = [
    one("aws:calledviafirst", Text),
    one("aws:calledvialast", Text),
    one("aws:currenttime", Date),
    one("aws:epochtime", Epoch),
    one("aws:principalaccount", Text),
    one("aws:principalarn", Arn),
    one("aws:principalisawsservice", Bool),
    one("aws:principalorgid", Text),
    one("aws:principaltag/", Text),
    one("aws:principaltype", Text),
    one("aws:requestedregion", Text),
    one("aws:requesttag/", Text),
    one("aws:resourceaccount", Text),
    one("aws:resourceorgid", Text),
    one("aws:resourcetag/", Text),
    one("aws:securetransport", Bool),
    one("aws:sourceaccount", Text),
    one("aws:sourcearn", Arn),
    one("aws:sourceorgid", Text),
    one("aws:userid", Text),
    one("aws:username", Text),
    one("aws:viaawsservice", Bool),
    many("aws:calledvia"),
    many("aws:principalorgpaths"),
    many("aws:resourceorgpaths"),
    many("aws:tagkeys"),
    one("iam:passedtoservice", Text),
    one("iam:resourcetag/", Text),
    one("kms:bypasspolicylockoutsafetycheck", Bool),
    one("kms:calleraccount", Text),
    one("kms:encryptionalgorithm", Text),
    one("kms:encryptioncontext:", Text),
    one("kms:grantconstrainttype", Text),
    one("kms:grantisforawsresource", Bool),
    one("kms:granteeprincipal", Arn),
    one("kms:keyorigin", Text),
    one("kms:keyspec", Text),
    one("kms:keyusage", Text),
    one("kms:messagetype", Text),
    one("kms:multiregion", Bool),
    one("kms:multiregionkeytype", Text),
    one("kms:primaryregion", Text),
    one("kms:replicaregion", Text),
    one("kms:requestalias", Text),
    one("kms:retiringprincipal", Arn),
    one("kms:rotationperiodindays", Number),
    one("kms:schedulekeydeletionpendingwindowindays", Number),
    one("kms:signingalgorithm", Text),
    one("kms:viaservice", Text),
    many("kms:encryptioncontextkeys"),
    many("kms:grantoperations"),
    many("kms:resourcealiases"),
    one("rds:backuptarget", Text),
    one("rds:copyoptiongroup", Bool),
    one("rds:managemasteruserpassword", Bool),
    one("rds:publiclyaccessible", Bool),
    one("rds:db-tag/", Text),
    one("rds:og-tag/", Text),
    one("rds:pg-tag/", Text),
    one("rds:req-tag/", Text),
    one("rds:snapshot-tag/", Text),
    one("rds:subgrp-tag/", Text),
    one("secretsmanager:kmskeyarn", Arn),
    one("secretsmanager:name", Text),
    one("sts:externalid", Text),
    one("sts:rolesessionname", Text),
];

/// The key of this lower-case name.
pub(crate) fn known(name: &str) -> Option<&'static Key> {
    let family = |key: &Key| key.name.ends_with(['/', ':']);
    KEYS.iter().find(|key| {
        if family(key) { name.len() > key.name.len() && name.starts_with(key.name) } else { name == key.name }
    })
}

impl Context {
    /// The keys that every request has (IAM User Guide, AWS global condition context keys).
    pub(crate) fn of(now: jiff::Timestamp, principal: &Principal, region: &str) -> Self {
        let mut context = Self::default();
        context.set("aws:principalarn", &principal.policy_arn);
        context.set("aws:principalaccount", &principal.account);
        context.set("aws:principalisawsservice", "false");
        context.set("aws:principaltype", if principal.is_root() { "Account" } else { "AssumedRole" });
        context.set("aws:userid", &principal.id);
        context.set("aws:requestedregion", region);
        context.set("aws:currenttime", &crate::clock::iso(now));
        context.set("aws:epochtime", &now.as_second());
        context.set("aws:viaawsservice", "false");
        context
    }

    /// Adds the keys of a request that a service makes with its caller's identity: "To determine which services made
    /// requests on the principal's behalf" (same page, aws:CalledVia); for RDS see the RDS User Guide, Copying a DB
    /// snapshot.
    pub(crate) fn forwarded(mut self, services: &[&str]) -> Self {
        let names: Vec<String> = services.iter().map(|service| format!("{service}.amazonaws.com")).collect();
        self.set("aws:viaawsservice", "true");
        if let (Some(first), Some(last)) = (names.first(), names.last()) {
            self.set("aws:calledviafirst", first);
            self.set("aws:calledvialast", last);
        }
        self.set_all("aws:calledvia", names);
        self
    }

    /// Sets the value of a key. Names are not case-sensitive.
    pub(crate) fn set(&mut self, name: &str, value: &(impl ToString + ?Sized)) {
        self.0.insert(name.to_lowercase(), vec![value.to_string()]);
    }

    pub(crate) fn set_all(&mut self, name: &str, values: Vec<String>) {
        self.0.insert(name.to_lowercase(), values);
    }

    /// The values of a key, by its lower-case name.
    pub(crate) fn all(&self, name: &str) -> Option<&[String]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// The single value of a key, by its lower-case name.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.all(name)?.first().map(String::as_str)
    }

    /// Sets the keys for the tags that a request contains.
    pub(crate) fn set_request_tags<'a>(&mut self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let mut keys = Vec::new();
        for (key, value) in tags {
            self.set(&format!("aws:RequestTag/{key}"), value);
            keys.push(key.to_owned());
        }
        if !keys.is_empty() {
            self.set_all("aws:TagKeys", keys);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Vec<String>)> {
        self.0.iter()
    }
}
