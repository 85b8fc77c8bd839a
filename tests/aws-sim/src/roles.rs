//! The roles of all accounts, their sessions, and the policies that apply to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::access::Identity;
use crate::arn::{Arn, is_account};
use crate::caller::Caller;
use crate::ids::Ids;
use crate::policy::{Kind, Policy};
use crate::principal::{Credentials, Principal, role_arn, root_arn, root_credentials};
use crate::propagation::Propagating;
use crate::tags::Tags;

#[derive(Clone, Debug)]
struct Role {
    /// The role's unique id.
    unique: String,
    trust: Policy,
    /// `None`: it may do everything that its account may.
    policies: Propagating<Option<Vec<Policy>>>,
    boundary: Propagating<Option<Policy>>,
    tags: Tags,
}

impl Role {
    fn new(unique: String, trust: Policy, policies: Option<Vec<Policy>>) -> Self {
        Self {
            unique,
            trust,
            policies: Propagating::new(policies),
            boundary: Propagating::new(None),
            tags: Tags::new(),
        }
    }
}

/// The policies that an organization attaches to an account.
#[derive(Clone, Debug)]
struct Controls {
    service: Propagating<Vec<Policy>>,
    resource: Propagating<Vec<Policy>>,
}

/// The time of a policy change, and its propagation delay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) now: Timestamp,
    pub(crate) lag: Duration,
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) principal: Principal,
    /// The session policies, if any.
    pub(crate) policies: Option<Arc<[Policy]>>,
    pub(crate) credentials: Credentials,
    pub(crate) expires: Option<Timestamp>,
}

/// The roles of all accounts, and their sessions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Principals {
    /// By ARN.
    roles: BTreeMap<String, Role>,
    /// By access key id.
    sessions: BTreeMap<String, Session>,
    /// By account.
    controls: BTreeMap<String, Controls>,
    /// Managed policies, by ARN.
    managed: BTreeMap<String, Policy>,
    /// The Regions that are not enabled, by account.
    disabled: BTreeMap<String, BTreeSet<String>>,
}

impl Principals {
    /// Creates the role if it is missing, and returns its ARN. It trusts its own account and may do everything that the
    /// account may.
    pub(crate) fn role(&mut self, ids: &mut Ids, account: &str, name: &str) -> String {
        let arn = role_arn(account, name);
        let role = || {
            let trust = json!({
                "Version": "2012-10-17",
                "Statement": { "Effect": "Allow", "Principal": { "AWS": root_arn(account) }, "Action": "sts:AssumeRole" },
            });
            // A constant document, so it parses; a document without statements would trust no one.
            let trust = Policy::parse(&trust.to_string(), Kind::Trust).unwrap_or_else(|_| Policy::empty());
            Role::new(unique(ids), trust, None)
        };
        self.roles.entry(arn.clone()).or_insert_with(role);
        arn
    }

    /// Creates a role with these policies. The error says what IAM would refuse (IAM API Reference, CreateRole and
    /// PutRolePolicy): a name that exists or is invalid, a malformed document, or a trust policy that names a principal
    /// that does not exist.
    pub(crate) fn create_role(
        &mut self,
        ids: &mut Ids,
        account: &str,
        name: &str,
        trust: &str,
        policies: &[&str],
    ) -> Result<(), String> {
        let arn = role_arn(account, name);
        let permitted = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
        if !is_account(account) || !(1..=64).contains(&name.len()) || !name.bytes().all(permitted) {
            return Err(format!("{arn} is not the ARN of a role"));
        }
        if self.has_role(&arn) {
            return Err(format!("{arn} exists"));
        }
        let trust = self.parse_trust(&arn, trust)?;
        let policies = parsed(&arn, policies, Kind::Identity)?;
        self.roles.insert(arn, Role::new(unique(ids), trust, Some(policies)));
        Ok(())
    }

    /// Parses a trust policy, which may name only principals that exist.
    fn parse_trust(&self, role: &str, trust: &str) -> Result<Policy, String> {
        let trust = Policy::parse(trust, Kind::Trust).map_err(|wrong| format!("trust policy of {role}: {wrong}"))?;
        if let Some(unknown) = trust.principals().find(|named| !self.exists(named)) {
            return Err(format!("trust policy of {role}: the principal {unknown} does not exist"));
        }
        Ok(trust)
    }

