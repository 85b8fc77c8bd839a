//! One HTTP request, understood as far as can be done without knowing the world.

use bytes::Bytes;

use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::query::Query;
use crate::sigv4::Scope;

/// The services that exist here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Rds,
    Kms,
    Sqs,
    Sts,
}

impl Service {
    fn named(name: &str) -> Option<Self> {
        match name {
            "rds" => Some(Self::Rds),
            "kms" => Some(Self::Kms),
            "sqs" => Some(Self::Sqs),
            "sts" => Some(Self::Sts),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rds => "rds",
            Self::Kms => "kms",
            Self::Sqs => "sqs",
            Self::Sts => "sts",
        }
    }
}

/// The parameters, in the protocol of the service.
#[derive(Clone, Debug)]
pub(crate) enum Parameters {
    Query(Query),
    Json(Json),
}

/// A request that can be routed.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) service: Service,
    /// Without its service: `CopyDBSnapshot`.
    pub(crate) action: String,
    pub(crate) scope: Scope,
    pub(crate) parameters: Parameters,
    pub(crate) http: http::Request<Bytes>,
}

impl Request {
    /// The service that a request is signed for, whose protocol its refusal is put in although nothing else is understood.
    pub(crate) fn service_of(http: &http::Request<Bytes>) -> Option<Service> {
        let authorization = http.headers().get("authorization")?.to_str().ok()?;
        Service::named(&Scope::parse(authorization)?.service)
    }

    /// Reads the caller's claim, the service and the action. Nothing is verified yet.
    pub(crate) fn parse(http: http::Request<Bytes>) -> Outcome<Self> {
        let header = |name: &str| http.headers().get(name).and_then(|value| value.to_str().ok());
        let Some(authorization) = header("authorization") else {
            // Common Errors of each API reference: MissingAuthenticationToken, 403.
            return Err(Fault::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token"));
        };
        let scope = Scope::parse(authorization).ok_or_else(|| {
            Fault::new(403, "IncompleteSignature", "Authorization header does not hold a complete SigV4 signature.")
        })?;
        let service = Service::named(&scope.service).ok_or_else(|| {
            Fault::new(403, "SignatureDoesNotMatch", "Credential should be scoped to a valid service.")
        })?;
        let unknown = |action: &str| Fault::bad("InvalidAction", format!("Could not find operation {action}"));
        let (action, parameters) = match service {
            Service::Rds | Service::Sts => {
                let query = Query::parse(http.body());
                let action = query.text("Action").ok_or_else(|| unknown(""))?.to_owned();
                let version = if service == Service::Rds { "2014-10-31" } else { "2011-06-15" };
                if query.text("Version") != Some(version) {
                    return Err(unknown(&format!("{action}: the version of this API is {version}")));
                }
                (action, Parameters::Query(query))
            }
            Service::Kms | Service::Sqs => {
                let prefix = if service == Service::Kms { "TrentService." } else { "AmazonSQS." };
                let target = header("x-amz-target").and_then(|target| target.strip_prefix(prefix));
                let action = target.ok_or_else(|| Fault::bad("UnknownOperationException", ""))?.to_owned();
                (action, Parameters::Json(Json::parse(http.body())?))
            }
        };
        Ok(Self { service, action, scope, parameters, http })
    }

    /// As IAM spells it: `rds:CopyDBSnapshot`.
    pub(crate) fn iam_action(&self) -> String {
        let name = match self.action.as_str() {
            // The batch actions are permitted by the single ones (SQS Developer Guide, Amazon SQS API permissions).
            "DeleteMessageBatch" => "DeleteMessage",
            "SendMessageBatch" => "SendMessage",
            "ChangeMessageVisibilityBatch" => "ChangeMessageVisibility",
            other => other,
        };
        format!("{}:{name}", self.service.name())
    }

    /// Whether it may change something.
    pub(crate) fn mutating(&self) -> bool {
        const READS: [&str; 3] = ["Describe", "List", "Get"];
        const CRYPTO: [&str; 4] = ["Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"];
        self.service != Service::Sts
            && !READS.iter().any(|verb| self.action.starts_with(verb))
            && !CRYPTO.contains(&self.action.as_str())
    }
}

/// Whether `text` has the form of a Region's name: `eu-west-1`, `us-gov-west-1`.
pub(crate) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match parts.split_last() {
        Some((number, words)) => {
            words.len() >= 2 && words.iter().all(letters) && number.parse::<u8>().is_ok_and(|number| number > 0)
        }
        None => false,
    }
}
