//! Options of the storage service. Some are secrets: they reach the service and nothing else.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is printed in the place of a secret.
pub(super) const HIDDEN: &str = "(hidden)";

/// Parts of an option's name that make its value a secret.
const SECRET_PARTS: [&str; 7] =
    ["secret", "password", "token", "credential", "private", "account_key", "sas"];

/// Options by name. Neither `Debug` nor serialisation shows a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Options(BTreeMap<String, String>);

impl Options {
    /// The options as they are, secrets among them: for the storage service alone.
    pub fn reveal(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// The value of an option.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn shown(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, value)| (name.as_str(), shown(name, value)))
    }
}

/// Whether the value of an option of that name is a secret.
pub(super) fn is_secret(name: &str) -> bool {
    SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// A value as it may be printed: secrets hidden, and in an address the password before the `@`.
fn shown(name: &str, value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    if is_secret(name) {
        return HIDDEN.to_owned();
    }
    without_user(value)
}

/// An address without what stands before the `@`; anything else as it is.
pub(super) fn without_user(value: &str) -> String {
    match value.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, place)) => format!("{scheme}://{HIDDEN}@{place}"),
        None => value.to_owned(),
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.shown()).finish()
    }
}

impl Serialize for Options {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.shown())
    }
}

impl<'de> Deserialize<'de> for Options {
    /// Text, whole numbers and truth values are taken; an error names the option and not its value.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = BTreeMap::<String, toml::Value>::deserialize(deserializer)?;
        let text = |(name, value): (String, toml::Value)| match value {
            toml::Value::String(text) => Ok((name, text)),
            toml::Value::Integer(number) => Ok((name, number.to_string())),
            toml::Value::Boolean(truth) => Ok((name, truth.to_string())),
            _ => Err(D::Error::custom(format_args!("the option `{name}` is not a text"))),
        };
        table.into_iter().map(text).collect::<Result<_, _>>().map(Self)
    }
}
