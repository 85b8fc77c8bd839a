//! Everything that may go wrong, at random, and the same again from the same seed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sim::{Call, Disturbance, Gate};
use fastrand::Rng;
use tokio::sync::Notify;

/// Longer than the agents wait for an answer.
const TOO_LATE: Duration = Duration::from_mins(2);
/// A storm passes: what is not done by then is stuck, and shall be seen to be.
const LASTS: usize = 1500;

/// A call of an agent: the nth of its action, from 1, in all processes of its account. A number among all calls would name another
/// call as soon as a disturbance before it is taken out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Whose agent calls.
    pub account: String,
    /// As IAM spells it.
    pub action: String,
    /// Which one.
    pub nth: usize,
}

/// What happens to a call of either agent.
pub type Dealt = (Place, Disturbance);

/// Where the disturbances come from.
#[derive(Debug)]
enum Source {
    Random(Rng),
    Listed(BTreeMap<Place, Disturbance>),
}

/// Throttles, fails, loses answers, holds them up, shows what was, and kills the agent that asks.
#[derive(Debug)]
pub struct Storm {
    from: Mutex<Source>,
    dealt: Mutex<Vec<Dealt>>,
    calls: AtomicUsize,
    /// How many calls there were of each action, by account.
    of_action: Mutex<BTreeMap<(String, String), usize>>,
    /// Of the agent in account A.
    source: Notify,
    /// Of the agent in account B.
    target: Notify,
}

impl Storm {
    /// The storm of a seed.
    pub fn new(seed: u64) -> Self {
        Self::of(Source::Random(Rng::with_seed(seed)))
    }

    /// These disturbances, and no others.
    pub fn listed(dealt: &[Dealt]) -> Self {
        Self::of(Source::Listed(dealt.iter().cloned().collect()))
    }

    fn of(from: Source) -> Self {
        Self {
            from: Mutex::new(from),
            dealt: Mutex::default(),
            calls: AtomicUsize::new(0),
            of_action: Mutex::default(),
            source: Notify::new(),
            target: Notify::new(),
        }
    }

    /// How many calls passed through it.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// What it has done so far, in the order of the calls.
    pub fn dealt(&self) -> Vec<Dealt> {
        locked(&self.dealt).clone()
    }

    /// How many agents it has killed.
    pub fn deaths(&self) -> usize {
        locked(&self.dealt).iter().filter(|(_, what)| kills(*what)).count()
    }

    /// Runs an agent of an account until it ends; `None` when it was killed before.
    pub async fn watch<T>(&self, account: &str, agent: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.death(account).notified() => None,
            ended = agent => Some(ended),
        }
    }

    fn death(&self, account: &str) -> &Notify {
        if account == crate::A { &self.source } else { &self.target }
    }
}

fn kills(what: Disturbance) -> bool {
    matches!(what, Disturbance::NeverAnswer { .. })
}

/// What is kept of these disturbances, under the numbers that its calls have now: what is taken out and had made the SDK ask once
/// more is one call less of its action.
pub fn renumbered(all: &[Dealt], kept: &[Dealt]) -> Vec<Dealt> {
    let gone: Vec<&Place> = all
        .iter()
        .filter(|(place, what)| is_retried(*what) && !kept.iter().any(|(other, _)| other == place))
        .map(|(place, _)| place)
        .collect();
    let is_before = |gone: &Place, place: &Place| {
        (&gone.account, &gone.action) == (&place.account, &place.action) && gone.nth < place.nth
    };
    let now = |place: &Place| {
        let fewer = gone.iter().filter(|gone| is_before(gone, place)).count();
        Place { nth: place.nth - fewer, ..place.clone() }
    };
    kept.iter().map(|(place, what)| (now(place), *what)).collect()
}

fn is_retried(what: Disturbance) -> bool {
    use Disturbance::{LateAnswer, LostAnswer, ServerError, Throttle};
    matches!(what, Throttle | ServerError | LostAnswer | LateAnswer(_))
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Source {
    fn next(&mut self, call: usize, place: &Place) -> Disturbance {
        let random = match self {
            Self::Listed(listed) => return listed.get(place).copied().unwrap_or(Disturbance::None),
            Self::Random(_) if call > LASTS => return Disturbance::None,
            Self::Random(random) => random,
        };
        match random.u32(0..100) {
            0..6 => Disturbance::Throttle,
            6..9 => Disturbance::ServerError,
            9..13 => Disturbance::LostAnswer,
            13..16 => Disturbance::LateAnswer(TOO_LATE),
            16..18 => Disturbance::Refuse,
            18..33 => Disturbance::StaleRead(Duration::from_secs(random.u64(1..=30))),
            33..36 => Disturbance::NeverAnswer { effect: random.bool() },
            _ => Disturbance::None,
        }
    }
}

impl Gate for Storm {
    fn judge(&self, call: &Call) -> Disturbance {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let nth = {
            let mut of_action = locked(&self.of_action);
            let count = of_action.entry((call.account.clone(), call.action.clone())).or_default();
            *count += 1;
            *count
        };
        let place = Place { account: call.account.clone(), action: call.action.clone(), nth };
        let what = locked(&self.from).next(number, &place);
        if what != Disturbance::None {
            locked(&self.dealt).push((place, what));
        }
        if kills(what) {
            self.death(&call.account).notify_one();
        }
        what
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disturbance_after_a_retry_that_is_taken_out_is_of_an_earlier_call() {
        let at = |action: &str, nth| Place { account: "111111111111".to_owned(), action: action.to_owned(), nth };
        let stale = Disturbance::StaleRead(Duration::from_secs(1));
        let all = [
            (at("x:A", 1), Disturbance::Throttle),
            (at("x:A", 3), stale),
            (at("x:B", 3), Disturbance::Refuse),
            (at("x:A", 7), Disturbance::Throttle),
        ];
        assert_eq!(renumbered(&all, &all), all);
        let kept = [(at("x:A", 2), stale), (at("x:B", 3), Disturbance::Refuse), (at("x:A", 6), Disturbance::Throttle)];
        assert_eq!(renumbered(&all, &all[1..]), kept);
        assert_eq!(renumbered(&all, &all[3..]), kept[2..]);
    }
}
