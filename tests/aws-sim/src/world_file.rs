//! The world file: the settings of a simulation, and the resources that exist from the beginning.
//!
//! TOML; unknown keys are refused. Keys, aliases and queues are created through the simulated KMS and SQS actions, so a
//! world file cannot declare one that AWS would refuse.

mod schema;

use std::fmt::Display;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use toml::Spanned;

use self::schema::{Account, Database as DatabaseEntry, File, Key, ParameterGroup, Queue, Region, Role};
use crate::arn::{Arn, is_account};
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::kms::Kms;
use crate::principal::Principal;
use crate::query::Query;
use crate::request::is_region;
use crate::{Cloud, Credentials, Database, Settings, kms, rds, sqs};

/// A parsed world file, whose declarations have not been checked.
#[derive(Debug)]
pub(crate) struct WorldFile {
    path: PathBuf,
    text: String,
    file: File,
}

/// Reads a world file. The error names the file, the line and how to fix it.
pub(crate) fn read(path: &Path) -> Result<WorldFile, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: cannot be read: {error}", path.display()))?;
    match toml::from_str(&text) {
        Ok(file) => Ok(WorldFile { path: path.to_owned(), text, file }),
        Err(error) => {
            let line = error.span().map_or(1, |span| line(&text, span.start));
            Err(format!("{}:{line}: {}", path.display(), explained(error.message())))
        }
    }
}

fn line(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}

/// Replaces serde's list of valid keys by the one most similar to the unknown key. serde quotes keys with backticks.
fn explained(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (Some(unknown), true) = (quoted.next(), message.starts_with("unknown field")) else {
        return message.trim().to_owned();
    };
    let likeness = |known: &str| strsim::jaro_winkler(unknown, known);
    match quoted.max_by(|one, other| likeness(one).total_cmp(&likeness(other))) {
        Some(known) if likeness(known) > 0.7 => format!("unknown key `{unknown}`; did you mean `{known}`?"),
        _ => message.replacen("unknown field", "unknown key", 1),
    }
}

impl WorldFile {
    /// Applies the file's settings; others keep their values.
    pub(crate) fn settings(&self, settings: &mut Settings) {
        self.file.settings(settings);
    }

    /// Creates all declared resources, as if they had always existed.
    pub(crate) fn populate(&self, cloud: &Cloud) -> Result<(), String> {
        let lags = std::mem::take(&mut cloud.world().settings.lags);
        let filled = self.fill(cloud);
        cloud.world().settings.lags = lags;
        cloud.forget_history();
        filled
    }

    /// Creates roles first, since policies name them, then keys, queues and databases, each in the order of the file.
    fn fill(&self, cloud: &Cloud) -> Result<(), String> {
        for account in &self.file.account {
            let id = account.get_ref().id.as_str();
            if !is_account(id) {
                return Err(self.wrong(account, format!("{id:?} is not an account id: write 12 digits")));
            }
            cloud.set_disabled_regions(id, &borrowed(&account.get_ref().disabled_regions));
            self.controls(cloud, account.get_ref()).map_err(|what| self.wrong(account, what))?;
            for policy in &account.get_ref().managed_policy {
                let made = self.document(&policy.get_ref().policy);
                let made = made.and_then(|text| cloud.create_managed_policy(id, &policy.get_ref().name, &text));
                made.map_err(|what| self.wrong(policy, what))?;
            }
            for role in &account.get_ref().role {
                self.role(cloud, id, role.get_ref()).map_err(|what| self.wrong(role, what))?;
            }
        }
        self.each_region(|account, region| {
            region.key.iter().try_for_each(|key| {
                self.key(cloud, &root(account, region), key.get_ref()).map_err(|what| self.wrong(key, what))
            })
        })?;
        self.each_region(|account, region| {
            region.queue.iter().try_for_each(|queue| {
                self.queue(cloud, &root(account, region), queue.get_ref()).map_err(|what| self.wrong(queue, what))
            })
        })?;
        self.each_region(|account, region| {
            region.parameter_group.iter().try_for_each(|group| {
                parameter_group(cloud, &root(account, region), group.get_ref()).map_err(|what| self.wrong(group, what))
            })?;
            for name in &region.subnet_groups {
                cloud.create_subnet_group(&account.id, &region.name, name);
            }
            for id in &region.security_groups {
                cloud.create_security_group(&account.id, &region.name, id);
            }
            region.database.iter().try_for_each(|entry| {
                database(cloud, &root(account, region), entry.get_ref()).map_err(|what| self.wrong(entry, what))
            })
        })
    }

