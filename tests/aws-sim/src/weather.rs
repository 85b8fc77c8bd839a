//! The weather: what goes wrong on AWS's side by itself, and what then becomes of a request.

use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::Response;

use crate::cloud::Arrival;
use crate::fault::Fault;
use crate::past;
use crate::rates::throttled;
use crate::{Cloud, Disturbance};

/// How often AWS fails by itself: each of these happens to one request in so many, at random by the world's seed. Zero is
/// never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// One request in so many is throttled.
    pub throttling: u32,
    /// One in so many is answered with HTTP 500.
    pub server_errors: u32,
    /// One in so many is done, and its answer is lost.
    pub lost_answers: u32,
    /// One read of RDS or KMS in so many is up to 30 s old.
    pub stale_reads: u32,
}

impl Weather {
    /// Nothing goes wrong by itself.
    pub fn calm() -> Self {
        Self::default()
    }

    /// Something goes wrong with about one request in five.
    pub fn rough() -> Self {
        Self { throttling: 20, server_errors: 40, lost_answers: 40, stale_reads: 8 }
    }
}

/// Where the weather comes from.
#[derive(Debug)]
pub(crate) struct Sky {
    weather: Weather,
    random: Rng,
}

impl Sky {
    /// The weather has its own randomness: what it does changes no id.
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
        Self { weather, random: Rng::with_seed(seed.rotate_left(32)) }
    }

    pub(crate) fn change(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// What happens to the next request.
    pub(crate) fn next(&mut self) -> Disturbance {
        let Weather { throttling, server_errors, lost_answers, stale_reads } = self.weather;
        let mut one_in = |count: u32| count > 0 && self.random.u32(..count) == 0;
        if one_in(throttling) {
            Disturbance::Throttle
        } else if one_in(server_errors) {
            Disturbance::ServerError
        } else if one_in(lost_answers) {
            Disturbance::LostAnswer
        } else if one_in(stale_reads) {
            let longest = u64::try_from(past::LONGEST.as_millis()).unwrap_or(u64::MAX);
            Disturbance::StaleRead(Duration::from_millis(self.random.u64(1..=longest)))
        } else {
            Disturbance::None
        }
    }
}

/// What comes back to the client.
pub(crate) enum Passage {
    Answer(Response<Bytes>),
    /// The connection breaks; why.
    Broken(&'static str),
    /// Nothing, for ever.
    Silence,
}

impl Cloud {
    /// The weather from now on.
    pub fn change_weather(&self, weather: Weather) {
        self.sky().change(weather);
    }

    /// Takes an arrival through what a gate has in store for it, or else the weather.
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
