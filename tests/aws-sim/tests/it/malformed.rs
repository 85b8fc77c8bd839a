//! Malformed requests: missing parameters, wrong types, unknown actions.

use aws_smithy_types::body::SdkBody;

use crate::lab::{A, HERE, Lab, code};

#[tokio::test(start_paused = true)]
async fn missing_required_parameter_is_refused() {
    let lab = Lab::new();
    let a = lab.agent(A, HERE);
    let key = a.key().await;
    let refusals = [
        code(a.kms.describe_key().send().await),
        code(a.kms.create_alias().alias_name("alias/x").send().await),
        code(a.kms.tag_resource().key_id(&key).send().await),
        code(a.kms.untag_resource().key_id(&key).send().await),
        code(a.kms.update_key_description().key_id(&key).send().await),
    ];
    assert!(refusals.iter().all(|refusal| refusal == "ValidationException"), "{refusals:?}");
    a.kms.update_key_description().key_id(&key).description("").send().await.unwrap();

    let url = a.sqs.create_queue().queue_name("q").send().await.unwrap().queue_url().unwrap().to_owned();
    let refusals = [
        code(a.sqs.create_queue().send().await),
        code(a.sqs.get_queue_url().send().await),
        code(a.sqs.purge_queue().send().await),
        code(a.sqs.tag_queue().queue_url(&url).send().await),
        code(a.sqs.untag_queue().queue_url(&url).send().await),
        code(a.sqs.delete_message().queue_url(&url).send().await),
        code(a.sqs.change_message_visibility().queue_url(&url).receipt_handle("x").send().await),
    ];
    assert!(refusals.iter().all(|refusal| refusal == "MissingParameter"), "{refusals:?}");

    // The visibility of a deleted message cannot be changed, although its handle was valid.
    a.sqs.send_message().queue_url(&url).message_body("x").send().await.unwrap();
    let received = a.sqs.receive_message().queue_url(&url).send().await.unwrap().messages()[0].clone();
    let handle = received.receipt_handle().unwrap();
    let hide = || a.sqs.change_message_visibility().queue_url(&url).receipt_handle(handle).visibility_timeout(9).send();
    hide().await.unwrap();
    a.sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
    assert_eq!(code(hide().await), "InvalidParameterValue");
    let elsewhere = key.replace(HERE, "us-east-1");
    assert_eq!(code(a.kms.describe_key().key_id(elsewhere).send().await), "NotFoundException");
}

#[tokio::test(start_paused = true)]
async fn wrong_parameter_type_or_action_name_is_refused() {
    let lab = Lab::new();
    let a = lab.agent(A, HERE);
    let asked = async |body: &'static str| {
        let call = a.kms.create_key().customize();
        let changed = call.mutate_request(move |request| *request.body_mut() = SdkBody::from(body));
        code(changed.send().await)
    };
    for body in [
        "[]",
        r#"{"Description":1}"#,
        r#"{"MultiRegion":"yes"}"#,
        r#"{"Tags":{}}"#,
        r#"{"Tags":["k"]}"#,
        r#"{"GrantTokens":[1]}"#,
        r#"{"EncryptionContext":[]}"#,
        r#"{"EncryptionContext":{"a":1}}"#,
    ] {
        assert_eq!(asked(body).await, "SerializationException", "{body}");
    }
    assert_eq!(asked(r#"{"Colour":"red"}"#).await, "ValidationException");

    let target = |target: &'static str| {
        move |request: &mut aws_smithy_runtime_api::client::orchestrator::HttpRequest| {
            request.headers_mut().insert("x-amz-target", target);
        }
    };
    let call = a.kms.list_keys().customize().mutate_request(target("TrentService.ListColours"));
    assert_eq!(code(call.send().await), "UnknownOperationException");
    let call = a.sqs.list_queues().customize().mutate_request(target("AmazonSQS.ListColours"));
    assert_eq!(code(call.send().await), "UnknownOperationException");
    let call = a.sts.get_caller_identity().customize().mutate_request(|request| {
        *request.body_mut() = SdkBody::from("Action=GetColours&Version=2011-06-15");
    });
    assert_eq!(code(call.send().await), "InvalidAction");
}