    /// Replaces the trust policy of a role (IAM API Reference, UpdateAssumeRolePolicy). It takes effect at once.
    pub(crate) fn put_trust(&mut self, role: &str, trust: &str) -> Result<(), String> {
        let trust = self.parse_trust(role, trust)?;
        self.existing(role)?.trust = trust;
        Ok(())
    }

    /// Replaces all policies of a role (IAM API Reference, PutRolePolicy).
    pub(crate) fn put_policies(&mut self, role: &str, policies: &[&str], change: Change) -> Result<(), String> {
        let policies = parsed(role, policies, Kind::Identity)?;
        self.existing(role)?.policies.put(Some(policies), change.now, change.lag);
        Ok(())
    }

    /// Sets or removes the boundary of a role (IAM API Reference, PutRolePermissionsBoundary).
    pub(crate) fn put_boundary(&mut self, role: &str, boundary: Option<&str>, change: Change) -> Result<(), String> {
        let boundary = parsed(role, boundary.as_slice(), Kind::Identity)?.pop();
        self.existing(role)?.boundary.put(boundary, change.now, change.lag);
        Ok(())
    }

    /// Replaces all tags of a role (IAM API Reference, TagRole). They take effect at once.
    pub(crate) fn put_tags(&mut self, role: &str, tags: Tags) -> Result<(), String> {
        crate::tags::check(&tags)?;
        self.existing(role)?.tags = tags;
        Ok(())
    }

    fn existing(&mut self, role: &str) -> Result<&mut Role, String> {
        self.roles.get_mut(role).ok_or_else(|| format!("{role} does not exist"))
    }

    /// Replaces the control policies that are attached to an account: those of its principals (`Kind::Identity`), or
    /// those of its resources.
    pub(crate) fn put_controls(
        &mut self,
        account: &str,
        policies: &[&str],
        kind: Kind,
        change: Change,
    ) -> Result<(), String> {
        let policies = parsed(account, policies, kind)?;
        let none = || Controls { service: Propagating::new(Vec::new()), resource: Propagating::new(Vec::new()) };
        let controls = self.controls.entry(account.to_owned()).or_insert_with(none);
        let controls = if kind == Kind::Identity { &mut controls.service } else { &mut controls.resource };
        controls.put(policies, change.now, change.lag);
        Ok(())
    }

    /// The resource control policies in effect on an account.
    pub(crate) fn resource_controls(&self, account: &str, now: Timestamp) -> &[Policy] {
        self.controls.get(account).map_or(&[], |controls| controls.resource.in_effect(now))
    }

    /// Creates a managed policy, and returns its ARN (IAM API Reference, CreatePolicy).
    pub(crate) fn create_managed(&mut self, account: &str, name: &str, document: &str) -> Result<String, String> {
        let arn = format!("arn:aws:iam::{account}:policy/{name}");
        let policy = parsed(&arn, &[document], Kind::Identity)?.pop().ok_or("no document")?;
        if self.managed.contains_key(&arn) {
            return Err(format!("{arn} exists"));
        }
        self.managed.insert(arn.clone(), policy);
        Ok(arn)
    }

    pub(crate) fn managed(&self, arn: &str) -> Option<&Policy> {
        self.managed.get(arn)
    }

    /// The tags of a role.
    pub(crate) fn tags(&self, role: &str) -> Option<&Tags> {
        self.roles.get(role).map(|role| &role.tags)
    }

    /// The trust policy of a role.
    pub(crate) fn trust(&self, role: &str) -> Option<&Policy> {
        self.roles.get(role).map(|role| &role.trust)
    }

