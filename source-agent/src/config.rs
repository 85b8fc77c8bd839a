//! The configuration: the file as it is parsed, and the settings derived from it.

mod handoff;
mod names;
mod target;
mod wave;

use std::collections::BTreeSet;
use std::num::NonZeroU16;

use agent_runtime::aws::rds::database::Databases;
use agent_runtime::config::InvalidSetting;
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

/// The configuration file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// This account.
    pub(crate) account: AccountId,
    /// The Region of the databases.
    pub(crate) region: Region,
    /// The role that this agent runs as.
    pub(crate) role: Option<RoleName>,
    /// The accounts and Regions that databases may go to.
    pub(crate) target: Vec<FileTarget>,
    /// Single handoffs.
    #[serde(default)]
    pub(crate) handoff: Vec<FileHandoff>,
    /// Handoffs of many databases at once.
    #[serde(default)]
    pub(crate) wave: Vec<FileWave>,
    /// The queue through which handoffs can be requested by messages.
    pub(crate) requests: Option<FileRequests>,
    /// Concurrency limits.
    #[serde(default)]
    pub(crate) limits: Limits,
    /// The poll schedule.
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
    /// Limit on copies in flight to one Region of this account, including copies that others began (RDS User Guide,
    /// Copying a DB snapshot: 20).
    pub(crate) copies_in_flight: NonZeroU16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { copies_in_flight: NonZeroU16::new(20).unwrap_or(NonZeroU16::MIN) }
    }
}

/// The settings, checked and with defaults filled in.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) role: RoleName,
    pub(crate) targets: Vec<Target>,
    /// From `[[handoff]]`.
    pub(crate) handoffs: Vec<Declared>,
    pub(crate) waves: Vec<Wave>,
    pub(crate) requests: Option<QueueArn>,
    pub(crate) limits: Limits,
    pub(crate) schedule: PollSchedule,
}

impl Settings {
    /// Whether this is a configured target.
    pub(crate) fn has_target(&self, route: &Route) -> bool {
        self.targets.iter().any(|target| target.account == route.account && target.region == route.region)
    }

    /// Whether any handoff or wave is declared.
    pub(crate) fn declares_handoffs(&self) -> bool {
        !self.handoffs.is_empty() || !self.waves.is_empty()
    }

