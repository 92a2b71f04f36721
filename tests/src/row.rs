//! A rule's request and what must come of it, in the words of the tables: `name: value`, `name`, `!name`.

use crate::answer::Answer;
use crate::client::{Call, Client};

/// How the requests of a protocol are told.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// The field of the version, and its value: added unless the first field of a request speaks of it. Its name alone
    /// leaves it out.
    pub version: (&'static str, &'static str),
    /// A word that stands for the type of a body.
    pub body_type: (&'static str, &'static str),
}

impl Manner {
    /// The request that a row asks: the method, perhaps with a path of its own, and, after it, fields.
    pub fn call(&self, client: &Client, path: &str, ask: &[&str], body: &'static str) -> Call {
        let (method, fields) = ask.split_first().expect("a row asks something");
        let (method, path) = method.split_once(' ').unwrap_or((method, path));
        let mut call = client.call(method, path);
        let (version, spoken) = self.version;
        if !fields.first().is_some_and(|field| field.starts_with(version)) {
            call = call.header(version, spoken);
        }
        for field in fields.iter().filter(|field| **field != version) {
            let (name, value) = field.split_once(": ").unwrap_or((field.trim_end_matches(':'), ""));
            call = call.header(name, if value == self.body_type.0 { self.body_type.1 } else { value });
        }
        call.body(body)
    }
}

/// Compares an answer with the status and, after it, fields that it has (`name: value`, `name`) or has not (`!name`).
///
/// # Errors
/// What is other than that.
pub fn compare(what: &str, answer: &Answer, expected: &[&str]) -> Result<(), String> {
    let (status, fields) = expected.split_first().expect("a row expects something");
    let wrong = |why: String| Err(format!("{what}: {why}; {answer:?}"));
    if *status != answer.status.to_string() {
        return wrong(format!("{} and not {status}", answer.status));
    }
    for field in fields {
        if let Some(name) = field.strip_prefix('!') {
            if answer.headers.contains_key(name) {
                return wrong(format!("it has {name}"));
            }
            continue;
        }
        let (name, value) = field.split_once(": ").map_or((*field, None), |(n, v)| (n, Some(v)));
        let told = answer.header(name);
        if told.is_none() || value.is_some_and(|value| told != Some(value)) {
            return wrong(format!("{name} is {told:?} and not {value:?}"));
        }
    }
    Ok(())
}
