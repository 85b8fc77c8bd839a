//! The one table of AWS's error codes: what follows from each, and how it is mended. Message text never decides.

use crate::fault::FaultKind;

/// What to do when the SDK finds nobody to be.
pub(crate) const NO_CREDENTIALS: &str =
    "give the agent credentials of its own account: AWS_PROFILE, a container role, SSO or the environment";

/// What to look at when AWS does not answer.
pub(crate) const NO_ANSWER: &str =
    "check this machine's network, its proxy, the Region's name, and AWS_ENDPOINT_URL if it is set";

/// Codes that mean "later": throttling in each service's own words, and their own troubles.
const TRANSIENT: [&str; 14] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "SlowDown",
    "InternalFailure",
    "InternalError",
    "KMSInternalException",
    "DependencyTimeoutException",
    "ServiceUnavailable",
    "RequestTimeout",
];

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

/// What follows from an error answer. What is unknown is Blocked: a person looks, and it goes on by itself when mended.
pub fn kind(code: Option<&str>, status: Option<u16>) -> FaultKind {
    match code {
        Some(code) if TRANSIENT.contains(&code) => FaultKind::Transient,
        _ if status.is_some_and(|status| status >= 500) => FaultKind::Transient,
        Some(code) if FATAL.contains(&code) => FaultKind::Fatal,
        _ => FaultKind::Blocked,
    }
}

/// Is this a refusal that a change still spreading explains?
pub fn is_refusal(code: &str) -> bool {
    REFUSALS.contains(&code)
}

/// How the operator mends it, where the step knows nothing better.
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
        "LimitExceededException" => "a quota of KMS is used up: remove unused keys or aliases, or raise it",
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
    fn unknown_codes_wait_for_a_person_and_server_errors_for_the_server() {
        assert_eq!(kind(Some("SomethingNewFault"), Some(400)), FaultKind::Blocked);
        assert_eq!(kind(Some("SomethingNewFault"), Some(503)), FaultKind::Transient);
        assert_eq!(kind(None, Some(502)), FaultKind::Transient);
        assert_eq!(kind(Some("Throttling"), Some(400)), FaultKind::Transient);
        assert_eq!(kind(Some("InvalidParameterValue"), Some(400)), FaultKind::Fatal);
        assert_eq!(kind(Some("KMSKeyNotAccessibleFault"), Some(400)), FaultKind::Blocked);
    }
}
