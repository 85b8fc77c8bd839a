//! The table of AWS's error codes: the kind of fault and the fix for each. The message text is never used.

use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};

/// The kind of a fault: what the agent does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// No response, 5xx or throttling: retried with backoff.
    Transient,
    /// A person, a quota or the other account must act: reported, retried with long delays, and continued without a
    /// restart.
    Blocked,
    /// This handoff ends; the others continue.
    Fatal,
}

/// The fix if the SDK finds no credentials.
pub(crate) const NO_CREDENTIALS: &str =
    "give the agent credentials of its own account: AWS_PROFILE, a container role, SSO or the environment";

/// The fix if AWS does not answer.
pub(crate) const NO_ANSWER: &str =
    "check this machine's network, its proxy, the Region's name, and AWS_ENDPOINT_URL if it is set";

/// Throttling codes that are missing in the SDK's tables. SQS returns them with status 400 when KMS throttles requests
/// for the key of a queue; one is its name in JSON, the other in the query protocol (SQS API Reference, `SendMessage`,
/// Errors: `KmsThrottled`; SQS's service model, `awsQueryError`).
const THROTTLING_OF_SQS: [&str; 2] = ["KmsThrottled", "KMS.ThrottlingException"];

/// A code that the SDK treats as throttling, but KMS returns it when a quota of keys, aliases or grants is used up (KMS
/// API Reference, `CreateKey`, Errors).
const QUOTAS_OF_KMS: &str = "LimitExceededException";

/// Codes of an invalid request: a retry would be refused again.
const FATAL: [&str; 13] = [
    "InvalidAction",
    "InvalidArnException",
    "InvalidInput",
    "InvalidMessageContents",
    "InvalidParameterCombination",
    "InvalidParameterValue",
    "MalformedPolicyDocumentException",
    "MalformedQueryString",
    "MissingParameter",
    "TagException",
    "UnsupportedOperationException",
    "ValidationError",
    "ValidationException",
];

/// The codes for credentials that are not valid in a Region: of the query protocol, and of JSON.
pub const UNKNOWN_CALLER: [&str; 2] = ["InvalidClientTokenId", "UnrecognizedClientException"];

/// Refusals that propagation delay of our own change can explain: a missing permission, or a resource that is not
/// visible yet.
const REFUSALS: [&str; 10] = [
    "AccessDenied",
    "AccessDeniedException",
    "DBSnapshotNotFound",
    "DBSnapshotNotFoundFault",
    "DisabledException",
    "InvalidDBSnapshotState",
    "KMSInvalidStateException",
    "KMSKeyNotAccessibleFault",
    "NotFoundException",
    "AuthorizationError",
];

/// The kind of fault for an error response. Status 5xx means trouble of the service, whatever the code. An unknown code
/// is `Blocked`: an operator must act, and the handoff continues when the cause is fixed.
pub fn kind(code: Option<&str>, status: Option<u16>) -> FaultKind {
    match code {
        Some(code) if is_throttling(code) || TRANSIENT_ERRORS.contains(&code) => FaultKind::Transient,
        _ if status.is_some_and(|status| status >= 500) => FaultKind::Transient,
        Some(code) if FATAL.contains(&code) => FaultKind::Fatal,
        _ => FaultKind::Blocked,
    }
}

/// Whether the code means throttling, by the SDK's table and ours.
fn is_throttling(code: &str) -> bool {
    code != QUOTAS_OF_KMS && (THROTTLING_ERRORS.contains(&code) || THROTTLING_OF_SQS.contains(&code))
}

/// Whether propagation delay of our own change can explain this refusal.
pub fn is_refusal(code: &str) -> bool {
    REFUSALS.contains(&code)
}

