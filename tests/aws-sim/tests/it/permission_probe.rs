//! Determining by trial which permissions a request needs, and which condition keys it has.

use std::pin::Pin;

use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};
use aws_sim::{Credentials, Decision};
use serde_json::{Value, json};

use crate::lab::{A, Clients, Lab};

pub(crate) type Answer = Result<(), String>;
pub(crate) type Answering = Pin<Box<dyn Future<Output = Answer>>>;
pub(crate) type Call<'a> = &'a dyn Fn(Clients) -> Answering;

pub(crate) fn done<T, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> Answer {
    result.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
}

/// A call that sends the request in the braces with the given clients.
macro_rules! call {
    ($clients:ident => $made:expr) => {
        &|$clients: $crate::lab::Clients| {
            let made = $made.send();
            let answering: $crate::permission_probe::Answering =
                Box::pin(async move { $crate::permission_probe::done(made.await) });
            answering
        }
    };
}
pub(crate) use call;

/// Account A's role `clerk`, whose policies are replaced for each case.
pub(crate) struct PermissionProbe<'a> {
    lab: &'a Lab,
    credentials: Credentials,
}

impl<'a> PermissionProbe<'a> {
    pub(crate) fn of(lab: &'a Lab) -> Self {
        Self { lab, credentials: lab.cloud.role(A, "clerk") }
    }

    fn at(&self, region: &str) -> Clients {
        self.lab.clients(&self.credentials, region, self.lab.cloud.connector())
    }

    fn may(&self, statements: &[Value]) {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        self.lab.cloud.put_role_policies(A, "clerk", &[&policy]).unwrap();
    }

    /// The last authorization decision of the last call.
    fn last(&self) -> Decision {
        self.lab.cloud.calls().pop().unwrap().decisions.pop().unwrap()
    }

    /// Checks that exactly the permissions `needs`, pairs of action and resource, are needed.
    pub(crate) async fn assert_needs(&self, region: &str, call: Call<'_>, needs: &[(&str, String)]) {
        let statement =
            |(action, resource): &(&str, String)| json!({ "Effect": "Allow", "Action": action, "Resource": resource });
        for missing in needs {
            let rest: Vec<Value> = needs.iter().filter(|need| *need != missing).map(statement).collect();
            self.may(&[rest, vec![json!({ "Effect": "Allow", "Action": "sts:*", "Resource": "*" })]].concat());
            let refused = call(self.at(region)).await.unwrap_err();
            let expected = if missing.0.starts_with("kms:")
                && !self.lab.cloud.calls().last().unwrap().action.starts_with("kms:")
            {
                "KMSKeyNotAccessibleFault"
            } else {
                "AccessDenied"
            };
            assert!(refused.starts_with(expected), "{refused} without {missing:?}");
            let last = self.last();
            assert_eq!((last.action.as_str(), last.allowed), (missing.0, false), "without {missing:?}");
            assert!(aws_like(&missing.1, &last.resource), "{} without {missing:?}", last.resource);
        }
        self.may(&needs.iter().map(statement).collect::<Vec<_>>());
        call(self.at(region)).await.unwrap();
    }

    /// Checks that `action` is allowed under the condition `right`, and refused under `wrong`.
    pub(crate) async fn assert_condition(
        &self,
        region: &str,
        call: Call<'_>,
        action: &str,
        right: Value,
        wrong: Value,
    ) {
        for (condition, allowed) in [(wrong, false), (right, true)] {
            self.may(&[
                json!({ "Effect": "Allow", "NotAction": action, "Resource": "*" }),
                json!({ "Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition }),
            ]);
            let answer = call(self.at(region)).await;
            assert_eq!(answer.is_ok(), allowed, "{action} {condition}: {answer:?}");
            if !allowed {
                assert_eq!((self.last().action.as_str(), self.last().allowed), (action, false), "{condition}");
            }
        }
    }
}

/// Whether a resource matches a pattern whose only wildcard is a final star.
fn aws_like(pattern: &str, resource: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == resource, |start| resource.starts_with(start))
}

pub(crate) fn rds(region: &str, resource: &str) -> String {
    format!("arn:aws:rds:{region}:{A}:{resource}")
}

pub(crate) const TO_STORE: [&str; 8] = [
    "kms:DescribeKey",
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];
