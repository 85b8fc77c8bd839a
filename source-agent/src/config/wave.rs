//! Many databases at once: `[[wave]]`.

use std::collections::{BTreeMap, BTreeSet};

use agent_runtime::aws::rds::database::DatabaseView;
use agent_runtime::aws::rds::database::Databases;
use agent_runtime::config::{Misfit, Pattern};
use jiff::SignedDuration;
use protocol::tags::{Route, Tags};
use protocol::terms::read_duration;
use protocol::{AccountId, DbIdentifier, Label, Region, Terms};
use serde::{Deserialize, Deserializer};

use super::handoff::{Declared, checked};
use super::names::Names;
use super::target::{Destination, Target};

/// `[[wave]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileWave {
    label: Label,
    /// Left out: all that carry the tags.
    databases: Option<Names>,
    /// All of them must be there.
    #[serde(default)]
    tags: BTreeMap<String, Pattern>,
    #[serde(default)]
    except: Names,
    to_account: Option<AccountId>,
    to_region: Option<Region>,
    /// Each database goes to all targets that fit.
    #[serde(default)]
    every_target: bool,
    #[serde(default = "Terms::start_within", deserialize_with = "read_duration")]
    start_within: SignedDuration,
    #[serde(default = "Terms::access_for", deserialize_with = "read_duration")]
    access_for: SignedDuration,
    #[serde(default)]
    priority: i16,
    #[serde(default, rename = "override")]
    overrides: Vec<FileOverride>,
}

/// `[[wave.override]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileOverride {
    databases: Names,
    to_account: Option<AccountId>,
    to_region: Option<Region>,
    #[serde(default, deserialize_with = "read_some_duration")]
    start_within: Option<SignedDuration>,
    #[serde(default, deserialize_with = "read_some_duration")]
    access_for: Option<SignedDuration>,
    priority: Option<i16>,
}

fn read_some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SignedDuration>, D::Error> {
    read_duration(deserializer).map(Some)
}

/// Databases that move under one label.
#[derive(Debug)]
pub(crate) struct Wave {
    pub(crate) label: Label,
    databases: Names,
    tags: BTreeMap<String, Pattern>,
    except: Names,
    /// The first that fits a database decides; the last one fits all.
    rules: Vec<Rule>,
}

/// How some of them go.
#[derive(Debug)]
struct Rule {
    databases: Names,
    targets: Vec<Target>,
    terms: Terms,
}

