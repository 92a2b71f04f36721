//! `[limits]`: how often a client may ask.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::values::period;

/// How often a client may ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests a minute of one user, or of one address where it is not known who asks; 0 is without bound.
    pub requests_per_minute: u32,
    /// How many of them may come at once.
    pub request_burst: u32,
    /// How long one that comes too early is made to wait; one that would wait longer is refused.
    #[serde(with = "period")]
    pub request_delay: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests_per_minute: 0, request_burst: 100, request_delay: Duration::from_secs(2) }
    }
}
