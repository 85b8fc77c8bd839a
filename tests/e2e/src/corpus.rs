//! The corpus: fault runs that once failed, as text files: a seed, and the disturbances that the failure needs.
//!
//! ```text
//! # The defect that it found.
//! seed 42
//! 111111111111 rds:CopyDBSnapshot 1 lost-answer
//! 222222222222 rds:DescribeDBSnapshots 4 stale-read 12s
//! 222222222222 sqs:SendMessage 2 kill-after
//! ```
//!
//! Each line after the seed has the account of an agent, an action, the number of the call among that account's calls
//! of the action (from 1), and what happens to it. Without such lines the seed decides.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use aws_sim::Disturbance;

use crate::random_faults::{InjectedFault, Place, RandomFaults};

/// A fault run: a seed, and the disturbances that are left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The seed of the world, and of the disturbances unless they are listed.
    pub seed: u64,
    /// The disturbances; `None`: the seed decides.
    pub injected: Option<Vec<InjectedFault>>,
}

impl Case {
    /// The source of its disturbances.
    pub fn random_faults(&self) -> RandomFaults {
        self.injected.as_deref().map_or_else(|| RandomFaults::new(self.seed), RandomFaults::listed)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        for (Place { account, action, nth }, what) in self.injected.iter().flatten() {
            let (word, time) = words(*what);
            let time = time.map(|time| format!(" {}s", time.as_secs())).unwrap_or_default();
            writeln!(f, "{account} {action} {nth} {word}{time}")?;
        }
        Ok(())
    }
}

fn words(what: Disturbance) -> (&'static str, Option<Duration>) {
    match what {
        Disturbance::None => ("nothing", None),
        Disturbance::Throttle => ("throttle", None),
        Disturbance::ServerError => ("server-error", None),
        Disturbance::LostAnswer => ("lost-answer", None),
        Disturbance::Refuse => ("refuse", None),
        Disturbance::NeverAnswer { effect: false } => ("kill-before", None),
        Disturbance::NeverAnswer { effect: true } => ("kill-after", None),
        Disturbance::Delay(time) => ("delay", Some(time)),
        Disturbance::LateAnswer(time) => ("late-answer", Some(time)),
        Disturbance::StaleRead(time) => ("stale-read", Some(time)),
    }
}

fn disturbance(words: &[&str]) -> Option<Disturbance> {
    let time = |text: &str| text.strip_suffix('s')?.parse().ok().map(Duration::from_secs);
    Some(match words {
        ["throttle"] => Disturbance::Throttle,
        ["server-error"] => Disturbance::ServerError,
        ["lost-answer"] => Disturbance::LostAnswer,
        ["refuse"] => Disturbance::Refuse,
        ["kill-before"] => Disturbance::NeverAnswer { effect: false },
        ["kill-after"] => Disturbance::NeverAnswer { effect: true },
        ["delay", text] => Disturbance::Delay(time(text)?),
        ["late-answer", text] => Disturbance::LateAnswer(time(text)?),
        ["stale-read", text] => Disturbance::StaleRead(time(text)?),
        _ => return None,
    })
}

impl FromStr for Case {
    /// The line that cannot be parsed, or what is missing.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut seed, mut injected) = (None, Vec::new());
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["seed", number] if seed.is_none() => seed = Some(number.parse().map_err(|_| line.to_owned())?),
                [account, action, nth, ref what @ ..] => {
                    let (nth, what) = nth.parse().ok().zip(disturbance(what)).ok_or_else(|| line.to_owned())?;
                    injected.push((Place { account: account.to_owned(), action: action.to_owned(), nth }, what));
                }
                _ => return Err(line.to_owned()),
            }
        }
        let seed = seed.ok_or("the seed is missing")?;
        Ok(Self { seed, injected: Some(injected).filter(|injected| !injected.is_empty()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_case_is_parsed_back_and_malformed_text_is_refused() {
        let whats = [
            "throttle",
            "server-error",
            "lost-answer",
            "refuse",
            "kill-before",
            "kill-after",
            "delay 3s",
            "late-answer 120s",
            "stale-read 30s",
        ];
        let line = |(nth, what)| format!("111111111111 sqs:SendMessage {} {what}\n", nth + 1);
        let text = format!("seed 7\n{}", whats.iter().enumerate().map(line).collect::<String>());
        let case: Case = text.parse().unwrap();
        assert_eq!(case.to_string(), text);
        assert_eq!(format!("# comment\n\n{text}").parse(), Ok(case));
        assert_eq!("seed 7".parse(), Ok(Case { seed: 7, injected: None }));
        for bad in [
            "",
            "1 s:A 1 throttle",
            "seed x",
            "seed 1\nseed 2",
            "seed 1\n2 throttle",
            "seed 1\n1 s:A 2 hail",
            "seed 1\n1 s:A 2 delay 3",
        ] {
            assert!(bad.parse::<Case>().is_err(), "{bad}");
        }
    }
}
