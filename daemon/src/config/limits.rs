//! `[limits]`: how often a client may ask, and how fast and how slow its bodies may come.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::values::{optional_bytes, period};

/// How often a client may ask, and how fast and how slow its bodies may come.
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
    /// How long a body may take in all; zero is without bound.
    #[serde(with = "period")]
    pub body_time: Duration,
    /// Bytes a second of all bodies together, which wait for their turn; `None` is without bound.
    #[serde(with = "optional_bytes")]
    pub bandwidth: Option<u64>,
    /// Bytes a second of the bodies of one user, or of one address where it is not known who asks; `None` is without bound.
    #[serde(with = "optional_bytes")]
    pub user_bandwidth: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_minute: 0,
            request_burst: 100,
            request_delay: Duration::from_secs(2),
            body_rate: None,
            body_rate_window: Duration::from_secs(30),
            body_time: Duration::ZERO,
            bandwidth: None,
            user_bandwidth: None,
        }
    }
}