    /// A caller together with the policies that apply to it now.
    pub(crate) fn identity<'a>(&'a self, caller: &'a Caller, now: Timestamp) -> Identity<'a> {
        let principal = &caller.principal;
        let role = self.roles.get(&principal.policy_arn);
        let controls = self.controls.get(&principal.account);
        Identity {
            principal,
            policies: role.and_then(|role| role.policies.in_effect(now).as_deref()),
            boundary: role.and_then(|role| role.boundary.in_effect(now).as_ref()),
            session: caller.session.as_deref(),
            controls: controls.map_or(&[], |controls| controls.service.in_effect(now)),
        }
    }

    pub(crate) fn has_role(&self, arn: &str) -> bool {
        self.roles.contains_key(arn)
    }

    /// Opens a session of the role, which must exist.
    pub(crate) fn open(
        &mut self,
        ids: &mut Ids,
        role: &str,
        session: &str,
        expires: Option<Timestamp>,
        policies: Option<Vec<Policy>>,
    ) -> Option<(Principal, Credentials)> {
        let credentials = Credentials {
            access_key_id: format!("ASIA{}", ids.upper(16)),
            secret_access_key: ids.hex(40),
            session_token: Some(ids.hex(64)),
        };
        self.open_with(role, session, expires, policies, credentials)
    }

    /// Opens a session of the role, which must exist, with these credentials.
    pub(crate) fn open_with(
        &mut self,
        role: &str,
        session: &str,
        expires: Option<Timestamp>,
        policies: Option<Vec<Policy>>,
        credentials: Credentials,
    ) -> Option<(Principal, Credentials)> {
        let unique = &self.roles.get(role)?.unique;
        let arn = Arn::parse(role)?;
        let name = arn.name_of("role")?.rsplit('/').next()?;
        let principal = Principal {
            account: arn.account.clone(),
            arn: format!("arn:aws:sts::{}:assumed-role/{name}/{session}", arn.account),
            policy_arn: role.to_owned(),
            id: format!("{unique}:{session}"),
        };
        let policies = policies.map(Into::into);
        let open = Session { principal: principal.clone(), policies, credentials: credentials.clone(), expires };
        self.sessions.insert(credentials.access_key_id.clone(), open);
        Some((principal, credentials))
    }

    /// The session of an access key id: its principal, its credentials and its expiry. Nothing is verified.
    pub(crate) fn session_of(&self, access_key_id: &str) -> Option<Session> {
        if is_account(access_key_id) {
            let (principal, credentials) = (Principal::root(access_key_id), root_credentials(access_key_id));
            return Some(Session { principal, policies: None, credentials, expires: None });
        }
        self.sessions.get(access_key_id).cloned()
    }

    /// Disables these Regions for an account, and enables all others.
    pub(crate) fn disable(&mut self, account: &str, regions: &[&str]) {
        self.disabled.insert(account.to_owned(), regions.iter().map(|region| (*region).to_owned()).collect());
    }

    /// Whether a Region is not enabled for an account.
    pub(crate) fn is_disabled(&self, account: &str, region: &str) -> bool {
        self.disabled.get(account).is_some_and(|regions| regions.contains(region))
    }

    /// Whether a policy may name this principal: KMS and SQS refuse policies that name a principal that does not exist.
    pub(crate) fn exists(&self, named: &str) -> bool {
        if named == "*" || is_account(named) {
            return true;
        }
        let Some(arn) = Arn::parse(named) else { return false };
        if !is_account(&arn.account) || !arn.region.is_empty() {
            return false;
        }
        match (arn.service.as_str(), arn.resource.as_str()) {
            ("iam", "root") => true,
            ("iam", _) => self.has_role(named),
            ("sts", _) => arn
                .name_of("assumed-role")
                .and_then(|rest| rest.split_once('/'))
                .is_some_and(|(role, _)| self.has_role(&format!("arn:aws:iam::{}:role/{role}", arn.account))),
            _ => false,
        }
    }
}

/// Parses the policies of `whose`.
fn parsed(whose: &str, documents: &[&str], kind: Kind) -> Result<Vec<Policy>, String> {
    let parse = |text: &&str| Policy::parse(text, kind).map_err(|wrong| format!("policy of {whose}: {wrong}"));
    documents.iter().map(parse).collect()
}

fn unique(ids: &mut Ids) -> String {
    format!("AROA{}", ids.upper(17))
}
