//! A kill at one exact call to AWS.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sim::{Call, Disturbance, Gate};
use tokio::sync::Notify;

/// An answer is 15 ms on its way; the next request is as long.
const AFTER_THE_ANSWER: Duration = Duration::from_millis(20);

/// When an agent dies, around one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// AWS never sees the call.
    Before,
    /// AWS has done it; the answer does not arrive.
    After,
    /// The answer has arrived, and the agent has gone on as far as it could without another answer.
    Later,
}

/// Counts the calls of both agents, and kills the one that makes the n-th.
#[derive(Debug)]
pub struct Kill {
    at: usize,
    moment: Moment,
    calls: AtomicUsize,
    killed: Mutex<Option<String>>,
    /// Of the agent in account A.
    source: Notify,
    /// Of the agent in account B.
    target: Notify,
}

impl Kill {
    /// At the `at`-th call, from 1.
    pub fn new(at: usize, moment: Moment) -> Self {
        Self {
            at,
            moment,
            calls: AtomicUsize::new(0),
            killed: Mutex::new(None),
            source: Notify::new(),
            target: Notify::new(),
        }
    }

    /// Kills nobody, and counts.
    pub fn never() -> Self {
        Self::new(usize::MAX, Moment::Before)
    }

    /// How many calls were made.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// What was struck: account and action.
    pub fn struck(&self) -> Option<String> {
        self.killed.lock().ok().and_then(|killed| killed.clone())
    }

    /// Runs an agent of an account until it ends; `None` when it was killed before.
    pub async fn watch<T>(&self, account: &str, agent: impl Future<Output = T>) -> Option<T> {
        let death = async {
            self.death(account).notified().await;
            if self.moment == Moment::Later {
                tokio::time::sleep(AFTER_THE_ANSWER).await;
            }
        };
        tokio::select! {
            biased;
            () = death => None,
            ended = agent => Some(ended),
        }
    }

    fn death(&self, account: &str) -> &Notify {
        if account == crate::A { &self.source } else { &self.target }
    }
}

impl Gate for Kill {
    fn judge(&self, call: &Call) -> Disturbance {
        if self.calls.fetch_add(1, Ordering::Relaxed) + 1 != self.at {
            return Disturbance::None;
        }
        if let Ok(mut killed) = self.killed.lock() {
            *killed = Some(format!("{} in {}", call.action, call.account));
        }
        self.death(&call.account).notify_one();
        match self.moment {
            Moment::Before => Disturbance::NeverAnswer { effect: false },
            Moment::After => Disturbance::NeverAnswer { effect: true },
            Moment::Later => Disturbance::None,
        }
    }
}
