//! Limits of a user's own: what stands in the place of the configured ones.
//!
//! They are parsed where they come in, so that nobody sets what nothing heeds; the quota is no part of them, it has a
//! place of its own beside them.

use serde_json::Value;

use crate::account::Limits;
use crate::policy::Policy;

const MAX_FILES: &str = "max_files";
const MAX_LENGTH: &str = "max_length";
const MAX_OPEN: &str = "max_open_uploads";
const REQUESTS: &str = "requests_per_minute";
const BANDWIDTH: &str = "user_bandwidth";

/// Limits of a user's own; `None` is as configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Files that the user may have.
    pub max_files: Option<u64>,
    /// Bytes of the longest upload.
    pub max_length: Option<u64>,
    /// Uploads that the user may have open.
    pub max_open_uploads: Option<u64>,
    /// Requests a minute; 0 is without bound.
    pub requests_per_minute: Option<u32>,
    /// Bytes a second of the user's bodies; 0 is without bound.
    pub user_bandwidth: Option<u64>,
}

/// Why limits are none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLimit {
    /// There is no limit of that name.
    #[error("`{name}` is no limit that a user may have of their own; there are {}", Overrides::NAMES.join(", "))]
    Unknown {
        /// The name.
        name: String,
    },
    /// It cannot have that value.
    #[error("`{name}` is a whole number from {least} to {most}")]
    Value {
        /// The name.
        name: String,
        /// The least that it can be.
        least: u64,
        /// The most that it can be.
        most: u64,
    },
}

impl Overrides {
    /// The names of all that there are.
    pub const NAMES: [&str; 5] = [MAX_FILES, MAX_LENGTH, MAX_OPEN, REQUESTS, BANDWIDTH];

    /// What limits say.
    ///
    /// # Errors
    /// One of them is not known, or cannot be what it is.
    pub fn parse(limits: &Limits) -> Result<Self, BadLimit> {
        let mut own = Self::default();
        for (name, value) in limits {
            own.set(name, value)?;
        }
        Ok(own)
    }

    /// What those of the limits say that are understood: another version may have written others.
    pub fn heeded(limits: &Limits) -> Self {
        let mut own = Self::default();
        for (name, value) in limits {
            if let Err(bad) = own.set(name, value) {
                tracing::warn!(
                    error = &bad as &dyn std::error::Error,
                    "a limit of a user's own is not heeded"
                );
            }
        }
        own
    }

    /// The policy with these in the place of its own.
    #[must_use]
    pub fn over(&self, policy: Policy) -> Policy {
        Policy {
            max_files: self.max_files.or(policy.max_files),
            max_length: self.max_length.unwrap_or(policy.max_length),
            max_open_uploads: self.max_open_uploads.unwrap_or(policy.max_open_uploads),
            ..policy
        }
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), BadLimit> {
        let number = |least: u64, most: u64| {
            let number = value.as_u64().filter(|number| (least..=most).contains(number));
            number.ok_or_else(|| BadLimit::Value { name: name.to_owned(), least, most })
        };
        match name {
            MAX_FILES => self.max_files = Some(number(0, 1 << 62)?),
            MAX_LENGTH => self.max_length = Some(number(0, 1 << 62)?),
            MAX_OPEN => self.max_open_uploads = Some(number(0, 1_000_000_000)?),
            REQUESTS => self.requests_per_minute = u32::try_from(number(0, 60_000_000)?).ok(),
            BANDWIDTH => self.user_bandwidth = Some(number(0, 1 << 40)?),
            _ => return Err(BadLimit::Unknown { name: name.to_owned() }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn limits(value: &Value) -> Limits {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn what_is_set_stands_in_the_place_of_what_is_configured() {
        let own = Overrides::parse(&limits(&json!({ "max_open_uploads": 0, "max_length": 5 }))).ok();
        let policy = own.map(|own| own.over(Policy::default()));
        let expected = Policy { max_open_uploads: 0, max_length: 5, ..Policy::default() };
        assert_eq!(policy, Some(expected));
    }

    #[test]
    fn what_nothing_heeds_is_refused_by_name_and_what_cannot_be_with_its_bounds() {
        let refused = |value: Value| Overrides::parse(&limits(&value)).map_err(|bad| bad.to_string()).err();
        let unknown = refused(json!({ "max_file": 5 })).unwrap_or_default();
        assert!(unknown.contains("`max_file`") && unknown.contains("max_files"), "{unknown}");
        for bad in [json!(-1), json!("5"), json!(1.5), json!(60_000_001), json!(null)] {
            let told = refused(json!({ "requests_per_minute": bad }));
            assert_eq!(told.as_deref(), Some("`requests_per_minute` is a whole number from 0 to 60000000"));
        }
        assert_eq!(refused(json!({ "requests_per_minute": 60_000_000 })), None);
    }

    #[test]
    fn what_another_version_wrote_is_left_aside() {
        let own = Overrides::heeded(&limits(&json!({ "of_tomorrow": 1, "max_files": 2 })));
        assert_eq!(own, Overrides { max_files: Some(2), ..Overrides::default() });
    }
}
