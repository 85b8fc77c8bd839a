//! The transport for SDK clients in the same process.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use http::Response;

use crate::cloud::Arrival;
use crate::delivery::Delivery;
use crate::{Cloud, Disturbance, Gate};

/// The simulated network delay of a request, and of its answer.
const ONE_WAY: Duration = Duration::from_millis(15);

/// One transport to a [`Cloud`]: an `HttpClient` of the AWS SDK.
///
/// A request is executed in its own task: it takes effect even if its client is dropped while waiting.
#[derive(Clone, Debug)]
pub struct InProcess {
    cloud: Cloud,
    gate: Option<Arc<dyn Gate>>,
}

impl InProcess {
    pub(crate) fn new(cloud: Cloud) -> Self {
        Self { cloud, gate: None }
    }

    /// The same transport, with `gate` deciding the fault of each request.
    #[must_use]
    pub fn with_gate(self, gate: Arc<dyn Gate>) -> Self {
        Self { gate: Some(gate), ..self }
    }

    async fn deliver(self, request: http::Request<Bytes>) -> Result<Response<Bytes>, ConnectorError> {
        tokio::time::sleep(ONE_WAY).await;
        let arrival = self.cloud.arrive(request);
        let disturbance = self.gate.as_ref().map_or(Disturbance::None, |gate| gate.judge(&arrival.call));
        match detached(self.cloud, arrival, disturbance).await? {
            Delivery::Answer(answer) => {
                tokio::time::sleep(ONE_WAY).await;
                Ok(answer)
            }
            Delivery::Broken(why) => {
                tokio::time::sleep(ONE_WAY).await;
                Err(ConnectorError::io(why.into()))
            }
            Delivery::NoAnswer => std::future::pending().await,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "AWS executes what it has accepted, although the client has died")]
async fn detached(cloud: Cloud, arrival: Arrival, disturbance: Disturbance) -> Result<Delivery, ConnectorError> {
    let work = tokio::spawn(async move { cloud.deliver(arrival, disturbance).await });
    work.await.map_err(|error| ConnectorError::other(error.into(), None))
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let transport = self.clone();
        HttpConnectorFuture::new(async move {
            let other = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::other(error, None);
            let request = request.try_into_http1x().map_err(|error| other(error.into()))?;
            let (parts, body) = request.into_parts();
            // The body must be polled to its end: the SDK's stalled-stream protection counts the bytes that pass, and
            // treats a body that is not read as a dead connection.
            let body = ByteStream::new(body).collect().await.map_err(|error| other(error.into()))?.into_bytes();
            let answer = transport.deliver(http::Request::from_parts(parts, body)).await?;
            HttpResponse::try_from(answer.map(SdkBody::from)).map_err(|error| other(error.into()))
        })
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl Cloud {
    /// The HTTP client for SDK clients in this process.
    pub fn connector(&self) -> InProcess {
        InProcess::new(self.clone())
    }
}
