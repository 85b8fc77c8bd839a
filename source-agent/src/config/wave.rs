//! Many databases at once: `[[wave]]`.

use std::collections::{BTreeMap, BTreeSet};

use agent_runtime::aws::rds::database::DatabaseView;
use agent_runtime::aws::rds::database::Databases;
use agent_runtime::config::{InvalidSetting, Pattern};
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
    /// Default: all databases that have the tags.
    databases: Option<Names>,
    /// A database must have all of them.
    #[serde(default)]
    tags: BTreeMap<String, Pattern>,
    #[serde(default)]
    except: Names,
    to_account: Option<AccountId>,
    to_region: Option<Region>,
    /// Each database goes to all targets that match.
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

/// A wave: the handoffs of many databases under one label.
#[derive(Debug)]
pub(crate) struct Wave {
    pub(crate) label: Label,
    databases: Names,
    tags: BTreeMap<String, Pattern>,
    except: Names,
    /// The first rule that matches a database applies. The last rule matches all.
    rules: Vec<Rule>,
}

/// Targets and terms for some of the databases.
#[derive(Debug)]
struct Rule {
    databases: Names,
    targets: Vec<Target>,
    terms: Terms,
}

impl Wave {
    pub(super) fn of(file: FileWave, targets: &[Target]) -> Result<Self, InvalidSetting> {
        let FileWave { label, databases, tags, except, to_account, to_region, every_target, overrides, .. } = file;
        let name = format!("wave {label}");
        let databases = match databases {
            None if tags.is_empty() => {
                return Err(InvalidSetting::new(format!(
                    "{name} selects no database: add databases, such as [\"*\"] for all of the Region, or tags"
                )));
            }
            databases => databases.unwrap_or_else(Names::all),
        };
        if databases.is_empty() {
            return Err(InvalidSetting::of(
                "databases",
                format!("{name}: databases is empty and matches none; add some"),
            ));
        }
        if let Some(both) = databases.plain.iter().find(|database| except.matches(database)) {
            let what = format!("{name}: {both} is named in databases, and except excludes it: remove one");
            return Err(InvalidSetting::of("except", what));
        }
        let wave_terms =
            Terms { start_within: file.start_within, access_for: file.access_for, priority: file.priority };
        let targets_for = |name: &str, to: Destination<'_>| {
            let matching = to.among(targets, name)?;
            if matching.len() > 1 && !every_target {
                return Err(InvalidSetting::new(format!(
                    "{name} matches several [[target]]s: add to_account or to_region, or every_target = true to send each \
                     database to all of them"
                )));
            }
            Ok(matching)
        };
        let mut rules = Vec::new();
        for (nth, over) in overrides.into_iter().enumerate() {
            let in_override = |wrong_setting: InvalidSetting| wrong_setting.in_nth("override", nth);
            if over.databases.is_empty() {
                let what = format!("{name}: databases of an override is empty and matches none; add some");
                return Err(in_override(InvalidSetting::of("databases", what)));
            }
            let name = format!("{name}, override {}", over.databases);
            let to = Destination {
                to_account: over.to_account.as_ref().or(to_account.as_ref()),
                to_region: over.to_region.as_ref().or(to_region.as_ref()),
            };
            let terms = Terms {
                start_within: over.start_within.unwrap_or(wave_terms.start_within),
                access_for: over.access_for.unwrap_or(wave_terms.access_for),
                priority: over.priority.unwrap_or(wave_terms.priority),
            };
            let (targets, terms) =
                (targets_for(&name, to).map_err(in_override)?, checked(terms, &name).map_err(in_override)?);
            rules.push(Rule { targets, terms, databases: over.databases });
        }
        let to = Destination { to_account: to_account.as_ref(), to_region: to_region.as_ref() };
        let rule =
            Rule { targets: targets_for(&name, to)?, terms: checked(wave_terms, &name)?, databases: Names::all() };
        rules.push(rule);
        Ok(Self { label, databases, tags, except, rules })
    }

    /// The handoffs of these databases, and notes about entries of the wave that have no effect. A named database is
    /// declared even if it does not exist.
    pub(crate) fn expand(&self, databases: &Databases) -> (Vec<Declared>, Vec<String>) {
        let selected: BTreeSet<&DbIdentifier> =
            databases.iter().filter(|(name, database)| self.selects(name, database)).map(|(name, _)| name).collect();
        let absent = self.databases.plain.iter().filter(|name| !databases.contains_key(*name));
        let mut declared = Vec::new();
        let mut by_rule: Vec<BTreeSet<&DbIdentifier>> = self.rules.iter().map(|_| BTreeSet::new()).collect();
        for database in selected.iter().copied().chain(absent) {
            let Some(at) = self.rules.iter().position(|rule| rule.databases.matches(database)) else { continue };
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
        (declared, self.unused_entries(databases, &selected, &by_rule))
    }

    /// The terms of a database in this wave, and whether it goes to this target. The tags of the database, which may
    /// have changed, are ignored.
    pub(crate) fn terms_of(&self, database: &DbIdentifier, route: &Route) -> Option<(bool, Terms)> {
        let is_in_wave = self.databases.matches(database) && !self.except.matches(database);
        let rule = self.rules.iter().find(|rule| is_in_wave && rule.databases.matches(database))?;
        let mut targets = rule.targets.iter();
        let goes_there = targets.any(|to| to.account == route.account && to.region == route.region);
        Some((goes_there, rule.terms))
    }

    fn selects(&self, name: &DbIdentifier, database: &DatabaseView) -> bool {
        self.databases.matches(name) && !self.except.matches(name) && self.tags_match(&database.tags)
    }

    fn tags_match(&self, tags: &Tags) -> bool {
        self.tags.iter().all(|(key, pattern)| tags.get(key).is_some_and(|value| pattern.fits(value)))
    }

    /// Notes about names, patterns and overrides that have no effect, because they may be misspelt.
    fn unused_entries(
        &self,
        existing: &Databases,
        selected: &BTreeSet<&DbIdentifier>,
        by_rule: &[BTreeSet<&DbIdentifier>],
    ) -> Vec<String> {
        let Self { label, databases, tags, except, rules } = self;
        let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let with_tags = if tags.is_empty() { String::new() } else { format!(" with the tags {}", tags.join(" and ")) };
        let mut notes = Vec::new();
        for text in databases.without_match(selected) {
            // A named database that does not exist is refused elsewhere.
            let is_absent = text.parse().is_ok_and(|name: DbIdentifier| !existing.contains_key(&name));
            if !is_absent {
                notes.push(format!("wave {label}: {text} selects no database{with_tags}"));
            }
        }
        for text in except.without_match(&existing.keys().collect()) {
            notes.push(format!("wave {label}: except {text} excludes no database"));
        }
        for (rule, databases) in rules.iter().zip(by_rule).take(rules.len() - 1) {
            for text in rule.databases.without_match(databases) {
                notes.push(format!("wave {label}: the override for {text} has no effect"));
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

    /// Databases with these names. Those that begin with `shop` have the tag team=shop.
    fn databases(names: &[&str]) -> Databases {
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

    /// What is declared, as `database to account, priority`, and the notes about it.
    fn declared(text: &str, names: &[&str]) -> (Vec<String>, Vec<String>) {
        let (declared, notes) = settings(text).unwrap().declared(&databases(names));
        let words = |one: &Declared| format!("{} to {}, {}", one.database, one.target.account, one.terms.priority);
        (declared.iter().map(words).collect(), notes)
    }

    #[test]
    fn wave_selects_by_names_patterns_and_tags() {
        let all = ["orders", "payroll", "shop-1", "shop-2"];
        let selected = |selection: &str, names: &[&str]| {
            let (declared, notes) = declared(&format!("{HEAD}{B}{WAVE}{selection}"), names);
            (declared.iter().map(|text| text.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>(), notes)
        };
        let expected = |note: &str| vec![format!("wave cutover-1: {note}")];
        assert_eq!(selected("databases = [\"*\"]", &all), (all.map(str::to_owned).into(), vec![]));
        assert_eq!(selected("databases = [\"orders\", \"shop-?\"]", &all).0, ["orders", "shop-1", "shop-2"]);
        assert_eq!(selected("tags = { team = \"sh*\" }", &all).0, ["shop-1", "shop-2"]);
        assert_eq!(
            selected("tags = { team = \"shop\", stage = \"*\" }", &all).0,
            Vec::<String>::new(),
            "all must match"
        );
        assert_eq!(
            selected("databases = [\"*\"]\nexcept = [\"shop-*\", \"orders\"]", &all),
            (vec!["payroll".to_owned()], vec![])
        );
        let absent = selected("databases = [\"ordres\", \"shop-1\"]", &all);
        assert_eq!(
            absent,
            (vec!["shop-1".to_owned(), "ordres".to_owned()], vec![]),
            "a named database that does not exist is refused later"
        );
        let unused = [
            ("databases = [\"shop-*\", \"depot-*\"]", "depot-* selects no database"),
            (
                "databases = [\"shop-*\", \"orders\"]\ntags = { team = \"shop\" }",
                "orders selects no database with the tags team=shop",
            ),
            ("databases = [\"*\"]\nexcept = [\"payrol\"]", "except payrol excludes no database"),
            (
                "databases = [\"shop-*\"]\n[[wave.override]]\ndatabases = [\"orders\"]",
                "the override for orders has no effect",
            ),
            (
                "databases = [\"*\"]\n[[wave.override]]\ndatabases = [\"shop-*\"]\n[[wave.override]]\ndatabases = [\"shop-1\"]",
                "the override for shop-1 has no effect",
            ),
        ];
        for (selection, note) in unused {
            assert_eq!(selected(selection, &all).1, expected(note));
        }
    }

    #[test]
    fn first_matching_override_applies_and_handoff_precedes_wave() {
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
        assert_eq!(
            notes,
            ["wave cutover-1: 2 of its handoffs are also in an earlier [[wave]], which takes precedence"]
        );
        let settings = settings(&text).unwrap();
        let terms = |wave: usize, to: &str| {
            let to = settings.targets.iter().find(|target| target.account.as_str() == to).unwrap();
            let route = Route { account: to.account.clone(), region: to.region.clone(), key: to.key_mode };
            settings.waves[wave].terms_of(&"shop-9".parse().unwrap(), &route).unwrap()
        };
        let (goes_there, by_rule) = terms(0, "333333333333");
        assert!(goes_there);
        assert_eq!(by_rule.start_within, SignedDuration::from_hours(1));
        assert_eq!(by_rule.access_for, SignedDuration::from_hours(48), "an override inherits the terms that it omits");
        assert!(!terms(0, "222222222222").0, "it goes there only by another wave of this label");
        assert_eq!((terms(1, "222222222222").0, terms(1, "222222222222").1.priority), (true, 7));
    }

    #[test]
    fn every_target_sends_each_database_to_all_targets() {
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
    fn invalid_wave_is_refused_with_line_and_fix() {
        let every = format!("{WAVE}databases = [\"*\"]\n");
        let over = format!("{every}[[wave.override]]\ndatabases = [\"shop-*\"]\n");
        for (text, line, expected) in [
            (format!("{B}{WAVE}"), 6, "wave cutover-1 selects no database: add databases, such as [\"*\"]"),
            (format!("{B}{WAVE}databases = []"), 8, "databases is empty and matches none"),
            (format!("{B}{WAVE}databases = [\"Shop-*\"]"), 8, "\"Shop-*\" matches no DB instance identifier"),
            (format!("{B}{WAVE}databases = [\"-\"]"), 8, "is not a DB instance identifier"),
            (format!("{B}{WAVE}databases = [\"orders\", \"orders\"]"), 8, "\"orders\" is listed twice"),
            (
                format!("{B}{WAVE}databases = [\"orders\"]\nexcept = [\"o*\"]"),
                9,
                "orders is named in databases, and except",
            ),
            (format!("{B}{WAVE}database = [\"orders\"]"), 8, "did you mean `databases`"),
            (format!("{B}{}", every.replace("cutover-1", "a-label-of-many-characters")), 7, "is not a label"),
            (format!("{B}{every}to_account = \"333333333333\""), 9, "wave cutover-1 matches no [[target]]"),
            (
                format!("{B}{C}{every}"),
                9,
                "matches several [[target]]s: add to_account or to_region, or every_target = true",
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
                "wave cutover-1, override shop-* matches no [[target]]",
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
