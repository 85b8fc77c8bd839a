//! Randomized fault injection, reproducible from its seed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sim::{Call, Disturbance, Gate};
use fastrand::Rng;
use tokio::sync::Notify;

/// Longer than the agents' timeout for an answer.
const TOO_LATE: Duration = Duration::from_mins(2);
/// How many calls are disturbed at most, so that a handoff that is not done some time after that is known to be stuck.
const LASTS: usize = 1500;

/// A call of an agent: the nth of its action, from 1, in all processes of its account. It is not counted among all
/// calls, since removing an earlier disturbance would change that number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The account of the agent.
    pub account: String,
    /// The action, as IAM spells it.
    pub action: String,
    /// The number of the call, from 1.
    pub nth: usize,
}

/// A disturbance, and the call that it happens to.
pub type InjectedFault = (Place, Disturbance);

/// Where the disturbances come from.
#[derive(Debug)]
enum Source {
    Random(Rng),
    Listed(BTreeMap<Place, Disturbance>),
}

/// Injects throttling, server errors, lost and late answers, refusals, stale reads and kills of the calling agent.
#[derive(Debug)]
pub struct RandomFaults {
    from: Mutex<Source>,
    injected: Mutex<Vec<InjectedFault>>,
    calls: AtomicUsize,
    /// How many calls there were of each action, by account.
    of_action: Mutex<BTreeMap<(String, String), usize>>,
    /// Notified when the agent in account A is to be killed.
    source: Notify,
    /// Notified when the agent in account B is to be killed.
    target: Notify,
}

impl RandomFaults {
    /// The disturbances of a seed.
    pub fn new(seed: u64) -> Self {
        Self::of(Source::Random(Rng::with_seed(seed)))
    }

    /// Only these disturbances.
    pub fn listed(injected: &[InjectedFault]) -> Self {
        Self::of(Source::Listed(injected.iter().cloned().collect()))
    }

    fn of(from: Source) -> Self {
        Self {
            from: Mutex::new(from),
            injected: Mutex::default(),
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

    /// The disturbances so far, in the order of the calls.
    pub fn injected(&self) -> Vec<InjectedFault> {
        locked(&self.injected).clone()
    }

    /// How many times it has killed an agent.
    pub fn kills(&self) -> usize {
        locked(&self.injected).iter().filter(|(_, what)| kills(*what)).count()
    }

    /// Runs an agent of an account until it ends; `None` if it was killed first.
    pub async fn watch<T>(&self, account: &str, agent: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.kill_notice(account).notified() => None,
            ended = agent => Some(ended),
        }
    }

    fn kill_notice(&self, account: &str) -> &Notify {
        if account == crate::A { &self.source } else { &self.target }
    }
}

fn kills(what: Disturbance) -> bool {
    matches!(what, Disturbance::NeverAnswer { .. })
}

/// The kept disturbances, with the call numbers that they have without the removed ones: a removed disturbance that
/// made the SDK retry is one call less of its action.
pub fn renumbered(all: &[InjectedFault], kept: &[InjectedFault]) -> Vec<InjectedFault> {
    let removed: Vec<&Place> = all
        .iter()
        .filter(|(place, what)| is_retried(*what) && !kept.iter().any(|(other, _)| other == place))
        .map(|(place, _)| place)
        .collect();
    let is_before = |removed: &Place, place: &Place| {
        (&removed.account, &removed.action) == (&place.account, &place.action) && removed.nth < place.nth
    };
    let renumber = |place: &Place| {
        let fewer = removed.iter().filter(|removed| is_before(removed, place)).count();
        Place { nth: place.nth - fewer, ..place.clone() }
    };
    kept.iter().map(|(place, what)| (renumber(place), *what)).collect()
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

impl Gate for RandomFaults {
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
            locked(&self.injected).push((place, what));
        }
        if kills(what) {
            self.kill_notice(&call.account).notify_one();
        }
        what
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renumbered_moves_disturbance_to_earlier_call_after_removed_retry() {
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
