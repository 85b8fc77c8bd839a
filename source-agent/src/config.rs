//! The configuration: the file as it is written, and the settings that it means.

use std::num::NonZeroU16;

use agent_runtime::pace::Pace;
use agent_runtime::settings::{Patterns, SettingsError, read_duration};
use jiff::SignedDuration;
use protocol::ids::RoleName;
use protocol::tags::{KeyMode, Route};
use protocol::trust::{Reason, Refusal};
use protocol::{AccountId, DbIdentifier, Label, QueueArn, Region, Request, Terms, names};
use serde::Deserialize;

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
    /// The queue that handoffs are also requested through.
    pub(crate) requests: Option<FileRequests>,
    /// How much goes at once.
    #[serde(default)]
    pub(crate) limits: Limits,
    /// When to look again.
    #[serde(default)]
    pub(crate) look_again: Pace,
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

/// `[[target]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileTarget {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) inbox: Option<QueueArn>,
    pub(crate) receipts: Option<QueueArn>,
    pub(crate) role: Option<RoleName>,
    /// Who holds the handoff key.
    #[serde(default)]
    pub(crate) key_mode: KeyMode,
    /// Which of a database's tags the account is told. Left out: none.
    #[serde(default)]
    pub(crate) carry_tags: Patterns,
}

/// `[[handoff]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileHandoff {
    pub(crate) database: DbIdentifier,
    pub(crate) label: Label,
    /// May be left out when there is one target only.
    pub(crate) to_account: Option<AccountId>,
    /// May be left out when the account is a target in one Region only.
    pub(crate) to_region: Option<Region>,
    #[serde(default = "Terms::start_within", deserialize_with = "read_duration")]
    pub(crate) start_within: SignedDuration,
    #[serde(default = "Terms::access_for", deserialize_with = "read_duration")]
    pub(crate) access_for: SignedDuration,
    /// The higher goes first, where not all can go at once.
    #[serde(default)]
    pub(crate) priority: i16,
}

/// What the file means.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) role: RoleName,
    pub(crate) targets: Vec<Target>,
    pub(crate) declared: Vec<Declared>,
    pub(crate) requests: Option<QueueArn>,
    pub(crate) limits: Limits,
    pub(crate) pace: Pace,
}

/// An account and Region that databases may go to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) inbox: QueueArn,
    pub(crate) receipts: QueueArn,
    pub(crate) role: RoleName,
    /// Of handoffs that begin: one that is under way has its own.
    pub(crate) key_mode: KeyMode,
    pub(crate) carry_tags: Patterns,
}

/// A handoff that the operator asks for.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) database: DbIdentifier,
    pub(crate) label: Label,
    pub(crate) target: Target,
    pub(crate) terms: Terms,
    /// By a message: the file does not tell its terms to the next process.
    pub(crate) requested: bool,
}

impl Target {
    /// A target that is known by account and Region only: its queues have the agreed names.
    pub(crate) fn agreed(home: &AccountId, home_region: &Region, account: &AccountId, region: &Region) -> Self {
        Self {
            account: account.clone(),
            region: region.clone(),
            inbox: names::inbox(account, region),
            receipts: names::receipts(home, home_region, account),
            role: names::target_role(),
            key_mode: KeyMode::default(),
            carry_tags: Patterns::default(),
        }
    }
}

impl Settings {
    /// Is this a configured target?
    pub(crate) fn knows(&self, route: &Route) -> bool {
        self.targets.iter().any(|target| target.account == route.account && target.region == route.region)
    }

    /// What a request asks for, in the place of a `[[handoff]]`: it goes where one could.
    pub(crate) fn requested(&self, request: &Request, label: Label) -> Result<Declared, Refusal> {
        let target = choose(&self.targets, request.to_account.as_ref(), request.to_region.as_ref());
        let target = target.map_err(|what| Refusal::because(Reason::NotForUs, format!("it {what}")))?.clone();
        let (database, terms) = (request.database.clone(), request.terms());
        Ok(Declared { database, label, target, terms, requested: true })
    }

