//! Resolves a CloudFormation template of `deploy/` for one account and Region as CloudFormation would. Supports only
//! the functions that these templates use, in their long forms.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::{Map, Value};
use yaml_rust2::{Yaml, YamlLoader};

/// A template with the parameters, account and Region of its stack.
#[derive(Debug)]
pub struct Template {
    document: Arc<Value>,
    parameters: BTreeMap<String, Value>,
    account: String,
    region: String,
}

/// One resource of a stack.
#[derive(Debug)]
pub struct Resource {
    /// The resource type, such as `AWS::SQS::Queue`.
    pub kind: String,
    /// Its properties, with all references and functions resolved.
    pub properties: Value,
}

impl Template {
    /// Reads a template of `deploy/`. Parameters that are not in `given` have their defaults.
    pub fn read(name: &str, account: &str, region: &str, given: &[(&str, &str)]) -> Self {
        let document = document(name);
        let mut parameters = BTreeMap::new();
        for (key, declared) in document["Parameters"].as_object().into_iter().flatten() {
            let given = given.iter().find(|(name, _)| name == key).map(|(_, value)| Value::from(*value));
            let value = given.or_else(|| declared.get("Default").cloned());
            let value = value.unwrap_or_else(|| panic!("{name}: parameter {key} is not given"));
            let list = declared["Type"] == "CommaDelimitedList";
            let items = || value.as_str().unwrap_or_default().split(',').map(Value::from).collect();
            parameters.insert(key.clone(), if list { Value::Array(items()) } else { value });
        }
        for (key, _) in given {
            assert!(parameters.contains_key(*key), "{name} has no parameter {key}");
        }
        Self { document, parameters, account: account.to_owned(), region: region.to_owned() }
    }

    /// The policies that the stack attaches to a role.
    pub fn policies(&self, role: &str) -> Vec<Value> {
        let resources = self.resources();
        attached(&resources.values().collect::<Vec<_>>(), role).cloned().collect()
    }

    /// The account of the stack.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The Region of the stack.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// The resources of the stack by their logical names, without those whose condition is false.
    pub fn resources(&self) -> BTreeMap<String, Resource> {
        let declared = self.document["Resources"].as_object().into_iter().flatten();
        let made = declared.filter(|(_, it)| it["Condition"].as_str().is_none_or(|name| self.holds(name)));
        made.map(|(name, it)| {
            let kind = it["Type"].as_str().unwrap_or_default().to_owned();
            let properties = self.resolve(&it["Properties"]).unwrap_or_default();
            (name.clone(), Resource { kind, properties })
        })
        .collect()
    }

    fn holds(&self, condition: &str) -> bool {
        self.is_true(&self.document["Conditions"][condition])
    }

    fn is_true(&self, condition: &Value) -> bool {
        let (function, argument) = single(condition).expect("a condition is one function");
        let each = || argument.as_array().into_iter().flatten();
        match function {
            "Condition" => self.holds(argument.as_str().unwrap_or_default()),
            "Fn::Equals" => self.resolve(&argument[0]) == self.resolve(&argument[1]),
            "Fn::Not" => !self.is_true(&argument[0]),
            "Fn::And" => each().all(|one| self.is_true(one)),
            "Fn::Or" => each().any(|one| self.is_true(one)),
            other => panic!("{other} in a condition"),
        }
    }

