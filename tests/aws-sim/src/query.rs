//! The parameters of the query protocol of RDS and STS.

use std::collections::BTreeMap;

use crate::fault::{Fault, Outcome};

/// Form parameters by their flattened names: `Tags.Tag.1.Key`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(BTreeMap<String, String>);

impl Query {
    /// UNSOURCED: stricter reading. A parameter that occurs twice is refused, and a malformed name of a list member.
    pub(crate) fn parse(form: &[u8]) -> Outcome<Self> {
        let mut found = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(form).into_owned() {
            if !is_spelt_well(&name) {
                return Err(Fault::value(format!("The parameter {name} is not of this API.")));
            }
            if found.insert(name.clone(), value).is_some() {
                // RDS API Reference, Common Errors.
                return Err(Fault::bad("InvalidQueryParameter", format!("The parameter {name} comes twice.")));
            }
        }
        Ok(Self(found))
    }

    /// Refuses parameters that the action does not have. UNSOURCED: stricter reading; it catches misspelt parameters.
    pub(crate) fn only(&self, known: &[&str]) -> Outcome<()> {
        for name in self.0.keys() {
            let top = name.split('.').next().unwrap_or_default();
            if !matches!(top, "Action" | "Version") && !known.contains(&top) {
                return Err(Fault::value(format!("The parameter {top} is not known to this action.")));
            }
        }
        Ok(())
    }

    /// Whether the parameter is present, as a value, list or structure.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.keys().any(|key| key.split('.').next() == Some(name))
    }

    /// The value, if it is present and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// RDS API Reference and STS API Reference, Common Errors: MissingParameter.
    pub(crate) fn required(&self, name: &str) -> Outcome<&str> {
        self.text(name).ok_or_else(|| Fault::missing(name))
    }

    /// UNSOURCED: the code for a value that is not a boolean, and that no other spelling is accepted.
    pub(crate) fn flag(&self, name: &str) -> Outcome<Option<bool>> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(Fault::bad("MalformedInput", format!("{name}: {other} is not a boolean."))),
        }
    }

    /// UNSOURCED: the code for a value that is not a number.
    pub(crate) fn number(&self, name: &str) -> Outcome<Option<u32>> {
        let parse = |text: &str| {
            text.parse().map_err(|_| Fault::bad("MalformedInput", format!("{name}: {text} is not a number.")))
        };
        self.text(name).map(parse).transpose()
    }

    /// The members of the list `Name`, each flattened as `Name.<member>.N`, in order of N.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let members = self.members(name).into_iter();
        members.filter_map(|prefix| self.0.get(&prefix)).map(String::as_str).collect()
    }

    /// The prefixes `Name.<member>.N` of a list of structures or of values, in order of N.
    pub(crate) fn members(&self, name: &str) -> Vec<String> {
        let dotted = format!("{name}.");
        let mut found = BTreeMap::new();
        for key in self.0.range(dotted.clone()..).map(|(key, _)| key).take_while(|key| key.starts_with(&dotted)) {
            let mut parts = key[dotted.len()..].splitn(3, '.');
            if let (Some(member), Some(Ok(index))) = (parts.next(), parts.next().map(str::parse::<u32>)) {
                found.insert(index, format!("{name}.{member}.{index}"));
            }
        }
        found.into_values().collect()
    }
}

/// The names of list members (the API's service model, in botocore: locationName). Members of all lists, including
/// these, may also be called `member`.
const MEMBERS: [(&str, &str); 14] = [
    ("AvailabilityZones", "AvailabilityZone"),
    ("DBSecurityGroups", "DBSecurityGroupName"),
    ("Filters", "Filter"),
    ("OptionSettings", "OptionSetting"),
    ("OptionsToInclude", "OptionConfiguration"),
    ("Parameters", "Parameter"),
    ("ProcessorFeatures", "ProcessorFeature"),
    ("SubnetIds", "SubnetIdentifier"),
    ("TagSpecifications", "item"),
    ("Tags", "Tag"),
    ("Values", "Value"),
    ("ValuesToAdd", "AttributeValue"),
    ("ValuesToRemove", "AttributeValue"),
    ("VpcSecurityGroupIds", "VpcSecurityGroupId"),
];

/// Whether a flattened name is that of a value, `Name`; of a member of a structure, `Name.` and a name; or of a list
/// member, `Name.member.N`, optionally followed by a name. "Values of n are integers starting from 1" (RDS User Guide,
/// Using the Query API).
fn is_spelt_well(name: &str) -> bool {
    let Some((head, rest)) = name.split_once('.') else { return !name.is_empty() };
    let mut parts = rest.splitn(3, '.');
    let (member, index, tail) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    match index.map(str::parse::<u32>) {
        Some(Ok(index)) => {
            let known = member == "member" || MEMBERS.contains(&(head, member));
            known && index > 0 && tail.is_none_or(is_spelt_well)
        }
        _ => !MEMBERS.iter().any(|(list, _)| *list == head) && is_spelt_well(rest),
    }
}
