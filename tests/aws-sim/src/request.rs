//! Parsing an HTTP request, as far as possible without the simulated state.

use std::sync::Arc;

use bytes::Bytes;

use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::policy::Policy;
use crate::principal::Principal;
use crate::query::Query;
use crate::sigv4::Scope;

/// The simulated services.
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

    /// The service that a request is for, even if it cannot be parsed: by the scope of its signature, or else by its
    /// protocol. AWS knows it by the host, which is the same for all services here.
    pub(crate) fn addressed(http: &http::Request<Bytes>) -> Option<Self> {
        let header = |name: &str| http.headers().get(name).and_then(|value| value.to_str().ok());
        let scope = header("authorization").and_then(Scope::parse);
        scope.and_then(|scope| Self::named(&scope.service)).or_else(|| {
            match header("x-amz-target").and_then(|target| target.split('.').next()) {
                Some("TrentService") => return Some(Self::Kms),
                Some("AmazonSQS") => return Some(Self::Sqs),
                _ => {}
            }
            match Query::parse(http.body()).unwrap_or_default().text("Version") {
                Some("2014-10-31") => Some(Self::Rds),
                Some("2011-06-15") => Some(Self::Sts),
                _ => None,
            }
        })
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
    /// Without the service: `CopyDBSnapshot`.
    pub(crate) action: String,
    pub(crate) scope: Scope,
    pub(crate) parameters: Parameters,
    pub(crate) http: http::Request<Bytes>,
}

impl Request {
    /// Parses the signature's scope, the service and the action. Nothing is verified yet.
    pub(crate) fn parse(http: http::Request<Bytes>) -> Outcome<Self> {
        let header = |name: &str| http.headers().get(name).and_then(|value| value.to_str().ok());
        let Some(authorization) = header("authorization") else {
            // Common Errors of each API Reference: MissingAuthenticationToken, 403.
            return Err(Fault::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token"));
        };
        // Common Errors again: IncompleteSignature, 400.
        let scope = Scope::parse(authorization).ok_or_else(|| {
            Fault::bad("IncompleteSignature", "Authorization header does not hold a complete SigV4 signature.")
        })?;
        // IAM User Guide, Troubleshoot signed requests: SignatureDoesNotMatch, 403; with this text timkay/aws#111.
        let service = Service::named(&scope.service).ok_or_else(|| {
            Fault::new(403, "SignatureDoesNotMatch", "Credential should be scoped to a valid service.")
        })?;
        // UNSOURCED: there is only one path.
        if http.uri().path() != "/" {
            return Err(Fault::not_found("UnknownOperationException", format!("Nothing is at {}.", http.uri().path())));
        }
        let (action, parameters) = match service {
            Service::Rds | Service::Sts => query(service, &http)?,
            Service::Kms | Service::Sqs => json(service, &http)?,
        };
        Ok(Self { service, action, scope, parameters, http })
    }

    /// The caller. Loopback counts as HTTPS; for an in-process request the scheme of its URI decides.
    pub(crate) fn caller(&self, principal: Principal, session: Option<Arc<[Policy]>>) -> Caller {
        let plain = self.http.uri().scheme() == Some(&http::uri::Scheme::HTTP);
        Caller { principal, session, region: self.scope.region.clone(), plain }
    }

    /// Whether AWS may answer it from an earlier state.
    pub(crate) fn may_be_stale(&self) -> bool {
        matches!(self.service, Service::Rds | Service::Kms) && self.is_read()
    }

    /// Whether it may change state.
    pub(crate) fn mutating(&self) -> bool {
        const CRYPTO: [&str; 4] = ["Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"];
        self.service != Service::Sts && !self.is_read() && !CRYPTO.contains(&self.action.as_str())
    }

    fn is_read(&self) -> bool {
        ["Describe", "List", "Get"].iter().any(|verb| self.action.starts_with(verb))
    }
}

/// The query protocol: a form, as the body of a POST or the query of a GET (RDS User Guide, Using the Query API).
fn query(service: Service, http: &http::Request<Bytes>) -> Outcome<(String, Parameters)> {
    let form = match *http.method() {
        http::Method::GET => http.uri().query().unwrap_or_default().as_bytes(),
        http::Method::POST if has_type(http, "application/x-www-form-urlencoded") => http.body(),
        // UNSOURCED: the code for other methods and content types.
        _ => return Err(Fault::not_found("MalformedQueryString", "The query string contains a syntax error.")),
    };
    let query = Query::parse(form)?;
    // RDS API Reference, Common Errors: "The request is missing an action or a required parameter."
    let missing = || Fault::bad("MissingAction", "The request is missing an action or a required parameter.");
    let action = query.text("Action").ok_or_else(missing)?.to_owned();
    // Earlier API versions, which AWS still serves, are not served here.
    let served = if service == Service::Rds { "2014-10-31" } else { "2011-06-15" };
    match query.text("Version") {
        Some(version) if version == served => Ok((action, Parameters::Query(query))),
        other => {
            let version = other.unwrap_or("NO_VERSION_SPECIFIED");
            let message = format!("Could not find operation {action} for version {version}");
            Err(Fault::bad("InvalidAction", message))
        }
    }
}

/// The JSON protocols: a POST whose header names the action (Smithy, AWS JSON 1.0 and 1.1 protocols). SQS's former
/// query protocol is not served here. UNSOURCED: the status for an unknown action; 400 as for all client errors of
/// these protocols, although the Common Errors of newer API references say 404.
fn json(service: Service, http: &http::Request<Bytes>) -> Outcome<(String, Parameters)> {
    let (prefix, content) = match service {
        Service::Kms => ("TrentService.", "application/x-amz-json-1.1"),
        _ => ("AmazonSQS.", "application/x-amz-json-1.0"),
    };
    let target = http.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let action = target.and_then(|target| target.strip_prefix(prefix));
    match action {
        Some(action) if http.method() == http::Method::POST && has_type(http, content) => {
            Ok((action.to_owned(), Parameters::Json(Json::parse(http.body())?)))
        }
        _ => Err(Fault::bad("UnknownOperationException", "")),
    }
}

/// Whether the body has this content type, with any character set.
fn has_type(http: &http::Request<Bytes>, wanted: &str) -> bool {
    let given = http.headers().get(http::header::CONTENT_TYPE).and_then(|given| given.to_str().ok());
    given.is_some_and(|given| given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted))
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
