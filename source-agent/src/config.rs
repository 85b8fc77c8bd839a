//! The configuration: the file as it is written, and the settings that it means.

mod handoff;
mod names;
mod target;
mod wave;

use std::collections::BTreeSet;
use std::num::NonZeroU16;

use agent_runtime::aws::rds::database::Databases;
use agent_runtime::config::Misfit;
use agent_runtime::poll::schedule::PollSchedule;
use protocol::ids::RoleName;
use protocol::tags::Route;
use protocol::{AccountId, Label, QueueArn, Region, RequestMessage, SourceFacts, Terms};
use protocol::{Reason, Refusal};
use serde::Deserialize;

pub(crate) use handoff::{Declared, FileHandoff, Key, key_of};
use target::Destination;
pub(crate) use target::{FileTarget, Target};
pub(crate) use wave::{FileWave, Wave};

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// This account.
    pub(crate) account: AccountId,
    /// The Region of the databases.
    pub(crate) region: Region,
    /// The role that this agent runs as.
    pub(crate) role: Option<RoleName>,
    /// Where databases may go.
    pub(crate) target: Vec<FileTarget>,
    /// Which databases go.
    #[serde(default)]
    pub(crate) handoff: Vec<FileHandoff>,
    /// Which go together.
    #[serde(default)]
    pub(crate) wave: Vec<FileWave>,
    /// The queue that handoffs are also requested through.
    pub(crate) requests: Option<FileRequests>,
    /// How much goes at once.
    #[serde(default)]
    pub(crate) limits: Limits,
    /// When to look again.
    #[serde(default)]
    pub(crate) polling: PollSchedule,
}

/// `[requests]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileRequests {
    pub(crate) queue: Option<QueueArn>,
}

/// `[limits]`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Copies in flight to one Region of this account, whoever began them (RDS User Guide, Copying a DB snapshot: 20).
    pub(crate) copies_in_flight: NonZeroU16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { copies_in_flight: NonZeroU16::new(20).unwrap_or(NonZeroU16::MIN) }
    }
}

/// What the file means.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) role: RoleName,
    pub(crate) targets: Vec<Target>,
    /// One by one.
    pub(crate) handoffs: Vec<Declared>,
    pub(crate) waves: Vec<Wave>,
    pub(crate) requests: Option<QueueArn>,
    pub(crate) limits: Limits,
    pub(crate) pace: PollSchedule,
}

impl Settings {
    /// Is this a configured target?
    pub(crate) fn knows(&self, route: &Route) -> bool {
        self.targets.iter().any(|target| target.account == route.account && target.region == route.region)
    }

    /// Whether anything is asked for.
    pub(crate) fn declares_something(&self) -> bool {
        !self.handoffs.is_empty() || !self.waves.is_empty()
    }