    fn each_region(&self, mut fill: impl FnMut(&Account, &Region) -> Result<(), String>) -> Result<(), String> {
        for account in self.file.account.iter().map(Spanned::get_ref) {
            for region in &account.region {
                let name = &region.get_ref().name;
                if !is_region(name) {
                    return Err(
                        self.wrong(region, format!("{name:?} is not a Region: write one such as \"eu-west-1\""))
                    );
                }
                fill(account, region.get_ref())?;
            }
        }
        Ok(())
    }

    fn wrong<T>(&self, entry: &Spanned<T>, what: impl Display) -> String {
        format!("{}:{}: {what}", self.path.display(), line(&self.text, entry.span().start))
    }

    /// The JSON document in `text`, or the content of the file at that path, relative to the world file.
    fn document(&self, text: &str) -> Result<String, String> {
        if text.trim_start().starts_with('{') {
            return Ok(text.to_owned());
        }
        let path = self.path.parent().unwrap_or_else(|| Path::new("")).join(text);
        std::fs::read_to_string(&path)
            .map_err(|error| format!("{} cannot be read: {error}; a document itself begins with {{", path.display()))
    }

    fn documents(&self, texts: &[String]) -> Result<Vec<String>, String> {
        texts.iter().map(|text| self.document(text)).collect()
    }

    fn controls(&self, cloud: &Cloud, account: &Account) -> Result<(), String> {
        let service = self.documents(&account.service_control_policies)?;
        cloud.set_service_control_policies(&account.id, &borrowed(&service))?;
        let resource = self.documents(&account.resource_control_policies)?;
        cloud.set_resource_control_policies(&account.id, &borrowed(&resource))
    }

    fn role(&self, cloud: &Cloud, account: &str, role: &Role) -> Result<(), String> {
        self.bare_role(cloud, account, role)?;
        let boundary = role.boundary.as_deref().map(|text| self.document(text)).transpose()?;
        cloud.put_role_boundary(account, &role.name, boundary.as_deref())?;
        cloud.tag_role(account, &role.name, &role.tags)
    }

    fn bare_role(&self, cloud: &Cloud, account: &str, role: &Role) -> Result<(), String> {
        let name = role.name.as_str();
        if role.trust.is_some() || role.policies.is_some() {
            let own = json!({
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Principal": { "AWS": format!("arn:aws:iam::{account}:root") },
                    "Action": "sts:AssumeRole",
                },
            });
            let trust = role.trust.as_deref().map_or_else(|| Ok(own.to_string()), |text| self.document(text))?;
            let policies = self.documents(role.policies.as_deref().unwrap_or_default())?;
            cloud.create_role(account, name, &trust, &borrowed(&policies))?;
        }
        let (access_key_id, secret_access_key) = match (&role.access_key_id, &role.secret_access_key) {
            (Some(id), Some(secret)) => (id.clone(), secret.clone()),
            (None, None) => {
                cloud.role(account, name);
                return Ok(());
            }
            _ => return Err("access_key_id and secret_access_key go together: write both or neither".to_owned()),
        };
        cloud.role_with(account, name, Credentials { access_key_id, secret_access_key, session_token: None })
    }

    fn key(&self, cloud: &Cloud, root: &Caller, key: &Key) -> Result<(), String> {
        let mut asked = json!({ "MultiRegion": key.multi_region, "Description": key.description });
        if let Some(policy) = &key.policy {
            asked["Policy"] = Value::String(self.document(policy)?);
        }
        let made = ask_kms(cloud, root, "CreateKey", &asked)?;
        let mut id = made.pointer("/KeyMetadata/KeyId").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(wanted) = &key.id {
            rename(&mut cloud.world().kms, root, &id, wanted)?;
            id.clone_from(wanted);
        }
        if let Some(alias) = &key.alias {
            ask_kms(cloud, root, "CreateAlias", &json!({ "AliasName": alias, "TargetKeyId": id }))?;
        }
        Ok(())
    }

    fn queue(&self, cloud: &Cloud, root: &Caller, queue: &Queue) -> Result<(), String> {
        let mut attributes = queue.attributes.clone();
        if let Some(policy) = &queue.policy {
            attributes.insert("Policy".to_owned(), self.document(policy)?);
        }
        let asked = parameters(&json!({ "QueueName": queue.name, "Attributes": attributes }));
        let mut world = cloud.world();
        let now = world.now;
        let made = asked.and_then(|asked| sqs::route(&mut world, root, "CreateQueue", &asked, now));
        made.map(drop).map_err(|fault| refused("CreateQueue", &fault))
    }
}

fn borrowed(documents: &[String]) -> Vec<&str> {
    documents.iter().map(String::as_str).collect()
}

