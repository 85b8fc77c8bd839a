//! Delivering a request and its answer, with the faults injected on the way.

use bytes::Bytes;
use http::Response;

use crate::cloud::{Arrival, Cloud};
use crate::fault::Fault;
use crate::gate::Disturbance;
use crate::rates::throttled;
use crate::weather::Weather;

/// What the client receives.
pub(crate) enum Passage {
    Answer(Response<Bytes>),
    /// The connection breaks, for this reason.
    Broken(&'static str),
    /// No answer is ever sent.
    Silence,
}

impl Cloud {
    /// Changes the rates of random faults from now on.
    pub fn change_weather(&self, weather: Weather) {
        self.sky().change(weather);
    }

    /// Executes a request with the fault that a gate chose, or otherwise a random fault.
    pub(crate) async fn pass(&self, arrival: Arrival, gate: Disturbance) -> Passage {
        let disturbance = if gate == Disturbance::None { self.sky().next() } else { gate };
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
                return Passage::Broken("connection reset before the answer");
            }
            Disturbance::Refuse => {
                self.note(&arrival.call, "(refused)");
                return Passage::Broken("connection refused");
            }
            Disturbance::NeverAnswer { effect: true } => {
                self.serve(arrival).await;
                return Passage::Silence;
            }
            Disturbance::NeverAnswer { effect: false } => {
                self.note(&arrival.call, "(never arrived)");
                return Passage::Silence;
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
        Passage::Answer(answer)
    }
}
