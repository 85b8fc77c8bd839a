//! Parses AWS's access-denied messages: the principal, the action, the policy that denies it, and the fix for the owner
//! of that policy.
//!
//! The kind of a fault depends on its code alone; the message only makes the fix more precise. The format is that of
//! the IAM User Guide, Troubleshoot access denied error messages. Not every service follows it: a message that cannot
//! be parsed is ignored.

use protocol::{AccountId, KeyArn, QueueArn};
use serde_json::json;

use crate::fault::statement::{allow_principal, allows, pasted};

/// The kind of policy that denies a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// A policy of the caller's role.
    Identity,
    /// The policy of the queue or the key.
    Resource,
    /// The permissions boundary of the caller's role.
    Boundary,
    /// The session policy with which the caller's credentials were issued.
    Session,
    /// An SCP, of the organization of the caller's account.
    ServiceControl,
    /// An RCP, of the organization of the resource's account.
    ResourceControl,
    /// The policy of the VPC endpoint that the request came through.
    VpcEndpoint,
    /// The message does not name a policy, or not in a known form.
    Unknown,
}

/// The names in AWS's messages; "sessions policy" is also used (same page).
const LAYERS: [(&str, Layer); 8] = [
    ("identity-based policy", Layer::Identity),
    ("resource-based policy", Layer::Resource),
    ("permissions boundary", Layer::Boundary),
    ("session policy", Layer::Session),
    ("sessions policy", Layer::Session),
    ("service control policy", Layer::ServiceControl),
    ("resource control policy", Layer::ResourceControl),
    ("vpc endpoint policy", Layer::VpcEndpoint),
];

/// Actions that a role must be allowed only under conditions, and the stack that has them. Naming a single resource
/// does not replace the conditions.
const CONDITIONAL: [(&str, &str); 4] = [
    ("iam:PassRole", "target-account.yaml with MonitoringRole"),
    ("kms:CreateKey", "source-account.yaml"),
    ("kms:PutKeyPolicy", "source-account.yaml"),
    ("kms:TagResource", "source-account.yaml"),
];

/// A parsed access-denied message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The caller as in `aws:PrincipalArn`: for a session, the ARN of its role.
    pub principal: String,
    /// The action in IAM's spelling: `rds:CopyDBSnapshot`.
    pub action: String,
    /// The ARN of the resource, if the message names it.
    pub resource: Option<String>,
    /// The kind of policy that denies the request.
    pub layer: Layer,
    /// Whether a statement denies the request; otherwise no statement allows it.
    pub explicit: bool,
    /// The ARN of the policy that denies the request, if the message names it.
    pub policy: Option<String>,
}