/// The fix for an error code, if the step has no better one.
pub fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "AccessDenied" | "AccessDeniedException" | "AuthorizationError" => {
            "allow this action to the agent's role; when its own policy does, look for an SCP, an RCP, a permissions \
             boundary or the resource's own policy"
        }
        "KMSKeyNotAccessibleFault" => {
            "check that the key is enabled, that its policy allows this account, and that the agent's role is allowed \
             kms:DescribeKey, kms:CreateGrant and kms:Decrypt on it through RDS"
        }
        "SnapshotQuotaExceeded" => {
            "either 20 copies are in flight in this Region, and the copy is retried automatically, or the quota of manual \
             snapshots is used up: delete some, or raise L-272F1212"
        }
        "SharedSnapshotQuotaExceeded" => "the snapshot is shared with 20 accounts already: remove one of them",
        "InstanceQuotaExceeded" => "raise the quota of DB instances in this Region (L-7B6409FD)",
        "StorageQuotaExceeded" => "raise the quota of total storage for DB instances in this Region (L-7ADDB58A)",
        "InvalidDBInstanceState" => "the database is not available now; the handoff continues when it is",
        "QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue" => {
            "create the queue, or correct its ARN in the configuration"
        }
        "DBSubnetGroupNotFoundFault" => "create the subnet group, or correct subnet_group in the restore profile",
        "DBParameterGroupNotFound" => "create the parameter group, or correct parameter_group in the restore profile",
        "OptionGroupNotFoundFault" => "create the option group, or correct option_group in the restore profile",
        "InvalidVPCNetworkStateFault" | "InvalidSubnet" => {
            "the subnet group, the security groups and the Availability Zones of the restore profile must be of one VPC, with free \
             addresses"
        }
        "CertificateNotFound" => {
            "correct ca in the restore profile to one that this command lists:\naws rds describe-certificates"
        }
        "InsufficientDBInstanceCapacity" => {
            "AWS has no capacity for this class there now: choose another class, or wait"
        }
        "StorageTypeNotSupported" | "ProvisionedIopsNotAvailableInAZFault" => {
            "choose another storage_type or other iops in the restore profile"
        }
        QUOTAS_OF_KMS => "a quota of KMS is used up: remove unused keys or aliases, or raise it",
        code if UNKNOWN_CALLER.contains(&code) => {
            "renew the agent's credentials; in an opt-in Region, check that it is enabled for this account, and \
             that the credentials come from a Regional endpoint of STS"
        }
        "ExpiredToken" | "ExpiredTokenException" | "SignatureDoesNotMatch" | "InvalidSignatureException" => {
            "renew the agent's credentials, and check this machine's clock"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_is_transient_and_used_up_quota_is_blocked() {
        for code in ["Throttling", "ThrottlingException", "SlowDown", "RequestTimeout", "KmsThrottled"] {
            assert_eq!(kind(Some(code), Some(400)), FaultKind::Transient, "{code}");
        }
        assert!(THROTTLING_ERRORS.contains(&QUOTAS_OF_KMS), "otherwise the exception is not needed");
        assert!(!THROTTLING_OF_SQS.iter().any(|code| THROTTLING_ERRORS.contains(code)));
        assert_eq!(kind(Some(QUOTAS_OF_KMS), Some(400)), FaultKind::Blocked);
        assert!(hint(QUOTAS_OF_KMS).is_some());
    }

    #[test]
    fn unknown_code_is_blocked_and_server_error_is_transient() {
        assert_eq!(kind(Some("SomethingNewFault"), Some(400)), FaultKind::Blocked);
        assert_eq!(kind(Some("SomethingNewFault"), Some(503)), FaultKind::Transient);
        assert_eq!(kind(None, Some(502)), FaultKind::Transient);
        assert_eq!(kind(Some("Throttling"), Some(400)), FaultKind::Transient);
        assert_eq!(kind(Some("InvalidParameterValue"), Some(400)), FaultKind::Fatal);
        assert_eq!(kind(Some("KMSKeyNotAccessibleFault"), Some(400)), FaultKind::Blocked);
    }
}
