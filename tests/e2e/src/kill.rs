//! Kills an agent at one exact call to AWS.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sim::{Call, Disturbance, Gate};
use tokio::sync::Notify;

/// An answer takes 15 ms, and so does the next request: in between the agent waits for nothing.
const AFTER_THE_ANSWER: Duration = Duration::from_millis(20);

/// When an agent is killed, relative to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before AWS receives the call.
    Before,
    /// After AWS has done the call, and before the answer arrives.
    After,
    /// After the answer has arrived, when the agent has continued until its next request.
    Later,
}

/// Counts the calls of both agents, and kills the agent that makes the n-th.
#[derive(Debug)]
pub struct Kill {
    at: usize,
    moment: Moment,
    calls: AtomicUsize,
    killed: Mutex<Option<String>>,
    /// Notified when the agent in account A is to be killed.
    source: Notify,
    /// Notified when the agent in account B is to be killed.
    target: Notify,
}

impl Kill {
    /// Kills at the `at`-th call, counted from 1.
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

    /// Counts the calls and kills no agent.
    pub fn never() -> Self {
        Self::new(usize::MAX, Moment::Before)
    }

    /// How many calls were made.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// The call at which an agent was killed: action and account.
    pub fn struck(&self) -> Option<String> {
        self.killed.lock().ok().and_then(|killed| killed.clone())
    }

    /// Runs an agent of an account until it ends; `None` if it was killed first.
    pub async fn watch<T>(&self, account: &str, agent: impl Future<Output = T>) -> Option<T> {
        let killed = async {
            self.kill_notice(account).notified().await;
            if self.moment == Moment::Later {
                tokio::time::sleep(AFTER_THE_ANSWER).await;
            }
        };
        tokio::select! {
            biased;
            () = killed => None,
            ended = agent => Some(ended),
        }
    }

    fn kill_notice(&self, account: &str) -> &Notify {
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
        self.kill_notice(&call.account).notify_one();
        match self.moment {
            Moment::Before => Disturbance::NeverAnswer { effect: false },
            Moment::After => Disturbance::NeverAnswer { effect: true },
            Moment::Later => Disturbance::None,
        }
    }
}