    /// All declared handoffs, given the databases that exist, and notes for the operator. Each handoff is declared
    /// once: a `[[handoff]]` takes precedence over a `[[wave]]`, and an earlier `[[wave]]` over a later one.
    pub(crate) fn declared(&self, databases: &Databases) -> (Vec<Declared>, Vec<String>) {
        let (mut all, mut notes) = (self.handoffs.clone(), Vec::new());
        for wave in &self.waves {
            let (mut declared, unused) = wave.expand(databases);
            notes.extend(unused);
            let [by_name, by_wave] = [&all[..self.handoffs.len()], &all[self.handoffs.len()..]]
                .map(|earlier| earlier.iter().map(Declared::key).collect::<BTreeSet<Key<'_>>>());
            declared.retain(|one| !by_name.contains(&one.key()));
            let before = declared.len();
            declared.retain(|one| !by_wave.contains(&one.key()));
            if declared.len() < before {
                let count = before - declared.len();
                notes.push(format!(
                    "wave {}: {count} of its handoffs are also in an earlier [[wave]], which takes precedence",
                    wave.label
                ));
            }
            all.extend(declared);
        }
        (all, notes)
    }

    /// The terms on which a handoff that is under way continues after its declaration was removed.
    pub(crate) fn terms_of(&self, facts: &SourceFacts) -> Terms {
        let waves = self.waves.iter().filter(|wave| wave.label == facts.label);
        let terms: Vec<_> = waves.filter_map(|wave| wave.terms_of(&facts.database, &facts.route)).collect();
        // If its target was removed from the wave meanwhile, the terms of the wave still apply.
        let best = terms.iter().find(|(goes_there, _)| *goes_there).or(terms.first());
        best.map_or_else(Terms::default, |(_, terms)| *terms)
    }

    /// The handoff that a request asks for. Its targets are those that a `[[handoff]]` could have.
    pub(crate) fn requested(&self, request: &RequestMessage, label: Label) -> Result<Declared, Refusal> {
        let to = Destination { to_account: request.to_account.as_ref(), to_region: request.to_region.as_ref() };
        let target = to
            .only(&self.targets, "it")
            .map_err(|wrong_setting| Refusal::because(Reason::NotForUs, wrong_setting.to_string()))?;
        let (database, terms) = (request.database.clone(), request.terms());
        Ok(Declared { database, label, target, terms, by_name: true, requested: true })
    }

    /// Checks that the values are consistent with each other, and fills in the defaults.
    pub(crate) fn of(file: File) -> Result<Self, InvalidSetting> {
        let File { account, region, role, target, handoff, wave, requests, limits, polling: schedule } = file;
        if let Some(problem) = schedule.problem() {
            return Err(InvalidSetting::of("polling", problem));
        }
        let targets = Target::all(&account, &region, &target)?;
        let mut handoffs: Vec<Declared> = Vec::new();
        for (nth, handoff) in handoff.into_iter().enumerate() {
            let declared =
                Declared::of(handoff, &targets).map_err(|wrong_setting| wrong_setting.in_nth("handoff", nth))?;
            handoffs.push(declared);
        }
        let mut seen = BTreeSet::new();
        if let Some((nth, duplicate)) = handoffs.iter().enumerate().find(|(_, one)| !seen.insert(one.key())) {
            let what = format!("handoff {}/{} is declared twice: remove one", duplicate.database, duplicate.label);
            return Err(InvalidSetting::new(what).in_nth("handoff", nth));
        }
        let mut waves = Vec::new();
        for (nth, wave) in wave.into_iter().enumerate() {
            waves.push(Wave::of(wave, &targets).map_err(|wrong_setting| wrong_setting.in_nth("wave", nth))?);
        }
        let requests =
            requests.map(|requests| requests.queue.unwrap_or_else(|| protocol::names::requests(&account, &region)));
        if let Some(queue) = &requests {
            let wrong = |what: String| Err(InvalidSetting::of("queue", what).within("requests"));
            if queue.account != account || queue.region != region {
                return wrong(format!(
                    "requests queue {queue} is not of this account and Region: use a queue of account {account} in {region}"
                ));
            }
            if targets.iter().any(|target| target.receipts == *queue) {
                return wrong(format!(
                    "requests queue {queue} is also a receipts queue: a target account could send requests; use another queue"
                ));
            }
        }
        let role = role.unwrap_or_else(protocol::names::source_role);
        Ok(Self { account, region, role, targets, handoffs, waves, requests, limits, schedule })
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
    fn omitted_settings_have_default_names_and_terms() {
        let settings = settings(&format!("{HEAD}{TARGET}{ORDERS}")).unwrap();
        let declared = &settings.handoffs[0];
        assert_eq!(declared.target.inbox.to_string(), "arn:aws:sqs:us-west-2:222222222222:rds-handoff-inbox");
        assert_eq!(declared.terms, Terms::default());
        assert_eq!(declared.target.key_mode, KeyMode::Managed);
        assert_eq!(settings.role.as_str(), "rds-handoff-source-agent");
    }

    #[test]
    fn request_goes_to_the_one_target_that_matches() {
        let text = format!("{HEAD}{TARGET}{}[requests]", TARGET.replace("us-west-2", "us-east-1"));
        let settings = settings(&text).unwrap();
        let queue = settings.requests.as_ref().unwrap().to_string();
        assert_eq!(queue, "arn:aws:sqs:ap-northeast-1:111111111111:rds-handoff-requests");
        let target_region = |more: &str| {
            let body = format!(r#"{{"version":1,"kind":"request","database":"orders","label":"cutover-1"{more}}}"#);
            let declared = settings.requested(&RequestMessage::decode(&body).unwrap(), "cutover-1".parse().unwrap());
            declared.map(|declared| declared.target.region.to_string()).map_err(|refusal| refusal.to_string())
        };
        assert_eq!(target_region(r#","to_region":"us-east-1""#), Ok("us-east-1".to_owned()));
        assert!(target_region("").unwrap_err().contains("not-for-us: it matches several"));
        assert!(target_region(r#","to_account":"333333333333""#).unwrap_err().contains("matches no [[target]]"));
    }

    #[test]
    fn inconsistent_values_are_refused_with_line_and_fix() {
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
            (format!("{HEAD}{TARGET}{ORDERS}to_account = \"333333333333\""), 9, "matches no [[target]]"),
            (format!("{HEAD}{TARGET}{}{ORDERS}", TARGET.replace("us-west-2", "us-east-1")), 9, "matches several"),
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
            (format!("{HEAD}{TARGET}{ORDERS}{ORDERS}"), 9, "handoff orders/cutover-1 is declared twice"),
            (format!("{HEAD}{TARGET}{TARGET}"), 6, "target 222222222222 in us-west-2 is declared twice"),
            (format!("{HEAD}{TARGET}[polling]\nfloor = \"0s\""), 6, "0 < floor"),
        ] {
            let error = settings(&text).unwrap_err();
            assert!(error.starts_with(&format!("source.toml:{line}: ")) && error.contains(expected), "{line}: {error}");
        }
    }
}
