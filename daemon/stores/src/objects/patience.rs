//! How long a service over a network is waited for, how often it is asked again, and how much of it at once.
//!
//! A local file system and memory get none of it: a sync that failed must never be tried again, because the system
//! answers the second time that all is well.
//!
//! OpenDAL's own layers for metrics are not used: every call of the contract is counted and timed by the daemon already,
//! under the same names for every store.

use std::time::Duration;

use opendal::Operator;

/// What is asked of the network between the daemon and a storage service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long one try of an operation may take. To put a multipart upload together may take minutes.
    pub timeout: Duration,
    /// How long one block of bytes may take to be read or written.
    pub io_timeout: Duration,
    /// How often a try that failed for now is repeated; 0 is never.
    pub retries: usize,
    /// The most HTTP requests at once; more wait, which counts as time of their tries. At least 1.
    pub concurrency: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(300),
            io_timeout: Duration::from_secs(60),
            retries: 4,
            concurrency: 256,
        }
    }
}

/// Before the first repetition; each later one waits twice as long, up to [`LONGEST_WAIT`], with jitter on top. What a
/// service says in `Retry-After` is not seen through OpenDAL.
#[cfg(feature = "remote")]
const FIRST_WAIT: Duration = Duration::from_millis(200);
#[cfg(feature = "remote")]
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Puts what a service over a network needs around its operator: the limit and a time-out for each try inside, retries
/// outside. This is the one place where anything is retried.
#[cfg(feature = "remote")]
pub(super) fn patient(operator: Operator, patience: &Patience) -> Operator {
    use opendal::layers::{ConcurrentLimitLayer, RetryLayer, TimeoutLayer};
    use opendal::services::{FS_SCHEME, MEMORY_SCHEME};

    /// Operations are not limited but by the requests that they make: a writer that waits for its client would hold
    /// what a reader needs.
    const OPERATIONS: usize = u32::MAX as usize >> 3;

    if [FS_SCHEME, MEMORY_SCHEME].contains(&operator.info().scheme()) {
        return operator;
    }
    let limit = ConcurrentLimitLayer::new(OPERATIONS).with_http_concurrent_limit(patience.concurrency.max(1));
    let timeout = TimeoutLayer::new().with_timeout(patience.timeout).with_io_timeout(patience.io_timeout);
    let operator = operator.layer(limit).layer(timeout);
    if patience.retries == 0 {
        return operator;
    }
    let waits = RetryLayer::new().with_min_delay(FIRST_WAIT).with_max_delay(LONGEST_WAIT).with_jitter();
    operator.layer(waits.with_max_times(patience.retries))
}

/// This build has no service over a network.
#[cfg(not(feature = "remote"))]
pub(super) fn patient(operator: Operator, _patience: &Patience) -> Operator {
    operator
}