impl Wave {
    pub(super) fn of(file: FileWave, targets: &[Target]) -> Result<Self, Misfit> {
        let FileWave { label, databases, tags, except, to_account, to_region, every_target, overrides, .. } = file;
        let name = format!("wave {label}");
        let databases = match databases {
            None if tags.is_empty() => {
                return Err(Misfit::new(format!(
                    "{name} takes no database: add databases, as [\"*\"] for all of the Region, or tags"
                )));
            }
            databases => databases.unwrap_or_else(Names::all),
        };
        if databases.is_empty() {
            return Err(Misfit::of("databases", format!("{name}: databases is empty: it fits none; name some")));
        }
        if let Some(both) = databases.plain.iter().find(|database| except.fit(database)) {
            let what = format!("{name}: {both} is named in databases, and except takes it out again: choose one");
            return Err(Misfit::of("except", what));
        }
        let of_all = Terms { start_within: file.start_within, access_for: file.access_for, priority: file.priority };
        let reach = |name: &str, to: Destination<'_>| {
            let fitting = to.among(targets, name)?;
            if fitting.len() > 1 && !every_target {
                return Err(Misfit::new(format!(
                    "{name} fits several [[target]]s: add to_account or to_region, or every_target = true to send each \
                     database to all of them"
                )));
            }
            Ok(fitting)
        };
        let mut rules = Vec::new();
        for (nth, over) in overrides.into_iter().enumerate() {
            let in_it = |misfit: Misfit| misfit.in_nth("override", nth);
            if over.databases.is_empty() {
                let what = format!("{name}: databases of an override is empty: it fits none; name some");
                return Err(in_it(Misfit::of("databases", what)));
            }
            let name = format!("{name}, override {}", over.databases);
            let to = Destination {
                to_account: over.to_account.as_ref().or(to_account.as_ref()),
                to_region: over.to_region.as_ref().or(to_region.as_ref()),
            };
            let terms = Terms {
                start_within: over.start_within.unwrap_or(of_all.start_within),
                access_for: over.access_for.unwrap_or(of_all.access_for),
                priority: over.priority.unwrap_or(of_all.priority),
            };
            let (targets, terms) = (reach(&name, to).map_err(in_it)?, checked(terms, &name).map_err(in_it)?);
            rules.push(Rule { targets, terms, databases: over.databases });
        }
        let to = Destination { to_account: to_account.as_ref(), to_region: to_region.as_ref() };
        let rule = Rule { targets: reach(&name, to)?, terms: checked(of_all, &name)?, databases: Names::all() };
        rules.push(rule);
        Ok(Self { label, databases, tags, except, rules })
    }

    /// The handoffs of these databases, and what stands in the declaration in vain. Those that are named are declared even if there
    /// is no such database.
    pub(crate) fn expand(&self, there: &Databases) -> (Vec<Declared>, Vec<String>) {
        let taken: BTreeSet<&DbIdentifier> =
            there.iter().filter(|(name, database)| self.takes(name, database)).map(|(name, _)| name).collect();
        let absent = self.databases.plain.iter().filter(|name| !there.contains_key(*name));
        let mut declared = Vec::new();
        let mut by_rule: Vec<BTreeSet<&DbIdentifier>> = self.rules.iter().map(|_| BTreeSet::new()).collect();
        for database in taken.iter().copied().chain(absent) {
            let Some(at) = self.rules.iter().position(|rule| rule.databases.fit(database)) else { continue };
            by_rule[at].insert(database);
            let Rule { targets, terms, .. } = &self.rules[at];
            declared.extend(targets.iter().map(|target| Declared {
                database: database.clone(),
                label: self.label.clone(),
                target: target.clone(),
                terms: *terms,
                by_name: self.databases.plain.contains(database),
                requested: false,
            }));
        }
        (declared, self.in_vain(there, &taken, &by_rule))
    }

    /// On which terms a database moves, and whether it is this target that it moves to; whatever its tags say by now.
    pub(crate) fn terms_of(&self, database: &DbIdentifier, route: &Route) -> Option<(bool, Terms)> {
        let is_of_us = self.databases.fit(database) && !self.except.fit(database);
        let rule = self.rules.iter().find(|rule| is_of_us && rule.databases.fit(database))?;
        let mut targets = rule.targets.iter();
        let is_there = targets.any(|to| to.account == route.account && to.region == route.region);
        Some((is_there, rule.terms))
    }

    fn takes(&self, name: &DbIdentifier, database: &DatabaseView) -> bool {
        self.databases.fit(name) && !self.except.fit(name) && self.carried_by(&database.tags)
    }

    fn carried_by(&self, tags: &Tags) -> bool {
        self.tags.iter().all(|(key, pattern)| tags.get(key).is_some_and(|value| pattern.fits(value)))
    }

    /// Perhaps misspelt: so it is told.
    fn in_vain(
        &self,
        there: &Databases,
        taken: &BTreeSet<&DbIdentifier>,
        by_rule: &[BTreeSet<&DbIdentifier>],
    ) -> Vec<String> {
        let Self { label, databases, tags, except, rules } = self;
        let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let carrying = if tags.is_empty() { String::new() } else { format!(" that carries {}", tags.join(" and ")) };
        let mut notes = Vec::new();
        for text in databases.fitting_none(taken) {
            // One that is not there is refused.
            let is_absent = text.parse().is_ok_and(|name: DbIdentifier| !there.contains_key(&name));
            if !is_absent {
                notes.push(format!("wave {label}: {text} takes no database{carrying}"));
            }
        }
        for text in except.fitting_none(&there.keys().collect()) {
            notes.push(format!("wave {label}: except {text} takes no database out"));
        }
        for (rule, databases) in rules.iter().zip(by_rule).take(rules.len() - 1) {
            for text in rule.databases.fitting_none(databases) {
                notes.push(format!("wave {label}: the override for {text} changes nothing"));
            }
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::{DbInstance, Tag};

    use super::*;
    use crate::config::Settings;

    const HEAD: &str = "account = \"111111111111\"\nregion = \"ap-northeast-1\"\n";
    const B: &str = "[[target]]\naccount = \"222222222222\"\nregion = \"us-west-2\"\n";
    const C: &str = "[[target]]\naccount = \"333333333333\"\nregion = \"eu-west-1\"\n";
    const WAVE: &str = "[[wave]]\nlabel = \"cutover-1\"\n";

    fn settings(text: &str) -> Result<Settings, String> {
        agent_runtime::config::read(text, "source.toml", Settings::of).map_err(|error| error.to_string())
    }

    /// Databases of team shop, unless they are named otherwise.
    fn there(names: &[&str]) -> Databases {
        let view = |name: &&str| {
            let team = if name.starts_with("shop") { "shop" } else { "pay" };
            let instance = DbInstance::builder()
                .db_instance_arn(format!("arn:aws:rds:ap-northeast-1:111111111111:db:{name}"))
                .tag_list(Tag::builder().key("team").value(team).build())
                .build();
            DatabaseView::of(&instance).map(|view| (view.arn.database.clone(), view)).unwrap()
        };
        names.iter().map(view).map(|(name, view)| (name, view.into())).collect()
    }

    /// What is declared, as `database to account, priority`, and what is told of it.
    fn declared(text: &str, names: &[&str]) -> (Vec<String>, Vec<String>) {
        let (declared, notes) = settings(text).unwrap().declared(&there(names));
        let words = |one: &Declared| format!("{} to {}, {}", one.database, one.target.account, one.terms.priority);
        (declared.iter().map(words).collect(), notes)
    }

    #[test]
    fn a_wave_takes_what_its_names_patterns_and_tags_say() {
        let all = ["orders", "payroll", "shop-1", "shop-2"];
        let taken = |selection: &str, names: &[&str]| {
            let (declared, notes) = declared(&format!("{HEAD}{B}{WAVE}{selection}"), names);
            (declared.iter().map(|text| text.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>(), notes)
        };
        let told = |note: &str| vec![format!("wave cutover-1: {note}")];
        assert_eq!(taken("databases = [\"*\"]", &all), (all.map(str::to_owned).into(), vec![]));
        assert_eq!(taken("databases = [\"orders\", \"shop-?\"]", &all).0, ["orders", "shop-1", "shop-2"]);
        assert_eq!(taken("tags = { team = \"sh*\" }", &all).0, ["shop-1", "shop-2"]);
        assert_eq!(taken("tags = { team = \"shop\", stage = \"*\" }", &all).0, Vec::<String>::new(), "all must match");
        assert_eq!(
            taken("databases = [\"*\"]\nexcept = [\"shop-*\", \"orders\"]", &all),
            (vec!["payroll".to_owned()], vec![])
        );
        let absent = taken("databases = [\"ordres\", \"shop-1\"]", &all);
        assert_eq!(absent, (vec!["shop-1".to_owned(), "ordres".to_owned()], vec![]), "what is named is refused later");
        let in_vain = [
            ("databases = [\"shop-*\", \"depot-*\"]", "depot-* takes no database"),
            (
                "databases = [\"shop-*\", \"orders\"]\ntags = { team = \"shop\" }",
                "orders takes no database that carries team=shop",
            ),
            ("databases = [\"*\"]\nexcept = [\"payrol\"]", "except payrol takes no database out"),
            (
                "databases = [\"shop-*\"]\n[[wave.override]]\ndatabases = [\"orders\"]",
                "the override for orders changes nothing",
            ),
            (
                "databases = [\"*\"]\n[[wave.override]]\ndatabases = [\"shop-*\"]\n[[wave.override]]\ndatabases = [\"shop-1\"]",
                "the override for shop-1 changes nothing",
            ),
        ];
        for (selection, note) in in_vain {
            assert_eq!(taken(selection, &all).1, told(note));
        }
    }

    #[test]
    fn the_first_override_that_fits_decides_and_a_handoff_counts_before_a_wave() {
        let text = format!(
            "{HEAD}{B}{C}\
             [[handoff]]\ndatabase = \"payroll\"\nlabel = \"cutover-1\"\nto_account = \"222222222222\"\npriority = 9\n\
             {WAVE}databases = [\"*\"]\nto_account = \"222222222222\"\npriority = 1\naccess_for = \"2d\"\n\
             [[wave.override]]\ndatabases = [\"shop-1\"]\npriority = 5\n\
             [[wave.override]]\ndatabases = [\"shop-*\"]\nto_account = \"333333333333\"\nstart_within = \"1h\"\n\
             {WAVE}databases = [\"orders\", \"shop-*\"]\nto_account = \"222222222222\"\npriority = 7\n"
        );
        let (all, notes) = declared(&text, &["orders", "payroll", "shop-1", "shop-2"]);
        let expected = [
            "payroll to 222222222222, 9",
            "orders to 222222222222, 1",
            "shop-1 to 222222222222, 5",
            "shop-2 to 333333333333, 1",
            "shop-2 to 222222222222, 7",
        ];
        assert_eq!(all, expected);
        assert_eq!(notes, ["wave cutover-1: 2 of its handoffs stand in an earlier [[wave]], which counts"]);
        let settings = settings(&text).unwrap();
        let terms = |wave: usize, to: &str| {
            let to = settings.targets.iter().find(|target| target.account.as_str() == to).unwrap();
            let route = Route { account: to.account.clone(), region: to.region.clone(), key: to.key_mode };
            settings.waves[wave].terms_of(&"shop-9".parse().unwrap(), &route).unwrap()
        };
        let (is_there, by_rule) = terms(0, "333333333333");
        assert!(is_there);
        assert_eq!(by_rule.start_within, SignedDuration::from_hours(1));
        assert_eq!(by_rule.access_for, SignedDuration::from_hours(48), "what is left out is the wave's");
        assert!(!terms(0, "222222222222").0, "another wave of this label moves it there");
        assert_eq!((terms(1, "222222222222").0, terms(1, "222222222222").1.priority), (true, 7));
    }

    #[test]
    fn every_target_is_meant_only_where_it_is_said() {
        let text = format!("{HEAD}{B}{C}{WAVE}databases = [\"orders\"]\nevery_target = true\n");
        let (all, _) = declared(&text, &["orders"]);
        assert_eq!(all, ["orders to 222222222222, 0", "orders to 333333333333, 0"]);
    }

    #[test]
    fn each_of_ten_thousand_databases_is_declared_once() {
        let names: Vec<String> = (0..10_000).map(|number| format!("shop-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let list = names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",");
        let text = format!("{HEAD}{B}{WAVE}databases = [\"*\"]\n{WAVE}databases = [{list}]\n");
        let (all, notes) = declared(&text, &names);
        assert_eq!((all.len(), notes.len()), (10_000, 1));
    }

    #[test]
    fn wave_that_cannot_be_is_refused_with_line_and_fix() {
        let every = format!("{WAVE}databases = [\"*\"]\n");
        let over = format!("{every}[[wave.override]]\ndatabases = [\"shop-*\"]\n");
        for (text, line, expected) in [
            (format!("{B}{WAVE}"), 6, "wave cutover-1 takes no database: add databases, as [\"*\"]"),
            (format!("{B}{WAVE}databases = []"), 8, "databases is empty: it fits none"),
            (format!("{B}{WAVE}databases = [\"Shop-*\"]"), 8, "\"Shop-*\" fits no DB instance identifier"),
            (format!("{B}{WAVE}databases = [\"-\"]"), 8, "is not a DB instance identifier"),
            (format!("{B}{WAVE}databases = [\"orders\", \"orders\"]"), 8, "\"orders\" stands twice"),
            (
                format!("{B}{WAVE}databases = [\"orders\"]\nexcept = [\"o*\"]"),
                9,
                "orders is named in databases, and except",
            ),
            (format!("{B}{WAVE}database = [\"orders\"]"), 8, "did you mean `databases`"),
            (format!("{B}{}", every.replace("cutover-1", "a-label-of-many-characters")), 7, "is not a label"),
            (format!("{B}{every}to_account = \"333333333333\""), 9, "wave cutover-1 goes to no [[target]]"),
            (
                format!("{B}{C}{every}"),
                9,
                "fits several [[target]]s: add to_account or to_region, or every_target = true",
            ),
            (format!("{B}{every}access_for = \"1h\""), 9, "wave cutover-1 needs 0 < start_within <= access_for"),
            (
                format!("{B}{every}start_within = \"15d\"\naccess_for = \"20d\""),
                10,
                "a start_within of at most 14 days",
            ),
            (format!("{B}{over}access_for = \"1h\""), 11, "wave cutover-1, override shop-* needs 0 < start_within"),
            (
                format!("{B}{over}to_region = \"eu-west-1\""),
                11,
                "wave cutover-1, override shop-* goes to no [[target]]",
            ),
            (format!("{B}{over}priorty = 1"), 11, "did you mean `priority`"),
            (format!("{B}{over}label = \"cutover-2\""), 11, "unknown key `label`"),
            (format!("{B}{every}[[wave.override]]\ndatabases = []"), 10, "databases of an override is empty"),
            (format!("{B}{every}priority = 40000"), 9, "i16"),
        ] {
            let error = settings(&format!("{HEAD}{text}")).unwrap_err();
            assert!(error.starts_with(&format!("source.toml:{line}: ")) && error.contains(expected), "{line}: {error}");
        }
    }
}
