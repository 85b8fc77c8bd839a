//! The same cloud over HTTP, for clients in other processes.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::answer::respond;
use crate::delivery::Delivery;
use crate::hold::Hold;
use crate::{Cloud, Disturbance};

/// The largest request body. UNSOURCED: more than the largest batch of messages, 1 MiB, can take in JSON.
const LARGEST: u64 = 8 << 20;

/// Serves `cloud` until dropped. It must not run on a paused clock, which would jump while it waits for a socket.
pub async fn serve(cloud: Cloud, listener: TcpListener) {
    serve_holding(cloud, listener, None).await;
}

/// The same, but never answers the request that `hold` selects.
pub(crate) async fn serve_holding(cloud: Cloud, listener: TcpListener, hold: Option<Hold>) {
    let hold = hold.map(Arc::new);
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (cloud, hold) = (cloud.clone(), hold.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (cloud, hold) = (cloud.clone(), hold.clone());
            async move { answer(&cloud, hold.as_deref(), request).await.map(|answer| answer.map(Full::new)) }
        });
        // An error of one connection does not affect the others.
        connections.spawn(async move { http1::Builder::new().serve_connection(TokioIo::new(stream), service).await });
        while connections.try_join_next().is_some() {}
    }
}

/// Answers a request. An error breaks the connection.
async fn answer(cloud: &Cloud, hold: Option<&Hold>, request: Request<Incoming>) -> io::Result<Response<Bytes>> {
    let (parts, body) = request.into_parts();
    if body.size_hint().lower() > LARGEST {
        return Ok(respond(413, "text/plain", "-", ""));
    }
    let limit = usize::try_from(LARGEST).unwrap_or(usize::MAX);
    let body = Limited::new(body, limit).collect().await.map_err(io::Error::other)?.to_bytes();
    match parts.uri.path().strip_prefix("/_sim/") {
        Some(_) if parts.method != http::Method::GET => Ok(respond(405, "text/plain", "-", "")),
        Some(path) => Ok(simulator_path(cloud, path)),
        None => {
            let arrival = cloud.arrive(Request::from_parts(parts, body));
            let call = arrival.call.clone();
            let disturbance = hold.map_or(Disturbance::None, |hold| hold.judge(&call));
            match cloud.deliver(arrival, disturbance).await {
                Delivery::Answer(answer) => Ok(answer),
                Delivery::Broken(why) => Err(io::Error::other(why)),
                Delivery::NoAnswer => {
                    if let Some(hold) = hold {
                        hold.announce(&call);
                    }
                    std::future::pending().await
                }
            }
        }
    }
}

/// Serves the paths beside AWS: the content of a database or snapshot, the trace, and the authorization questions.
fn simulator_path(cloud: &Cloud, path: &str) -> Response<Bytes> {
    if path == "calls" {
        let lines: Vec<String> = cloud.calls().iter().map(|call| format!("{}\n", line(call))).collect();
        return respond(200, "application/x-ndjson", "-", lines.concat());
    }
    if path == "decisions" {
        let lines: Vec<String> = cloud.questions().iter().map(|line| format!("{line}\n")).collect();
        return respond(200, "application/x-ndjson", "-", lines.concat());
    }
    let decode = |text: &str| {
        // In a path, unlike in a form, a plus is not a space.
        let form = format!("arn={}", text.replace('+', "%2B"));
        form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    let content = path.strip_prefix("content/").and_then(decode).and_then(|arn| cloud.content(&arn));
    match content {
        Some(content) => respond(200, "application/octet-stream", "-", content),
        None => respond(404, "text/plain", "-", ""),
    }
}

fn line(call: &crate::Call) -> serde_json::Value {
    json!({
        "number": call.number,
        "principal": call.principal,
        "account": call.account,
        "region": call.region,
        "service": call.service,
        "action": call.action,
        "mutating": call.mutating,
        "resources": call.resources,
        "answer": call.answer,
        "rule": call.rule,
        "decisions": call.decisions.iter().map(decision).collect::<Vec<_>>(),
    })
}

fn decision(decision: &crate::Decision) -> serde_json::Value {
    let ground = |ground: &crate::Ground| json!({ "layer": ground.layer, "statement": ground.statement });
    json!({
        "principal": decision.principal,
        "action": decision.action,
        "resource": decision.resource,
        "via": decision.via,
        "allowed": decision.allowed,
        "grounds": decision.grounds.iter().map(ground).collect::<Vec<_>>(),
    })
}
