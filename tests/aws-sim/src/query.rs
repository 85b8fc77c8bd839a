//! The parameters of the query protocol, which RDS and STS speak.

use std::collections::BTreeMap;

use crate::fault::{Fault, Outcome};

/// Form parameters by their flattened names: `Tags.Tag.1.Key`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(BTreeMap<String, String>);

impl Query {
    pub(crate) fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
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

    /// Whether the parameter is there, as a value, list or structure.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.keys().any(|key| key.split('.').next() == Some(name))
    }

    /// The value, when it is there and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn required(&self, name: &str) -> Outcome<&str> {
        self.text(name).ok_or_else(|| Fault::missing(name))
    }

    pub(crate) fn flag(&self, name: &str) -> Outcome<Option<bool>> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(Fault::bad("MalformedInput", format!("{name}: {other} is not a boolean."))),
        }
    }

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
