//! Formatting results and refusals for each protocol.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::request::Service;
use crate::xml::Xml;

/// What a handler returns.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The content of the query protocol's result element.
    Xml(Xml),
    /// A JSON body.
    Json(Value),
    /// No result yet: call the handler again at this time, or when a message has arrived.
    Later(jiff::Timestamp),
}

/// A successful answer.
pub(crate) fn success(service: Service, action: &str, reply: Reply, request_id: &str) -> Response<Bytes> {
    match reply {
        Reply::Xml(result) => {
            let mut xml = Xml::new();
            // An action without a result has no result element (RDS API Reference, AddTagsToResource, Examples).
            if !result.is_empty() {
                xml.node(&format!("{action}Result"), |xml| xml.append(&result));
            }
            let body = format!(
                "<{action}Response xmlns=\"{}\">{}\
                 <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>",
                namespace(service),
                xml.finish(),
            );
            respond(200, "text/xml", request_id, body)
        }
        Reply::Json(Value::Null) | Reply::Later(_) => respond(200, json_type(service), request_id, String::new()),
        Reply::Json(body) => respond(200, json_type(service), request_id, body.to_string()),
    }
}

/// A refusal. `service` is `None` when the request could not be routed.
pub(crate) fn refusal(service: Option<Service>, fault: &Fault, request_id: &str) -> Response<Bytes> {
    match service {
        Some(service @ (Service::Kms | Service::Sqs)) => json_refusal(service, fault, request_id),
        other => {
            let mut xml = Xml::new();
            xml.node("Error", |xml| {
                xml.leaf("Type", if fault.status < 500 { "Sender" } else { "Receiver" });
                xml.leaf("Code", &fault.code);
                xml.leaf("Message", &fault.message);
            });
            let body = format!(
                "<ErrorResponse xmlns=\"{}\">{}<RequestId>{request_id}</RequestId></ErrorResponse>",
                namespace(other.unwrap_or(Service::Rds)),
                xml.finish(),
            );
            respond(fault.status, "text/xml", request_id, body)
        }
    }
}

fn json_refusal(service: Service, fault: &Fault, request_id: &str) -> Response<Bytes> {
    // The JSON protocols answer client errors with 400, also where the query protocol uses another status.
    let status = if service == Service::Kms && fault.status < 500 { 400 } else { fault.status };
    let (name, legacy) = match service {
        Service::Sqs => sqs_names(&fault.code),
        _ => (kms_name(&fault.code).to_owned(), None),
    };
    let body = json!({ "__type": name, "message": fault.message }).to_string();
    let mut response = respond(status, json_type(service), request_id, body);
    // SQS kept the error codes of its former query protocol (SQS API Reference, awsQueryCompatible).
    let kind = if status < 500 { "Sender" } else { "Receiver" };
    if let Some(value) = legacy.and_then(|code| http::HeaderValue::from_str(&format!("{code};{kind}")).ok()) {
        response.headers_mut().insert("x-amzn-query-error", value);
    }
    response
}

/// The JSON protocols' name of an error code of the query protocol.
fn kms_name(code: &str) -> &str {
    match code {
        "InvalidClientTokenId" => "UnrecognizedClientException",
        "SignatureDoesNotMatch" => "InvalidSignatureException",
        "MissingAuthenticationToken" => "MissingAuthenticationTokenException",
        "IncompleteSignature" => "IncompleteSignatureException",
        "InvalidAction" => "UnknownOperationException",
        "ExpiredToken" => "ExpiredTokenException",
        "AccessDenied" => "AccessDeniedException",
        other => other,
    }
}

/// The name of the error's shape, and the code of the former query protocol.
fn sqs_names(code: &str) -> (String, Option<String>) {
    let legacy = match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue",
        "QueueNameExists" => "QueueAlreadyExists",
        "MessageNotInflight" => "AWS.SimpleQueueService.MessageNotInflight",
        "TooManyEntriesInBatchRequest" => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "EmptyBatchRequest" => "AWS.SimpleQueueService.EmptyBatchRequest",
        "BatchEntryIdsNotDistinct" => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        "InvalidBatchEntryId" => "AWS.SimpleQueueService.InvalidBatchEntryId",
        "BatchRequestTooLong" => "AWS.SimpleQueueService.BatchRequestTooLong",
        "PurgeQueueInProgress" => "AWS.SimpleQueueService.PurgeQueueInProgress",
        "QueueDeletedRecently" => "AWS.SimpleQueueService.QueueDeletedRecently",
        "UnsupportedOperation" => "AWS.SimpleQueueService.UnsupportedOperation",
        "KmsAccessDenied" => "KMS.AccessDeniedException",
        "KmsDisabled" => "KMS.DisabledException",
        "KmsInvalidKeyUsage" => "KMS.InvalidKeyUsageException",
        "KmsInvalidState" => "KMS.InvalidStateException",
        "KmsNotFound" => "KMS.NotFoundException",
        other => other,
    };
    let name = match code {
        "InvalidParameterValue" => "InvalidParameterValueException",
        "MissingParameter" => "MissingRequiredParameterException",
        other => kms_name(other),
    };
    // Errors raised before the request reaches the service never had a code of the former protocol.
    let renamed = name != code && !matches!(code, "AccessDenied" | "InvalidParameterValue" | "MissingParameter");
    let coral = name.ends_with("Exception") && name != "InvalidParameterValueException";
    let space = if coral { "com.amazon.coral.service" } else { "com.amazonaws.sqs" };
    (format!("{space}#{name}"), (!renamed).then(|| legacy.to_owned()))
}

fn namespace(service: Service) -> &'static str {
    match service {
        Service::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        _ => "http://rds.amazonaws.com/doc/2014-10-31/",
    }
}

fn json_type(service: Service) -> &'static str {
    match service {
        Service::Sqs => "application/x-amz-json-1.0",
        _ => "application/x-amz-json-1.1",
    }
}

pub(crate) fn respond(
    status: u16,
    content_type: &'static str,
    request_id: &str,
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    if let Ok(id) = http::HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
