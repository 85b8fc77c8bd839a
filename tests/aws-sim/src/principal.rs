//! Callers: root users of accounts, and sessions of roles.

use crate::verdict::Verdict;

/// The credentials of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Identifies the principal.
    pub access_key_id: String,
    /// Signs the requests.
    pub secret_access_key: String,
    /// Required with temporary credentials.
    pub session_token: Option<String>,
}

/// A caller whose signature has been verified.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) account: String,
    /// As in `GetCallerIdentity`: the ARN of the root user or of the session.
    pub(crate) arn: String,
    /// The value of `aws:PrincipalArn`: for a session, its role's ARN (IAM User Guide, AWS global condition context
    /// keys).
    pub(crate) policy_arn: String,
    /// The unique id: the account's for the root user, `AROA...:session` for a session.
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

    /// Whether `named` in a policy or grant refers to this caller. An account id or the ARN of its root user names the
    /// account, which delegates to its own policies; any other ARN names that role or session only (IAM User Guide, IAM
    /// JSON policy elements: Principal). Wildcards within an ARN are not allowed there.
    pub(crate) fn named_by(&self, named: &str) -> Verdict {
        if named == "*" || named == self.arn || (named == self.account && self.is_root()) {
            Verdict::Allowed
        } else if named == self.policy_arn {
            Verdict::ToRole
        } else if named == self.account || account_of_root(named) == Some(&self.account) {
            Verdict::Delegated
        } else {
            Verdict::NoMatch
        }
    }
}

fn account_of_root(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:aws:iam::")?.strip_suffix(":root")
}

pub(crate) fn root_arn(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}

pub(crate) fn role_arn(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

pub(crate) fn root_credentials(account: &str) -> Credentials {
    Credentials {
        access_key_id: account.to_owned(),
        secret_access_key: format!("simulated-{account}"),
        session_token: None,
    }
}
