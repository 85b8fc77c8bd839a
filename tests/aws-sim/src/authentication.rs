//! Verifying the caller of a request by its signature.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{between, iso};
use crate::fault::{Fault, Outcome};
use crate::request::Request;
use crate::roles::{Principals, Session};
use crate::sigv4;

/// The greatest difference between a request's time and ours (IAM User Guide, Troubleshoot signed requests: within 15
/// minutes).
const SKEW: Duration = Duration::from_mins(15);

const INVALID: &str = "The security token included in the request is invalid.";

/// The session, or the account's root user, whose signature the request carries.
///
/// InvalidClientTokenId, 403, and IncompleteSignature, 400 (Common Errors of each API Reference); ExpiredToken, 403
/// (IAM API Reference, Common Error Types); SignatureDoesNotMatch, 403 (IAM User Guide, Troubleshoot signed requests).
pub(crate) fn authenticate(principals: &Principals, now: Timestamp, request: &Request) -> Outcome<Session> {
    let unknown = || Fault::new(403, "InvalidClientTokenId", INVALID);
    let session = principals.session_of(&request.scope.access_key_id).ok_or_else(unknown)?;
    let (principal, credentials, expires) = (&session.principal, &session.credentials, session.expires);
    let token = request.http.headers().get("x-amz-security-token").and_then(|value| value.to_str().ok());
    if token != credentials.session_token.as_deref() {
        return Err(unknown());
    }
    // Enabling a Region is what distributes an account's "IAM resources to the Region" (Account Management API
    // Reference, EnableRegion): before that, no principal of the account is known there. UNSOURCED by AWS, but seen in
    // practice, is the code: remotion-dev/github-unwrapped-2022#34 (STS), epsagon/clear-lambda-storage#9 (a JSON
    // protocol).
    if principals.is_disabled(&principal.account, &request.scope.region) {
        return Err(Fault::new(403, "InvalidClientTokenId", INVALID));
    }
    if expires.is_some_and(|expires| expires <= now) {
        return Err(Fault::new(403, "ExpiredToken", "The security token included in the request is expired"));
    }
    let mismatch = |message: String| Fault::new(403, "SignatureDoesNotMatch", message);
    let signed = sigv4::signed_at(&request.http)
        .ok_or_else(|| Fault::bad("IncompleteSignature", "Date must be in ISO-8601 'basic format'."))?;
    if between(signed, now) > SKEW {
        return Err(mismatch(format!(
            "Signature expired: {} is now earlier than 15 minutes before {}.",
            iso(signed),
            iso(now)
        )));
    }
    if between(now, signed) > SKEW {
        return Err(mismatch(format!(
            "Signature not yet current: {} is still later than 15 minutes after {}.",
            iso(signed),
            iso(now)
        )));
    }
    if !sigv4::verify(&request.http, &request.scope, credentials) {
        return Err(mismatch(
            "The request signature we calculated does not match the signature you provided. \
             Check your AWS Secret Access Key and signing method."
                .to_owned(),
        ));
    }
    Ok(session)
}