    /// All that is asked for when these databases are there, each once, and what a person should know of it. A `[[handoff]]` counts
    /// before a `[[wave]]`, and an earlier `[[wave]]` before a later one.
    pub(crate) fn declared(&self, there: &Databases) -> (Vec<Declared>, Vec<String>) {
        let (mut all, mut notes) = (self.handoffs.clone(), Vec::new());
        for wave in &self.waves {
            let (mut declared, in_vain) = wave.expand(there);
            notes.extend(in_vain);
            let [by_name, by_wave] = [&all[..self.handoffs.len()], &all[self.handoffs.len()..]]
                .map(|earlier| earlier.iter().map(Declared::key).collect::<BTreeSet<Key<'_>>>());
            declared.retain(|one| !by_name.contains(&one.key()));
            let asked = declared.len();
            declared.retain(|one| !by_wave.contains(&one.key()));
            if declared.len() < asked {
                let count = asked - declared.len();
                notes.push(format!(
                    "wave {}: {count} of its handoffs stand in an earlier [[wave]], which counts",
                    wave.label
                ));
            }
            all.extend(declared);
        }
        (all, notes)
    }

    /// On which terms a handoff that is under way goes on, though it is declared no more.
    pub(crate) fn terms_of(&self, facts: &SourceFacts) -> Terms {
        let waves = self.waves.iter().filter(|wave| wave.label == facts.label);
        let terms: Vec<_> = waves.filter_map(|wave| wave.terms_of(&facts.database, &facts.route)).collect();
        // Its target may have been taken out of the wave since.
        let best = terms.iter().find(|(is_there, _)| *is_there).or(terms.first());
        best.map_or_else(Terms::default, |(_, terms)| *terms)
    }

    /// What a request asks for, in the place of a `[[handoff]]`: it goes where one could.
    pub(crate) fn requested(&self, request: &RequestMessage, label: Label) -> Result<Declared, Refusal> {
        let to = Destination { to_account: request.to_account.as_ref(), to_region: request.to_region.as_ref() };
        let target =
            to.only(&self.targets, "it").map_err(|misfit| Refusal::because(Reason::NotForUs, misfit.to_string()))?;
        let (database, terms) = (request.database.clone(), request.terms());
        Ok(Declared { database, label, target, terms, by_name: true, requested: true })
    }

    /// Checks what no type can: how the values go together.
    pub(crate) fn of(file: File) -> Result<Self, Misfit> {
        let File { account, region, role, target, handoff, wave, requests, limits, polling: pace } = file;
        if let Some(complaint) = pace.complaint() {
            return Err(Misfit::of("polling", complaint));
        }
        let targets = Target::all(&account, &region, &target)?;
        let mut handoffs: Vec<Declared> = Vec::new();
        for (nth, handoff) in handoff.into_iter().enumerate() {
            let declared = Declared::of(handoff, &targets).map_err(|misfit| misfit.in_nth("handoff", nth))?;
            handoffs.push(declared);
        }
        let mut seen = BTreeSet::new();
        if let Some((nth, twice)) = handoffs.iter().enumerate().find(|(_, one)| !seen.insert(one.key())) {
            let what = format!("handoff {}/{} stands twice: remove one", twice.database, twice.label);
            return Err(Misfit::new(what).in_nth("handoff", nth));
        }
        let mut waves = Vec::new();
        for (nth, wave) in wave.into_iter().enumerate() {
            waves.push(Wave::of(wave, &targets).map_err(|misfit| misfit.in_nth("wave", nth))?);
        }
        let requests = requests.map(|it| it.queue.unwrap_or_else(|| protocol::names::requests(&account, &region)));
        if let Some(queue) = &requests {
            let wrong = |what: String| Err(Misfit::of("queue", what).within("requests"));
            if queue.account != account || queue.region != region {
                return wrong(format!(
                    "requests queue {queue} is not of this account and Region: name one of account {account} in {region}"
                ));
            }
            if targets.iter().any(|target| target.receipts == *queue) {
                return wrong(format!(
                    "requests queue {queue} serves receipts too: a target account could send requests; name another"
                ));
            }
        }
        let role = role.unwrap_or_else(protocol::names::source_role);
        Ok(Self { account, region, role, targets, handoffs, waves, requests, limits, pace })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::tags::KeyMode;

    fn settings(text: &str) -> Result<Settings, String> {
        agent_runtime::config::read(text, "source.toml", Settings::of).map_err(|error| error.to_string())
    }

    const HEAD: &str = "account = \"111111111111\"\nregion = \"ap-northeast-1\"\n";
    const TARGET: &str = "[[target]]\naccount = \"222222222222\"\nregion = \"us-west-2\"\n";
    const ORDERS: &str = "[[handoff]]\ndatabase = \"orders\"\nlabel = \"cutover-1\"\n";

    #[test]
    fn what_is_left_out_has_the_agreed_names_and_the_usual_terms() {
        let settings = settings(&format!("{HEAD}{TARGET}{ORDERS}")).unwrap();
        let declared = &settings.handoffs[0];
        assert_eq!(declared.target.inbox.to_string(), "arn:aws:sqs:us-west-2:222222222222:rds-handoff-inbox");
        assert_eq!(declared.terms, Terms::default());
        assert_eq!(declared.target.key_mode, KeyMode::Managed);
        assert_eq!(settings.role.as_str(), "rds-handoff-source-agent");
    }

    #[test]
    fn a_request_goes_where_a_declared_handoff_could() {
        let text = format!("{HEAD}{TARGET}{}[requests]", TARGET.replace("us-west-2", "us-east-1"));
        let settings = settings(&text).unwrap();
        let queue = settings.requests.as_ref().unwrap().to_string();
        assert_eq!(queue, "arn:aws:sqs:ap-northeast-1:111111111111:rds-handoff-requests");
        let goes = |more: &str| {
            let body = format!(r#"{{"version":1,"kind":"request","database":"orders","label":"cutover-1"{more}}}"#);
            let asked = settings.requested(&RequestMessage::decode(&body).unwrap(), "cutover-1".parse().unwrap());
            asked.map(|asked| asked.target.region.to_string()).map_err(|refusal| refusal.to_string())
        };
        assert_eq!(goes(r#","to_region":"us-east-1""#), Ok("us-east-1".to_owned()));
        assert!(goes("").unwrap_err().contains("not-for-us: it fits several"));
        assert!(goes(r#","to_account":"333333333333""#).unwrap_err().contains("goes to no [[target]]"));
    }

    #[test]
    fn values_that_do_not_go_together_are_refused_with_line_and_fix() {
        for (text, line, expected) in [
            (format!("{HEAD}{}", TARGET.replace("222222222222", "111111111111")), 4, "the source account itself"),
            (format!("{HEAD}{}", TARGET.replace("us-west-2", "ap-northeast-1")), 5, "not supported yet"),
            (format!("{HEAD}{}", TARGET.replace("us-west-2", "cn-north-1")), 5, "aws partition"),
            (
                format!("{HEAD}{TARGET}inbox = \"arn:aws:sqs:us-west-2:333333333333:x\""),
                6,
                "not a queue of target account",
            ),
            (format!("{HEAD}{TARGET}key_mode = \"given\""), 6, "`given` is called `existing` now: rename it"),
            (format!("{HEAD}{TARGET}[look_again]"), 6, "`look_again` is called `polling` now: rename it"),
            (format!("{HEAD}{TARGET}key_mode = \"borrowed\""), 6, "expected `managed` or `existing`"),
            (
                format!("{HEAD}{TARGET}{}key_mode = \"existing\"", TARGET.replace("us-west-2", "us-east-1")),
                9,
                "has two key modes",
            ),
            (format!("{HEAD}{TARGET}{ORDERS}to_account = \"333333333333\""), 9, "goes to no [[target]]"),
            (format!("{HEAD}{TARGET}{}{ORDERS}", TARGET.replace("us-west-2", "us-east-1")), 9, "fits several"),
            (format!("{HEAD}{TARGET}{ORDERS}access_for = \"1h\""), 9, "start_within <= access_for"),
            (format!("{HEAD}{TARGET}{ORDERS}access_for = \"91d\""), 9, "at most 90 days"),
            (
                format!("{HEAD}{TARGET}[requests]\nqueue = \"arn:aws:sqs:us-west-2:111111111111:x\""),
                7,
                "not of this account and Region",
            ),
            (
                format!("{HEAD}{TARGET}[requests]\nqueue = \"arn:aws:sqs:ap-northeast-1:222222222222:x\""),
                7,
                "not of this account and Region",
            ),
            (
                format!(
                    "{HEAD}{TARGET}[requests]\nqueue = \"arn:aws:sqs:ap-northeast-1:111111111111:rds-handoff-receipts-222222222222\""
                ),
                7,
                "could send requests",
            ),
            (format!("{HEAD}{TARGET}{}", ORDERS.replace("cutover-1", "Cutover_1")), 8, "is not a label"),
            (format!("{HEAD}{TARGET}{}", ORDERS.replace("database", "databse")), 7, "did you mean `database`"),
            (format!("{HEAD}{TARGET}{ORDERS}{ORDERS}"), 9, "handoff orders/cutover-1 stands twice"),
            (format!("{HEAD}{TARGET}{TARGET}"), 6, "target 222222222222 in us-west-2 stands twice"),
            (format!("{HEAD}{TARGET}[polling]\nfloor = \"0s\""), 6, "0 < floor"),
        ] {
            let error = settings(&text).unwrap_err();
            assert!(error.starts_with(&format!("source.toml:{line}: ")) && error.contains(expected), "{line}: {error}");
        }
    }
}