impl Denial {
    /// Parses an access-denied message. `operation` is the called operation, such as `sqs:SendMessage`: SQS writes
    /// actions in lower case.
    pub fn read(message: &str, operation: &str) -> Option<Self> {
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let (_, rest) = message.split_once("User: ")?;
        let (principal, rest) = rest.split_once(" is not authorized to perform: ")?;
        let (action, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let resource = rest.strip_prefix("on resource: ").and_then(|rest| rest.split(' ').next());
        let explicit = rest.contains("with an explicit deny");
        let because = if explicit { "explicit deny in " } else { "because no " };
        let words = rest.split_once(because).map_or("", |(_, words)| words);
        // "in a VPC endpoint policy transitively through a service control policy" (same page).
        let words = words.rsplit_once("transitively through ").map_or(words, |(_, words)| words).to_lowercase();
        let words = ["an ", "a "].iter().find_map(|article| words.strip_prefix(article)).unwrap_or(&words);
        let named = LAYERS.iter().find(|(name, _)| words.starts_with(name));
        let action = if action.eq_ignore_ascii_case(operation) { operation } else { action };
        Some(Self {
            principal: principal_arn(principal),
            action: action.to_owned(),
            resource: resource.map(|resource| resource.trim_matches('"').to_owned()),
            layer: named.map_or(Layer::Unknown, |(_, layer)| *layer),
            explicit,
            policy: rest.find("policy").and_then(|at| policy_arn(&rest[at..])),
        })
    }

    /// The fix: one line, followed by a statement to be pasted. `None` if the message does not contain enough.
    pub fn fix(&self) -> Option<String> {
        let Self { principal, action, .. } = self;
        let account = account_of(principal)?;
        let who = principal.split_once(":role/").map_or(principal.clone(), |(_, role)| format!("role {role}"));
        let on = self.resource.as_deref().unwrap_or("*");
        let by = self.policy.as_ref().map_or(String::new(), |arn| format!(" ({arn})"));
        let except = |operator: &str| json!({ operator: { "aws:PrincipalArn": principal } });
        let stack = CONDITIONAL.iter().find(|(conditional, _)| conditional == action);
        if let (Layer::Identity, false, Some((_, stack))) = (self.layer, self.explicit, stack) {
            return Some(format!(
                "account {account} deploys {stack}, of deploy/: it allows {who} this action under the conditions that it must have"
            ));
        }
        let (words, paste) = match (self.layer, self.explicit) {
            (Layer::Identity, false) => (
                format!(
                    "account {account} adds this to a policy of its {who}, one resource at a time as AWS names them; the \
                     role's stack of deploy/ has it for every handoff:"
                ),
                allows(action, self.resource.as_ref()?),
            ),
            (Layer::Boundary, false) => (
                format!(
                    "the permissions boundary of {who} does not allow it: account {account} adds this to the \
                     boundary's policy, which grants nothing by itself:"
                ),
                allows(action, "*"),
            ),
            (Layer::Session, false) => (
                format!(
                    "the agent's credentials were issued with a session policy that does not allow it: account {account} \
                     issues them without one, or with this in it:"
                ),
                allows(action, on),
            ),
            (Layer::Identity | Layer::Boundary | Layer::Session, true) => {
                let of = match self.layer {
                    Layer::Boundary => format!("the permissions boundary of its {who}"),
                    Layer::Session => "the session policy that the agent's credentials were issued with".to_owned(),
                    _ => format!("a policy of its {who}"),
                };
                return Some(format!("account {account} removes {action} from the Deny statement in {of}{by}"));
            }
            (Layer::Resource, explicit) => {
                let (owner, which, named) = with_own_policy(on)?;
                if explicit {
                    (
                        format!(
                            "the policy of {which} denies it{by}: account {owner} adds this to the Condition of its Deny statement:"
                        ),
                        except("ArnNotEquals"),
                    )
                } else {
                    (
                        format!("account {owner} adds this to the policy of {which}:"),
                        allow_principal(&account, principal, action, &named),
                    )
                }
            }
            (Layer::ServiceControl, true) => (
                format!(
                    "a service control policy (SCP) of the organization of account {account} denies it{by}. No policy inside the \
                     account can fix that: the organization's administrators add this to the Condition of the SCP's Deny \
                     statement:"
                ),
                except("ArnNotEquals"),
            ),
            (Layer::ServiceControl, false) => (
                format!(
                    "no service control policy (SCP) of the organization of account {account} allows it. No policy inside \
                     the account can fix that: the organization's administrators add this to an SCP at every level from the \
                     root down to the account:"
                ),
                allows(action, "*"),
            ),
            (Layer::ResourceControl, _) => (
                format!(
                    "a resource control policy (RCP) of the organization of account {} denies it{by}. No policy inside the \
                     account can fix that: the administrators of that organization add this to the Condition of the RCP's \
                     Deny statement:",
                    account_of(on)?
                ),
                except("ArnNotEqualsIfExists"),
            ),
            (Layer::VpcEndpoint, _) => {
                return Some(format!(
                    "the policy of the VPC endpoint that this agent uses denies the request: account {account} allows \
                     {principal} the action {action} on {on} in it"
                ));
            }
            (Layer::Unknown, _) => return None,
        };
        Some(format!("{words}\n{}", pasted(&[paste])))
    }
}

/// Converts the ARN of a session, `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`, to that of its role,
/// `arn:aws:iam::ACCOUNT:role/ROLE`.
fn principal_arn(named: &str) -> String {
    let session = named.strip_prefix("arn:aws:sts::").and_then(|rest| rest.split_once(":assumed-role/"));
    match session {
        Some((account, rest)) => format!("arn:aws:iam::{account}:role/{}", rest.split('/').next().unwrap_or_default()),
        None => named.to_owned(),
    }
}

/// Finds the ARN of the policy, which AWS includes for callers of the policy's own organization: `policy: ARN`, or in
/// S3's form `policy, with policy ARN: ARN`.
fn policy_arn(words: &str) -> Option<String> {
    let arn = words.split(' ').find(|word| word.starts_with("arn:"))?;
    Some(arn.trim_end_matches(['.', ',']).to_owned())
}

fn account_of(arn: &str) -> Option<AccountId> {
    arn.split(':').nth(4)?.parse().ok()
}

/// For a resource with its own policy: its account, its display name, and the `Resource` value in its policy.
fn with_own_policy(resource: &str) -> Option<(AccountId, String, String)> {
    if let Ok(queue) = resource.parse::<QueueArn>() {
        return Some((queue.account, format!("queue {}", queue.queue), resource.to_owned()));
    }
    let key: KeyArn = resource.parse().ok()?;
    // "In a key policy, the value of the Resource element is "*", which means "this KMS key"" (KMS Developer Guide, Key
    // policies).
    Some((key.account, format!("key {resource}"), "*".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    /// Known messages: the source, the operation and the message.
    const SEEN: [(&str, &str, &str); 20] = [
        (
            "RDS (CloudSnorkel/cdk-rds-sanitized-snapshots#110)",
            "rds:RestoreDBInstanceFromDBSnapshot",
            "User: arn:aws:sts::111111111111:assumed-role/SnapshotterDirectorRole/s is not authorized to perform: \
             rds:AddTagsToResource on resource: arn:aws:rds:us-west-2:111111111111:db:sanitize-1 because no identity-based \
             policy allows the rds:AddTagsToResource action",
        ),
        (
            "SQS (aws/serverless-application-model#3633)",
            "sqs:SendMessage",
            "User: arn:aws:iam::111111111111:user/test is not authorized to perform: sqs:sendmessage on resource: \
             arn:aws:sqs:us-west-2:111111111111:test because no identity-based policy allows the sqs:sendmessage action",
        ),
        (
            "SQS, of another account (microsoft/aspire#3333)",
            "sqs:SendMessage",
            "User: arn:aws:iam::111111111111:user/DUB.SQS is not authorized to perform: sqs:sendmessage on resource: \
             arn:aws:sqs:eu-west-1:222222222222:Messages because no resource-based policy allows the sqs:sendmessage action",
        ),
        (
            "SQS, without the policy's kind",
            "sqs:SendMessage",
            "User: arn:aws:sts::111111111111:assumed-role/api/session is not authorized to perform: sqs:sendmessage on \
             resource: arn:aws:sqs:us-west-2:111111111111:orders",
        ),
        (
            "SQS, in its old words (getlift/lift#236)",
            "sqs:SendMessage",
            "Access to the resource https://sqs.us-east-1.amazonaws.com/ is denied.",
        ),
        (
            "SQS, with the SCP's ARN",
            "sqs:ReceiveMessage",
            "User: arn:aws:sts::111111111111:assumed-role/reader/session is not authorized to perform: sqs:receivemessage on \
             resource: arn:aws:sqs:us-east-2:222222222222:orders with an explicit deny in a service control policy: \
             arn:aws:organizations::333333333333:policy/o-exampleorgid/service_control_policy/p-examplepolicyid",
        ),
        (
            "KMS (elastic/cloudbeat#1749)",
            "kms:GetKeyRotationStatus",
            "User: arn:aws:iam::111111111111:user/gh_ci_restricted is not authorized to perform: kms:GetKeyRotationStatus on \
             resource: arn:aws:kms:eu-west-1:111111111111:key/e8d9a14d-b46e-4923-9315-a7ffc7b7ba90 because no resource-based \
             policy allows the kms:GetKeyRotationStatus action",
        ),
        (
            "KMS, of another account",
            "kms:DescribeKey",
            "User: arn:aws:sts::222222222222:assumed-role/agent/session is not authorized to perform: kms:DescribeKey on this \
             resource because the resource does not exist in this Region, no resource-based policies allow access, or a \
             resource-based policy explicitly denies access",
        ),
        (
            "S3's form (S3 User Guide, Troubleshoot access denied (403 Forbidden) errors), of a queue",
            "sqs:SendMessage",
            "User: arn:aws:iam::111111111111:user/MaryMajor is not authorized to perform: sqs:sendmessage on resource: \
             \"arn:aws:sqs:us-west-2:111111111111:orders\" with an explicit deny in an identity-based policy, with policy ARN: \
             arn:aws:iam::111111111111:policy/ExampleIdentityBasedPolicy",
        ),
        (
            "RDS, of a role that it is given",
            "rds:RestoreDBInstanceFromDBSnapshot",
            "User: arn:aws:sts::222222222222:assumed-role/agent/session is not authorized to perform: iam:PassRole on resource: \
             arn:aws:iam::222222222222:role/rds-monitoring because no identity-based policy allows the iam:PassRole action",
        ),
        // The following are from the IAM User Guide, Troubleshoot access denied error messages.
        (
            "SCP, none allows",
            "codecommit:ListRepositories",
            "User: arn:aws:iam::777788889999:user/John is not authorized to perform:\ncodecommit:ListRepositories because no \
             service control policy allows the codecommit:ListRespositories action",
        ),
        (
            "SCP",
            "codecommit:ListRepositories",
            "User: arn:aws:iam::777788889999:user/John is not authorized to perform:\ncodecommit:ListRepositories with an \
             explicit deny in a service control policy",
        ),
        (
            "RCP",
            "secretsmanager:GetSecretValue",
            "User: arn:aws:iam::123456789012:user/John is not authorized to perform:\nsecretsmanager:GetSecretValue on \
             resource: arn:aws:secretsmanager:us-east-1:123456789012:secret:* with an explicit deny in a resource control \
             policy",
        ),
        (
            "VPC endpoint",
            "codecommit:ListRepositories",
            "User: arn:aws:iam::123456789012:user/John is not authorized to perform:\ncodecommit:ListRepositories because no \
             VPC endpoint policy allows the codecommit:ListRepositories action",
        ),
        (
            "VPC endpoint, through an SCP",
            "SNS:Publish",
            "User: arn:aws:sts::111122223333:assumed-role/role-name/role-session-name is not authorized to perform:\n\
             SNS:Publish on resource: arn:aws:sns:us-east-1:444455556666:role-name-2\nwith an explicit deny in a VPC endpoint \
             policy transitively through a service control policy",
        ),
        (
            "boundary, none allows",
            "codedeploy:ListDeployments",
            "User: arn:aws:iam::123456789012:user/John is not authorized to perform:\ncodedeploy:ListDeployments on resource: \
             arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:* because no permissions boundary allows the \
             codedeploy:ListDeployments action",
        ),
        (
            "boundary",
            "sagemaker:ListModels",
            "User: arn:aws:iam::777788889999:user/John is not authorized to perform:\nsagemaker:ListModels with an explicit \
             deny in a permissions boundary",
        ),
        (
            "session, none allows",
            "codecommit:ListRepositories",
            "User: arn:aws:iam::123456789012:user/John is not authorized to perform:\ncodecommit:ListRepositories because no \
             session policy allows the codecommit:ListRepositories action",
        ),
        (
            "session",
            "codedeploy:ListDeployments",
            "User: arn:aws:iam::123456789012:user/John is not authorized to perform:\ncodedeploy:ListDeployments on resource: \
             arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:* with an explicit deny in a sessions policy",
        ),
        (
            "role trust policy",
            "sts:AssumeRole",
            "User: arn:aws:iam::777788889999:user/John is not authorized to perform:\nsts:AssumeRole with an explicit deny in \
             the role trust policy",
        ),
    ];

    #[test]
    fn every_known_message_is_parsed_and_has_its_fix() {
        let mut read = String::new();
        for (seen, operation, message) in SEEN {
            let denial = Denial::read(message, operation);
            let fix = denial.as_ref().and_then(Denial::fix);
            let _ = writeln!(read, "== {seen}\n{denial:?}\n{}\n", fix.as_deref().unwrap_or("(nothing to say)"));
        }
        insta::assert_snapshot!("wordings", read);
    }

    proptest! {
        #[test]
        fn parsing_any_text_does_not_panic(
            text in "\\PC{0,80}",
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "User: ", "arn:aws:sts::", "111111111111", ":assumed-role/", "/", " is not authorized to perform: ",
                    "sqs:sendmessage", " on resource: ", "arn:aws:sqs:us-west-2:", ":q", "\"", " with an explicit deny in ",
                    "a ", " because no ", "resource-based policy", "service control policy", "sessions policy", ": ", "é", " ",
                    "transitively through ", "resource control policy",
                ]),
                0..24,
            ),
        ) {
            for message in [text.clone(), parts.concat(), format!("User: {text} is not authorized to perform: {text}")] {
                if let Some(fix) = Denial::read(&message, "sqs:SendMessage").and_then(|denial| denial.fix()) {
                    let paste = fix.split_once('\n').map(|(_, paste)| paste);
                    prop_assert!(paste.is_none_or(|paste| serde_json::from_str::<serde_json::Value>(paste).is_ok()));
                }
            }
        }
    }
}
