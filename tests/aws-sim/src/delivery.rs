//! Delivering a request and its answer, with the faults injected on the way.

use bytes::Bytes;
use http::Response;

use crate::cloud::{Arrival, Cloud};
use crate::fault::Fault;
use crate::fault_injection::Weather;
use crate::gate::Disturbance;
use crate::rates::throttled;

/// What the client receives.
pub(crate) enum Delivery {
    Answer(Response<Bytes>),
    /// The connection breaks, for this reason.
    Broken(&'static str),
    /// No answer is ever sent.
    NoAnswer,
}

impl Cloud {
    /// Changes the rates of random faults from now on.
    pub fn change_weather(&self, weather: Weather) {
        self.fault_injector().change(weather);
    }

    /// Executes a request with the fault that a gate chose, or otherwise a random fault.
    pub(crate) async fn deliver(&self, arrival: Arrival, gate: Disturbance) -> Delivery {
        let disturbance = if gate == Disturbance::None { self.fault_injector().next() } else { gate };
        let answer = match disturbance {
            Disturbance::None => self.serve(arrival).await,
            Disturbance::Throttle => self.refuse(&arrival, &throttled(arrival.service())),
            Disturbance::ServerError => {
                let message = "The request processing has failed because of an unknown error.";
                // Common Errors of each API Reference: InternalFailure, 500.
                self.refuse(&arrival, &Fault::internal(message))
            }
            Disturbance::LostAnswer => {
                self.serve(arrival).await;
                return Delivery::Broken("connection reset before the answer");
            }
            Disturbance::Refuse => {
                self.record_answer(&arrival.call, "(refused)");
                return Delivery::Broken("connection refused");
            }
            Disturbance::NeverAnswer { effect: true } => {
                self.serve(arrival).await;
                return Delivery::NoAnswer;
            }
            Disturbance::NeverAnswer { effect: false } => {
                self.record_answer(&arrival.call, "(never arrived)");
                return Delivery::NoAnswer;
            }
            Disturbance::Delay(delay) => {
                tokio::time::sleep(delay).await;
                self.serve(arrival).await
            }
            Disturbance::LateAnswer(delay) => {
                let answer = self.serve(arrival).await;
                tokio::time::sleep(delay).await;
                answer
            }
            Disturbance::StaleRead(age) => self.serve(arrival.aged(age)).await,
        };
        Delivery::Answer(answer)
    }
}
