//! Who calls: account roots, roles and their sessions.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::arn::{Arn, is_account};
use crate::ids::Ids;

/// What a client signs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Names the principal.
    pub access_key_id: String,
    /// Signs the requests.
    pub secret_access_key: String,
    /// Goes with temporary credentials.
    pub session_token: Option<String>,
}

/// A caller whose signature has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    pub(crate) account: String,
    /// As `GetCallerIdentity` shows it: the root's, or the session's ARN.
    pub(crate) arn: String,
    /// The value of `aws:PrincipalArn`: for a session, its role's ARN (IAM User Guide, AWS global condition context keys).
    pub(crate) policy_arn: String,
    /// The unique id: the account's for the root, `AROA...:session` for a session.
    pub(crate) id: String,
}

impl Principal {
    pub(crate) fn root(account: &str) -> Self {
        let arn = root_arn(account);
        Self { account: account.to_owned(), policy_arn: arn.clone(), arn, id: account.to_owned() }
    }

    pub(crate) fn is_root(&self) -> bool {
        self.arn == root_arn(&self.account)
    }
}

pub(crate) fn root_arn(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}

#[derive(Clone, Debug)]
struct Session {
    principal: Principal,
    credentials: Credentials,
    expires: Option<Timestamp>,
}

/// The roles of all accounts, and the sessions opened on them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Principals {
    /// Role ARN to the role's unique id.
    roles: BTreeMap<String, String>,
    /// By access key id.
    sessions: BTreeMap<String, Session>,
}

impl Principals {
    /// Makes the role when it is missing, and gives its ARN. Its trust policy names its own account.
    pub(crate) fn role(&mut self, ids: &mut Ids, account: &str, name: &str) -> String {
        let arn = format!("arn:aws:iam::{account}:role/{name}");
        self.roles.entry(arn.clone()).or_insert_with(|| format!("AROA{}", ids.upper(17)));
        arn
    }

    pub(crate) fn has_role(&self, arn: &str) -> bool {
        self.roles.contains_key(arn)
    }

    /// Opens a session on the role, which must exist.
    pub(crate) fn open(
        &mut self,
        ids: &mut Ids,
        role: &str,
        session: &str,
        expires: Option<Timestamp>,
    ) -> Option<(Principal, Credentials)> {
        let unique = self.roles.get(role)?;
        let arn = Arn::parse(role)?;
        let name = arn.name_of("role")?.rsplit('/').next()?;
        let principal = Principal {
            account: arn.account.clone(),
            arn: format!("arn:aws:sts::{}:assumed-role/{name}/{session}", arn.account),
            policy_arn: role.to_owned(),
            id: format!("{unique}:{session}"),
        };
        let credentials = Credentials {
            access_key_id: format!("ASIA{}", ids.upper(16)),
            secret_access_key: ids.hex(40),
            session_token: Some(ids.hex(64)),
        };
        let open = Session { principal: principal.clone(), credentials: credentials.clone(), expires };
        self.sessions.insert(credentials.access_key_id.clone(), open);
        Some((principal, credentials))
    }

    /// Whom an access key id claims to be, what it must have signed with, and when that ends.
    pub(crate) fn claimed(&self, access_key_id: &str) -> Option<(Principal, Credentials, Option<Timestamp>)> {
        if is_account(access_key_id) {
            return Some((Principal::root(access_key_id), root_credentials(access_key_id), None));
        }
        let session = self.sessions.get(access_key_id)?;
        Some((session.principal.clone(), session.credentials.clone(), session.expires))
    }

    /// Whether a policy may name this principal: KMS and SQS refuse policies that name someone who does not exist.
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

pub(crate) fn root_credentials(account: &str) -> Credentials {
    Credentials {
        access_key_id: account.to_owned(),
        secret_access_key: format!("simulated-{account}"),
        session_token: None,
    }
}
