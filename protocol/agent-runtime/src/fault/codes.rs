//! The one table of AWS's error codes: what follows from each, and how it is fixed. Message text never decides.

use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};

/// What follows from a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// No answer, 5xx, throttling: back off and look again.
    Transient,
    /// A person, a quota or the other account must move: said loudly, looked at again slowly, and it goes on by itself.
    Blocked,
    /// This handoff stops; the others go on.
    Fatal,
}

/// What to do when the SDK finds nobody to be.
pub(crate) const NO_CREDENTIALS: &str =
    "give the agent credentials of its own account: AWS_PROFILE, a container role, SSO or the environment";

/// What to look at when AWS does not answer.
pub(crate) const NO_ANSWER: &str =
    "check this machine's network, its proxy, the Region's name, and AWS_ENDPOINT_URL if it is set";

/// Throttling that the SDK's own tables lack: SQS passes on that KMS throttles the key of a queue, with status 400, under its
/// name in JSON and in the query protocol (SQS API Reference, `SendMessage`, Errors: `KmsThrottled`; SQS's service model,
/// `awsQueryError`).
const THROTTLING_OF_SQS: [&str; 2] = ["KmsThrottled", "KMS.ThrottlingException"];

/// What the SDK takes for throttling and is none: KMS answers it when a quota of keys, aliases or grants is used up (KMS API
/// Reference, `CreateKey`, Errors).
const QUOTAS_OF_KMS: &str = "LimitExceededException";

/// Codes that call the request itself malformed: sent again, it would be refused again.
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

/// The answer to credentials that a Region does not know: of the query protocols, and of JSON.
pub const UNKNOWN_CALLER: [&str; 2] = ["InvalidClientTokenId", "UnrecognizedClientException"];

/// Refusals that a change of ours, still spreading, explains: no leave, or not visible yet.
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

/// What follows from an error answer. A service's own trouble is told by status 5xx, whatever its code. What is unknown is Blocked: a person looks, and it goes on by itself when fixed.
pub fn kind(code: Option<&str>, status: Option<u16>) -> FaultKind {
    match code {
        Some(code) if is_throttling(code) || TRANSIENT_ERRORS.contains(&code) => FaultKind::Transient,
        _ if status.is_some_and(|status| status >= 500) => FaultKind::Transient,
        Some(code) if FATAL.contains(&code) => FaultKind::Fatal,
        _ => FaultKind::Blocked,
    }
}

/// AWS asks for fewer requests: the codes that the SDK retries for it, and its own.
fn is_throttling(code: &str) -> bool {
    code != QUOTAS_OF_KMS && (THROTTLING_ERRORS.contains(&code) || THROTTLING_OF_SQS.contains(&code))
}

/// Is this a refusal that a change still spreading explains?
pub fn is_refusal(code: &str) -> bool {
    REFUSALS.contains(&code)
}

/// How the operator fixes it, where the step knows nothing better.
pub fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "AccessDenied" | "AccessDeniedException" | "AuthorizationError" => {
            "allow this action to the agent's role; when its own policy does, look for an SCP, an RCP, a permissions \
             boundary or the resource's own policy"
        }
        "KMSKeyNotAccessibleFault" => {
            "check that the key is enabled, that its policy lets this account in, and that the agent's role is allowed \
             kms:DescribeKey, kms:CreateGrant and kms:Decrypt on it through RDS"
        }
        "SnapshotQuotaExceeded" => {
            "either 20 copies are in flight in this Region, and it goes on by itself, or the quota of manual snapshots is \
             used up: delete some, or raise L-272F1212"
        }
        "SharedSnapshotQuotaExceeded" => "the snapshot is shared with 20 accounts already: take one out",
        "InstanceQuotaExceeded" => "raise the quota of DB instances in this Region (L-7B6409FD)",
        "StorageQuotaExceeded" => "raise the quota of total storage for DB instances in this Region (L-7ADDB58A)",
        "InvalidDBInstanceState" => "the database is not available just now; it goes on when it is",
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
        "CertificateNotFound" => "correct ca in the restore profile: aws rds describe-certificates lists what there is",
        "InsufficientDBInstanceCapacity" => "AWS has none of this class there now: choose another class, or wait",
        "StorageTypeNotSupported" | "ProvisionedIopsNotAvailableInAZFault" => {
            "choose another storage_type or other iops in the restore profile"
        }
        QUOTAS_OF_KMS => "a quota of KMS is used up: remove unused keys or aliases, or raise it",
        code if UNKNOWN_CALLER.contains(&code) => {
            "renew the agent's credentials; in an opt-in Region see that it is enabled for this account, and that the \
             credentials come from a Regional endpoint of STS"
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
    fn kind_of_throttling_codes_is_transient_but_of_used_up_quotas_blocked() {
        for code in ["Throttling", "ThrottlingException", "SlowDown", "RequestTimeout", "KmsThrottled"] {
            assert_eq!(kind(Some(code), Some(400)), FaultKind::Transient, "{code}");
        }
        assert!(THROTTLING_ERRORS.contains(&QUOTAS_OF_KMS), "else there is no exception to be made");
        assert!(!THROTTLING_OF_SQS.iter().any(|code| THROTTLING_ERRORS.contains(code)));
        assert_eq!(kind(Some(QUOTAS_OF_KMS), Some(400)), FaultKind::Blocked);
        assert!(hint(QUOTAS_OF_KMS).is_some());
    }

    #[test]
    fn unknown_codes_wait_for_a_person_and_server_errors_for_the_server() {
        assert_eq!(kind(Some("SomethingNewFault"), Some(400)), FaultKind::Blocked);
        assert_eq!(kind(Some("SomethingNewFault"), Some(503)), FaultKind::Transient);
        assert_eq!(kind(None, Some(502)), FaultKind::Transient);
        assert_eq!(kind(Some("Throttling"), Some(400)), FaultKind::Transient);
        assert_eq!(kind(Some("InvalidParameterValue"), Some(400)), FaultKind::Fatal);
        assert_eq!(kind(Some("KMSKeyNotAccessibleFault"), Some(400)), FaultKind::Blocked);
    }
}