    /// Resolves a value. `None` means `AWS::NoValue`.
    fn resolve(&self, value: &Value) -> Option<Value> {
        if let Some((function, argument)) = single(value)
            && let Some(resolved) = self.call(function, argument)
        {
            return resolved;
        }
        Some(match value {
            Value::Array(items) => items.iter().filter_map(|item| self.resolve(item)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter().filter_map(|(key, value)| Some((key.clone(), self.resolve(value)?)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            plain => plain.clone(),
        })
    }

    /// Evaluates a function. The outer `None` means that the name is not a function but an ordinary field.
    #[expect(clippy::option_option, reason = "a function may return no value")]
    fn call(&self, function: &str, argument: &Value) -> Option<Option<Value>> {
        let text =
            |value: &Value| self.resolve(value).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        Some(match function {
            "Ref" => self.reference(argument.as_str()?),
            "Fn::Sub" => Some(Value::from(self.substituted(argument.as_str()?))),
            "Fn::If" => self.resolve(&argument[if self.holds(argument[0].as_str()?) { 1 } else { 2 }]),
            "Fn::Join" => {
                let parts = self.resolve(&argument[1])?;
                let parts: Vec<&str> = parts.as_array()?.iter().filter_map(Value::as_str).collect();
                Some(Value::from(parts.join(&text(&argument[0]))))
            }
            "Fn::GetAtt" => {
                assert_eq!(argument[1], "Arn", "only ARNs are asked for");
                Some(Value::from(self.arn(argument[0].as_str()?)))
            }
            other if other.starts_with("Fn::") => panic!("{other} is not resolved here"),
            _ => return None,
        })
    }

    fn reference(&self, name: &str) -> Option<Value> {
        Some(match name {
            "AWS::NoValue" => return None,
            "AWS::AccountId" => Value::from(self.account.as_str()),
            "AWS::Region" => Value::from(self.region.as_str()),
            "AWS::Partition" => Value::from("aws"),
            name => match self.parameters.get(name) {
                Some(value) => value.clone(),
                None if self.document["Resources"][name]["Type"] == "AWS::IAM::Role" => {
                    self.resolve(&self.document["Resources"][name]["Properties"]["RoleName"])?
                }
                None => Value::from(self.arn(name)),
            },
        })
    }

    fn substituted(&self, text: &str) -> String {
        let mut pieces = text.split("${");
        let mut done = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once('}').expect("a closed ${}");
            let value = match name.strip_suffix(".Arn") {
                Some(resource) => Value::from(self.arn(resource)),
                None => self.reference(name).unwrap_or_default(),
            };
            done.push_str(value.as_str().unwrap_or_else(|| panic!("{name} is no text")));
            done.push_str(rest);
        }
        done
    }

    /// The ARN of a resource of the stack. A key that is not created yet has its logical name as id.
    fn arn(&self, name: &str) -> String {
        let resource = &self.document["Resources"][name];
        let property = |key: &str| {
            let value = self.resolve(&resource["Properties"][key]);
            value.as_ref().and_then(Value::as_str).unwrap_or(name).to_owned()
        };
        let (account, region) = (&self.account, &self.region);
        match resource["Type"].as_str().unwrap_or_default() {
            "AWS::IAM::Role" => format!("arn:aws:iam::{account}:role/{}", property("RoleName")),
            "AWS::IAM::ManagedPolicy" => format!("arn:aws:iam::{account}:policy/{}", property("ManagedPolicyName")),
            "AWS::SQS::Queue" => format!("arn:aws:sqs:{region}:{account}:{}", property("QueueName")),
            "AWS::KMS::Key" | "AWS::KMS::ReplicaKey" => format!("arn:aws:kms:{region}:{account}:key/{name}"),
            "AWS::Logs::LogGroup" => property("LogGroupName"),
            other => panic!("the ARN of {name}, {other}, is not known here"),
        }
    }
}

/// The template of this name. It is parsed once for each process, since every scenario deploys the same templates.
fn document(name: &str) -> Arc<Value> {
    static PARSED: LazyLock<Mutex<BTreeMap<String, Arc<Value>>>> = LazyLock::new(Mutex::default);
    let mut parsed = PARSED.lock().expect("a lock that no test poisons");
    let parse = || {
        let path = format!("{}/../../deploy/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("a template");
        Arc::new(json(&YamlLoader::load_from_str(&text).expect("YAML")[0]))
    };
    parsed.entry(name.to_owned()).or_insert_with(parse).clone()
}

/// Converts the YAML types that templates use to JSON.
fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::String(text) | Yaml::Real(text) => Value::from(text.as_str()),
        Yaml::Integer(number) => Value::from(*number),
        Yaml::Boolean(flag) => Value::from(*flag),
        Yaml::Array(items) => items.iter().map(json).collect(),
        Yaml::Hash(fields) => {
            let fields = fields.iter().map(|(key, value)| (key.as_str().expect("a key").to_owned(), json(value)));
            Value::Object(fields.collect())
        }
        _ => Value::Null,
    }
}

/// The name and value of an object's only field.
fn single(value: &Value) -> Option<(&str, &Value)> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    fields.iter().next().map(|(key, value)| (key.as_str(), value))
}

/// The documents of the managed policies that are attached to a role.
pub(crate) fn attached<'a>(resources: &'a [&Resource], role: &'a str) -> impl Iterator<Item = &'a Value> {
    let managed = resources.iter().filter(|it| it.kind == "AWS::IAM::ManagedPolicy");
    let of_role = managed.filter(move |it| {
        it.properties["Roles"].as_array().into_iter().flatten().any(|attached| attached.as_str() == Some(role))
    });
    of_role.map(|it| &it.properties["PolicyDocument"])
}