fn root(account: &Account, region: &Region) -> Caller {
    Caller { principal: Principal::root(&account.id), session: None, region: region.name.clone(), plain: false }
}

fn parameters(asked: &Value) -> Outcome<Json> {
    Json::parse(asked.to_string().as_bytes())
}

fn ask_kms(cloud: &Cloud, root: &Caller, action: &str, asked: &Value) -> Result<Value, String> {
    let made = parameters(asked).and_then(|asked| kms::route(&mut cloud.world(), root, action, &asked));
    made.map_err(|fault| refused(action, &fault))
}

/// Changes the id of a key to which nothing refers yet.
fn rename(kms: &mut Kms, root: &Caller, id: &str, wanted: &str) -> Result<(), String> {
    let arn = |id: &str| Arn::new("kms", &root.region, root.account(), format!("key/{id}"));
    let hex = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let groups = |id: &str| id.split('-').map(str::len).collect::<Vec<_>>() == [8, 4, 4, 4, 12];
    let fits = match id.strip_prefix("mrk-") {
        Some(_) => wanted.strip_prefix("mrk-").is_some_and(hex),
        None => groups(wanted) && hex(&wanted.replace('-', "")),
    };
    if !fits {
        return Err(format!("{wanted} is not the id of such a key: write one like {id}"));
    }
    if kms.keys.contains_key(&arn(wanted).to_string()) {
        return Err(format!("{} is declared twice", arn(wanted)));
    }
    if let Some(key) = kms.keys.remove(&arn(id).to_string()) {
        kms.keys.insert(arn(wanted).to_string(), kms::Key { arn: arn(wanted), ..key });
    }
    Ok(())
}

fn refused(action: &str, fault: &Fault) -> String {
    format!("AWS would refuse this: {action} answers {}: {}", fault.code, fault.message)
}

fn parameter_group(cloud: &Cloud, root: &Caller, group: &ParameterGroup) -> Result<(), String> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("DBParameterGroupName", &group.name)
        .append_pair("DBParameterGroupFamily", &group.family)
        .append_pair("Description", group.description.as_deref().unwrap_or(&group.name))
        .finish();
    let action = "CreateDBParameterGroup";
    let made = Query::parse(form.as_bytes()).and_then(|asked| rds::route(&mut cloud.world(), root, action, &asked));
    made.map(drop).map_err(|fault| refused(action, &fault))
}

fn database(cloud: &Cloud, root: &Caller, entry: &DatabaseEntry) -> Result<(), String> {
    let kms_key = match entry.key.as_deref() {
        Some("none") => None,
        None => Some("aws/rds".to_owned()),
        Some(of_aws @ ("aws/rds" | "sse-rds")) => Some(of_aws.to_owned()),
        Some(named) => {
            let found = cloud.world().kms.resolve(root, named);
            Some(found.map_err(|_| {
                format!(
                    "no key of this Region is called {named}: declare it, or write \"aws/rds\", \"sse-rds\" or \"none\""
                )
            })?)
        }
    };
    let plain = Database::new(root.account(), &root.region, &entry.identifier);
    let arn = format!("arn:aws:rds:{}:{}:db:{}", root.region, root.account(), entry.identifier);
    if cloud.world().rds.instances.contains_key(&arn) {
        return Err(format!("{arn} is declared twice"));
    }
    cloud.create_database(Database {
        engine: entry.engine.clone().unwrap_or(plain.engine),
        engine_version: entry.engine_version.clone().unwrap_or(plain.engine_version),
        class: entry.class.clone().unwrap_or(plain.class),
        storage_type: entry.storage_type.clone().unwrap_or(plain.storage_type),
        allocated_gib: entry.allocated_gib.unwrap_or(plain.allocated_gib),
        kms_key,
        multi_az: entry.multi_az,
        cluster: entry.cluster.clone(),
        tde: entry.tde,
        tags: entry.tags.clone(),
        content: entry.content.as_ref().map_or(plain.content, |text| text.clone().into_bytes()),
        ..Database::new(root.account(), &root.region, &entry.identifier)
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn populate_makes_resources_visible_to_stale_reads() {
        let cloud = Cloud::new(Settings::new(crate::Clock::starting_at(SystemTime::UNIX_EPOCH)));
        tokio::time::sleep(Duration::from_secs(5)).await;
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/worlds/two-accounts.toml");
        read(Path::new(example)).unwrap().populate(&cloud).unwrap();
        let world = cloud.present();
        let then = cloud.history().before(&world, Duration::from_secs(30)).unwrap();
        assert_eq!(then.rds.instances.len(), 1);
    }
}