    /// Checks what no type can: how the values go together.
    pub(crate) fn of(file: File) -> Result<Self, SettingsError> {
        let wrong = |what: String| Err(SettingsError::Contradictory(what));
        if let Some(complaint) = file.look_again.complaint() {
            return wrong(complaint.to_owned());
        }
        let mut targets = Vec::new();
        for target in &file.target {
            let FileTarget { account, region, .. } = target;
            if *account == file.account {
                return wrong(format!(
                    "target {account} is the source account itself: a handoff is between two accounts"
                ));
            }
            if *region == file.region {
                return wrong(format!(
                    "target {account} is in {region}, the source's own Region: that is not supported yet; choose a target \
                     in another Region"
                ));
            }
            let agreed = Target::agreed(&file.account, &file.region, account, region);
            let target = Target {
                inbox: target.inbox.clone().unwrap_or(agreed.inbox),
                receipts: target.receipts.clone().unwrap_or(agreed.receipts),
                role: target.role.clone().unwrap_or(agreed.role),
                key_mode: target.key_mode,
                carry_tags: target.carry_tags.clone(),
                ..agreed
            };
            if target.inbox.account != *account {
                return wrong(format!("inbox {} is not a queue of target account {account}", target.inbox));
            }
            if target.receipts.account != file.account {
                return wrong(format!("receipts queue {} is not a queue of this account", target.receipts));
            }
            if targets.iter().any(|other: &Target| other.receipts == target.receipts && other.account != *account) {
                return wrong(format!(
                    "receipts queue {} serves two target accounts: a sender is known by its queue, so each needs its own",
                    target.receipts
                ));
            }
            if targets.iter().any(|other: &Target| other.account == *account && other.key_mode != target.key_mode) {
                return wrong(format!(
                    "target {account} has two key modes: one handoff key serves it in all Regions; say the same key_mode in each"
                ));
            }
            targets.push(target);
        }
        let mut declared = Vec::new();
        for handoff in file.handoff {
            let name = format!("handoff {}/{}", handoff.database, handoff.label);
            let target = match choose(&targets, handoff.to_account.as_ref(), handoff.to_region.as_ref()) {
                Ok(target) => target.clone(),
                Err(what) => return wrong(format!("{name} {what}")),
            };
            if declared.iter().any(|other: &Declared| {
                other.database == handoff.database && other.label == handoff.label && other.target == target
            }) {
                return wrong(format!("{name} stands twice"));
            }
            let terms = Terms {
                start_within: handoff.start_within,
                access_for: handoff.access_for,
                priority: handoff.priority,
            };
            if let Some(complaint) = terms.complaint() {
                return wrong(format!("{name} {complaint}"));
            }
            let FileHandoff { database, label, .. } = handoff;
            declared.push(Declared { database, label, target, terms, requested: false });
        }
        let requests = file.requests.map(|it| it.queue.unwrap_or_else(|| names::requests(&file.account, &file.region)));
        if let Some(queue) = &requests {
            if queue.account != file.account || queue.region != file.region {
                return wrong(format!("requests queue {queue} is not of this account and Region"));
            }
            if targets.iter().any(|target| target.receipts == *queue) {
                return wrong(format!(
                    "requests queue {queue} serves receipts too: a target account could send requests"
                ));
            }
        }
        Ok(Self {
            account: file.account,
            region: file.region,
            role: file.role.unwrap_or_else(names::source_role),
            targets,
            declared,
            requests,
            limits: file.limits,
            pace: file.look_again,
        })
    }
}

