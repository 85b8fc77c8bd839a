//! Loopback HTTP, in real time.

use std::time::SystemTime;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sim::{Clock, Cloud, Database, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::lab::{A, HERE};

/// Sends a plain GET request.
async fn get(address: &str, path: &str) -> String {
    exchange(address, &format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")).await
}

/// Sends a request and returns everything until the connection ends.
async fn exchange(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "sockets do not work with a paused clock, so this test needs real time")]
async fn loopback_serves_sdk_client_and_simulator_paths() {
    let mut settings = Settings::new(Clock::starting_at(SystemTime::now()));
    settings.records_questions = true;
    let cloud = Cloud::new(settings);
    cloud.create_database(Database::new(A, HERE, "orders"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(aws_sim::serve(cloud.clone(), listener));

    let secret = format!("simulated-{A}");
    let config = aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(HERE))
        .endpoint_url(format!("http://{address}"))
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(Credentials::new(
            A, secret, None, None, "test",
        )))
        .build();
    let rds = aws_sdk_rds::Client::new(&config);
    let found = rds.describe_db_instances().db_instance_identifier("orders").send().await.unwrap();
    let arn = found.db_instances()[0].db_instance_arn().unwrap().to_owned();
    let refused = rds.describe_db_instances().db_instance_identifier("none").send().await.unwrap_err();
    assert!(refused.into_service_error().is_db_instance_not_found_fault());

    let content = get(&address, &format!("/_sim/content/{arn}")).await;
    assert!(
        content.starts_with("HTTP/1.1 200") && content.ends_with("the rows of orders in 111111111111"),
        "{content}"
    );
    assert!(get(&address, "/_sim/content/arn:aws:rds:x").await.starts_with("HTTP/1.1 404"));
    let calls = get(&address, "/_sim/calls").await;
    assert!(calls.contains(r#""action":"rds:DescribeDBInstances""#), "{calls}");
    let decided = format!(
        r#""decisions":[{{"action":"rds:DescribeDBInstances","allowed":true,"grounds":[{{"layer":"account","statement":""}}],"principal":"arn:aws:iam::{A}:root","resource":"{arn}","via":""}}]"#
    );
    assert!(calls.contains(&decided), "{calls}");
    // The same question at another time is recorded only once.
    rds.describe_db_instances().db_instance_identifier("orders").send().await.unwrap();
    let decisions = get(&address, "/_sim/decisions").await;
    assert_eq!(decisions.matches(&format!(r#""resource":"{arn}""#)).count(), 1, "{decisions}");
    for (line, length, status) in [("POST /", 9 << 20, 413), ("POST /", 2, 403), ("POST /_sim/calls", 0, 405)] {
        let body = if length == 2 { "{}" } else { "" };
        let head = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        let answer = exchange(&address, &(head + body)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    assert_eq!(cloud.calls().len(), 4);
    server.abort();
}
