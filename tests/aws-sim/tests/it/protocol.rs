//! Requests on the wire, valid and invalid.

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use crate::lab::{A, HERE, Lab};

/// The response.
struct Answer {
    status: u16,
    request_id: String,
    content_type: String,
    body: String,
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

/// Sends a correctly signed request as the root user of account A.
async fn ask(lab: &Lab, service: &str, verb: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let root = lab.cloud.root(A);
    let identity =
        aws_credential_types::Credentials::new(root.access_key_id, root.secret_access_key, None, None, "test").into();
    let time = lab.cloud.clock().now();
    let params = SigningParams::builder().identity(&identity).region(HERE).name(service).time(time);
    let params = params.settings(SigningSettings::default()).build().unwrap().into();
    let uri = format!("https://{service}.{HERE}.amazonaws.com{path}");
    let signable =
        SignableRequest::new(verb, &uri, headers.iter().copied(), SignableBody::Bytes(body.as_bytes())).unwrap();
    let (instructions, _) = sign(signable, &params).unwrap().into_parts();
    let mut request = http::Request::builder().method(verb).uri(&uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(SdkBody::from(body.to_owned())).unwrap();
    instructions.apply_to_request_http1x(&mut request);
    let answer = lab.cloud.connector().call(HttpRequest::try_from(request).unwrap()).await.unwrap();
    let header = |name: &str| answer.headers().get(name).unwrap_or_default().to_owned();
    Answer {
        status: answer.status().as_u16(),
        request_id: header("x-amzn-requestid"),
        content_type: header("content-type"),
        body: String::from_utf8(answer.body().bytes().unwrap().to_vec()).unwrap(),
    }
}

const LIST: &str = "Action=DescribeDBInstances&Version=2014-10-31";

#[tokio::test(start_paused = true)]
async fn query_protocol_accepts_post_and_get() {
    let lab = Lab::new();
    let posted = ask(&lab, "rds", "POST", "/", &[FORM], LIST).await;
    let got = ask(&lab, "rds", "GET", &format!("/?{LIST}"), &[], "").await;
    for answer in [&posted, &got] {
        assert_eq!((answer.status, answer.content_type.as_str()), (200, "text/xml"), "{}", answer.body);
        assert!(
            answer.body.starts_with("<DescribeDBInstancesResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\">")
        );
        let id = format!("<ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata>", answer.request_id);
        assert!(answer.body.contains(&id));
    }
    let not_found = "<Code>MalformedQueryString</Code>";
    for (verb, headers) in
        [("PUT", &[FORM][..]), ("HEAD", &[]), ("POST", &[]), ("POST", &[("content-type", "text/plain")])]
    {
        let answer = ask(&lab, "rds", verb, "/", headers, if verb == "HEAD" { "" } else { LIST }).await;
        assert!(answer.status == 404 && answer.body.contains(not_found), "{verb} {headers:?} {}", answer.body);
    }
    assert_eq!(ask(&lab, "rds", "POST", "/elsewhere", &[FORM], LIST).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn query_protocol_validates_action_version_and_parameters() {
    let lab = Lab::new();
    let cases = [
        ("Version=2014-10-31", "MissingAction", "missing an action"),
        ("Action=DescribeDBInstances", "InvalidAction", "DescribeDBInstances for version NO_VERSION_SPECIFIED"),
        ("Action=DescribeDBInstances&Version=2011-06-15", "InvalidAction", "for version 2011-06-15"),
        (
            "Action=Describe&Version=2014-10-31",
            "InvalidAction",
            "Could not find operation Describe for version 2014-10-31",
        ),
        (&format!("{LIST}&MaxRecords=20&MaxRecords=30"), "InvalidQueryParameter", "MaxRecords comes twice"),
        (&format!("{LIST}&MaxRecord=20"), "InvalidParameterValue", "MaxRecord"),
        (&format!("{LIST}&Filters.Filtre.1.Name=x"), "InvalidParameterValue", "Filters.Filtre.1.Name"),
        (&format!("{LIST}&Filters.Filter.0.Name=x"), "InvalidParameterValue", "Filters.Filter.0.Name"),
        (&format!("{LIST}&Filters.1.Name=x"), "InvalidParameterValue", "Filters.1.Name"),
        (&format!("{LIST}&Filters.Filter.x=x"), "InvalidParameterValue", "Filters.Filter.x"),
        (&format!("{LIST}&Filters.Filter.1.Values.Val.1=x"), "InvalidParameterValue", "Values.Val"),
    ];
    for (form, code, message) in cases {
        let answer = ask(&lab, "rds", "POST", "/", &[FORM], form).await;
        let head = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>");
        assert!(
            answer.status == 400 && answer.body.contains(&head) && answer.body.contains(message),
            "{}",
            answer.body
        );
        assert!(answer.body.ends_with(&format!("<RequestId>{}</RequestId></ErrorResponse>", answer.request_id)));
    }
    lab.database("orders");
    lab.database("bills");
    for member in ["Filter", "member"] {
        let filter = format!("Filters.{member}.1");
        let form = format!("{LIST}&{filter}.Name=db-instance-id&{filter}.Values.Value.1=orders");
        let answer = ask(&lab, "rds", "POST", "/", &[FORM], &form).await;
        assert!(answer.body.contains("orders") && !answer.body.contains("bills"), "{}", answer.body);
    }
    // botocore sends an empty list as an empty parameter.
    assert_eq!(ask(&lab, "rds", "POST", "/", &[FORM], &format!("{LIST}&Filters=")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn json_protocol_validates_target_and_content_type() {
    let lab = Lab::new();
    let kms = ("content-type", "application/x-amz-json-1.1");
    let sqs = ("content-type", "application/x-amz-json-1.0");
    let (keys, queues) = (("x-amz-target", "TrentService.ListKeys"), ("x-amz-target", "AmazonSQS.ListQueues"));
    for (service, kind, target) in [("kms", kms, keys), ("sqs", sqs, queues)] {
        let answer = ask(&lab, service, "POST", "/", &[kind, target], "{}").await;
        assert_eq!((answer.status, answer.content_type.as_str()), (200, kind.1), "{}", answer.body);
        assert!(answer.request_id.starts_with("00000000-"));
    }
    let refused = [
        ("kms", "GET", &[kms, keys][..], "", "UnknownOperationException"),
        ("kms", "POST", &[sqs, keys], "{}", "UnknownOperationException"),
        ("kms", "POST", &[keys], "{}", "UnknownOperationException"),
        ("kms", "POST", &[kms], "{}", "UnknownOperationException"),
        ("kms", "POST", &[kms, queues], "{}", "UnknownOperationException"),
        ("kms", "POST", &[kms, ("x-amz-target", "TrentService.List")], "{}", "UnknownOperationException"),
        ("kms", "POST", &[kms, keys], "[]", "SerializationException"),
        ("sqs", "POST", &[FORM], "Action=ListQueues&Version=2012-11-05", "UnknownOperationException"),
    ];
    for (service, verb, headers, body, code) in refused {
        let answer = ask(&lab, service, verb, "/", headers, body).await;
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let kind = body["__type"].as_str().unwrap();
        assert!(answer.status == 400 && kind.ends_with(code), "{service} {verb} {headers:?} {}", answer.body);
    }
}
