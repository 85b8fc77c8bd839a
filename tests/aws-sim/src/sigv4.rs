//! Signature Version 4: parsing the `Authorization` header, and recomputing the signature.

use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use jiff::Timestamp;

use crate::principal::Credentials;

/// The content of the `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) access_key_id: String,
    pub(crate) region: String,
    pub(crate) service: String,
    signed_headers: String,
    signature: String,
}

impl Scope {
    /// Parses `AWS4-HMAC-SHA256 Credential=id/date/region/service/aws4_request, SignedHeaders=a;b, Signature=hex`.
    pub(crate) fn parse(authorization: &str) -> Option<Self> {
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in authorization.strip_prefix("AWS4-HMAC-SHA256 ")?.split(',') {
            let (name, value) = part.trim().split_once('=')?;
            match name {
                "Credential" => credential = Some(value),
                "SignedHeaders" => signed_headers = Some(value),
                "Signature" => signature = Some(value),
                _ => return None,
            }
        }
        let mut parts = credential?.split('/');
        let access_key_id = parts.next()?.to_owned();
        let _date = parts.next()?;
        let (region, service) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        if parts.next() != Some("aws4_request") || region.is_empty() {
            return None;
        }
        let (signed_headers, signature) = (signed_headers?.to_owned(), signature?.to_owned());
        Some(Self { access_key_id, region, service, signed_headers, signature })
    }
}

/// The time of signing that the request states.
pub(crate) fn signed_at(request: &http::Request<Bytes>) -> Option<Timestamp> {
    let text = request.headers().get("x-amz-date")?.to_str().ok()?;
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

/// Whether signing the same request with `credentials` gives the same signature.
///
/// The host and the body must be signed (IAM User Guide, Create a signed AWS API request).
pub(crate) fn verify(request: &http::Request<Bytes>, scope: &Scope, credentials: &Credentials) -> bool {
    recompute(request, scope, credentials).is_some_and(|signature| signature == scope.signature)
}

fn recompute(request: &http::Request<Bytes>, scope: &Scope, credentials: &Credentials) -> Option<String> {
    let identity = aws_credential_types::Credentials::new(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        credentials.session_token.clone(),
        None,
        "aws-sim",
    )
    .into();
    let mut settings = SigningSettings::default();
    settings.excluded_headers = None;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&scope.region)
        .name(&scope.service)
        .time(SystemTime::from(signed_at(request)?))
        .settings(settings)
        .build()
        .ok()?
        .into();
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    // The signer adds these two headers itself.
    let added = ["x-amz-date", "x-amz-security-token"];
    let names = scope.signed_headers.split(';').filter(|name| !added.contains(name));
    // An in-process client has no host header: its URI names the host. Any other header that was signed and is missing
    // makes the signatures differ.
    let headers = names.filter_map(|name| Some((name, header(name)?)));
    let host = header("host").or(request.uri().host()).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let uri = format!("https://{host}{path}");
    let body = SignableBody::Bytes(request.body());
    let signable = SignableRequest::new(request.method().as_str(), uri, headers, body).ok()?;
    Some(sign(signable, &params).ok()?.signature().to_owned())
}