/// The one target that this account and Region fit; either may be left out.
fn choose<'a>(
    targets: &'a [Target],
    account: Option<&AccountId>,
    region: Option<&Region>,
) -> Result<&'a Target, &'static str> {
    let mut fitting = targets.iter().filter(|target| {
        account.is_none_or(|account| *account == target.account) && region.is_none_or(|region| *region == target.region)
    });
    match (fitting.next(), fitting.next()) {
        (Some(target), None) => Ok(target),
        (None, _) => Err("goes to no [[target]]: add one, or correct to_account or to_region"),
        _ => Err("fits several [[target]]s: add to_account or to_region"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Settings, String> {
        let file = agent_runtime::settings::parse(text, "source.toml").map_err(|error| error.to_string())?;
        Settings::of(file).map_err(|error| error.to_string())
    }

    const HEAD: &str = "account = \"111111111111\"\nregion = \"ap-northeast-1\"\n";
    const TARGET: &str = "[[target]]\naccount = \"222222222222\"\nregion = \"us-west-2\"\n";
    const ORDERS: &str = "[[handoff]]\ndatabase = \"orders\"\nlabel = \"cutover-1\"\n";

    #[test]
    fn what_is_left_out_has_the_agreed_names_and_the_usual_terms() {
        let settings = settings(&format!("{HEAD}{TARGET}{ORDERS}")).unwrap();
        let declared = &settings.declared[0];
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
            let asked = settings.requested(&Request::decode(&body).unwrap(), "cutover-1".parse().unwrap());
            asked.map(|asked| asked.target.region.to_string()).map_err(|refusal| refusal.to_string())
        };
        assert_eq!(goes(r#","to_region":"us-east-1""#), Ok("us-east-1".to_owned()));
        assert!(goes("").unwrap_err().contains("not-for-us: it fits several"));
        assert!(goes(r#","to_account":"333333333333""#).unwrap_err().contains("goes to no [[target]]"));
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_its_mend() {
        for (text, expected) in [
            (format!("{HEAD}{}", TARGET.replace("222222222222", "111111111111")), "the source account itself"),
            (format!("{HEAD}{}", TARGET.replace("us-west-2", "ap-northeast-1")), "not supported yet"),
            (format!("{HEAD}{}", TARGET.replace("us-west-2", "cn-north-1")), "source.toml:5"),
            (
                format!("{HEAD}{TARGET}inbox = \"arn:aws:sqs:us-west-2:333333333333:x\""),
                "not a queue of target account",
            ),
            (format!("{HEAD}{TARGET}key_mode = \"borrowed\""), "expected `managed` or `given`"),
            (
                format!("{HEAD}{TARGET}{}key_mode = \"given\"", TARGET.replace("us-west-2", "us-east-1")),
                "has two key modes",
            ),
            (format!("{HEAD}{TARGET}{ORDERS}to_account = \"333333333333\""), "goes to no [[target]]"),
            (format!("{HEAD}{TARGET}{}{ORDERS}", TARGET.replace("us-west-2", "us-east-1")), "fits several"),
            (format!("{HEAD}{TARGET}{ORDERS}access_for = \"1h\""), "start_within <= access_for"),
            (format!("{HEAD}{TARGET}{ORDERS}access_for = \"91d\""), "at most 90 days"),
            (
                format!("{HEAD}{TARGET}[requests]\nqueue = \"arn:aws:sqs:us-west-2:111111111111:x\""),
                "not of this account and Region",
            ),
            (
                format!("{HEAD}{TARGET}[requests]\nqueue = \"arn:aws:sqs:ap-northeast-1:222222222222:x\""),
                "not of this account and Region",
            ),
            (
                format!(
                    "{HEAD}{TARGET}[requests]\nqueue = \"arn:aws:sqs:ap-northeast-1:111111111111:rds-handoff-receipts-222222222222\""
                ),
                "could send requests",
            ),
            (format!("{HEAD}{TARGET}{}", ORDERS.replace("cutover-1", "Cutover_1")), "is not a label"),
            (format!("{HEAD}{TARGET}{}", ORDERS.replace("database", "databse")), "did you mean `database`"),
            (format!("{HEAD}{TARGET}{ORDERS}{ORDERS}"), "stands twice"),
            (format!("{HEAD}{TARGET}[look_again]\nfloor = \"0s\""), "0 < floor"),
        ] {
            let error = settings(&text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
