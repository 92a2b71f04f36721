//! `[limits]`: how often a client may ask.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::values::{optional_bytes, period};

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
    /// Bytes a second that a body must come with at least; `None` does not look.
    #[serde(with = "optional_bytes")]
    pub body_rate: Option<u64>,
    /// The waiting over which they are averaged.
    #[serde(with = "period")]
    pub body_rate_window: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_minute: 0,
            request_burst: 100,
            request_delay: Duration::from_secs(2),
            body_rate: None,
            body_rate_window: Duration::from_secs(30),
        }
    }
}
