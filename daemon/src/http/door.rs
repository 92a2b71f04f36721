//! What every protocol stands on: the engine, the supervisor, and the limits of requests.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cairn_engine::{Engine, Refusal};

use crate::supervisor::Supervisor;

/// Limits of requests and connections, all from configuration.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long the head of a request may take.
    pub header_read_timeout: Duration,
    /// How long a body may be silent before it has stalled.
    pub body_idle_timeout: Duration,
    /// How long an HTTP/2 connection may leave a ping unanswered.
    pub keep_alive_timeout: Duration,
    /// Bytes of all fields of a request's head together.
    pub max_header_bytes: usize,
    /// Connections at once; more wait to be accepted.
    pub max_connections: usize,
    /// Bytes of a JSON or form body.
    pub max_json_bytes: usize,
    /// Origins whose pages may call; `*` is any.
    pub cors_origins: Vec<String>,
    /// The address under which clients reach the daemon, without a slash at its end.
    pub public_url: Option<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_read_timeout: Duration::from_secs(15),
            body_idle_timeout: Duration::from_secs(60),
            keep_alive_timeout: Duration::from_secs(75),
            max_header_bytes: 32 << 10,
            max_connections: 10_000,
            max_json_bytes: 256 << 10,
            cors_origins: Vec::new(),
            public_url: None,
        }
    }
}

/// What every protocol stands on. Clones share it.
#[derive(Clone)]
pub struct Door {
    /// The rules.
    pub engine: Engine,
    /// Runs every operation to its end.
    pub supervisor: Supervisor,
    /// The limits of requests.
    pub limits: Arc<Limits>,
}

impl Door {
    /// Runs an operation of the engine to its end, whatever becomes of the connection that asked for it.
    ///
    /// # Errors
    /// The operation's refusal; [`Refusal::Interrupted`] if it was cut short.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.supervisor.run(name, work).await.unwrap_or(Err(Refusal::Interrupted))
    }
}
