//! What every protocol stands on: the house, and the limits of requests that are in force.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cairn_engine::engine::Incoming;
use cairn_engine::{Engine, Refusal};

use super::bandwidth::{self, Share};
use super::pace::Pace;
use crate::audit::Trail;
use crate::config::Server;
use crate::house::House;

/// Limits of one request, as they are in force when it comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long a body may be silent before it has stalled.
    pub(crate) body_idle_timeout: Duration,
    /// How slow a body may be.
    pub(crate) pace: Option<Pace>,
    /// How long a body may take in all.
    pub(crate) body_time: Option<Duration>,
    /// Bytes of a JSON or form body.
    pub(crate) max_json_bytes: u64,
}

impl From<&Server> for Limits {
    fn from(server: &Server) -> Self {
        Self {
            body_idle_timeout: server.body_idle_timeout,
            pace: None,
            body_time: None,
            max_json_bytes: server.max_json_bytes,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::from(&Server::default())
    }
}

/// What every protocol stands on. Clones share it.
#[derive(Clone)]
pub(crate) struct Door {
    /// The rules.
    pub(crate) engine: Arc<Engine>,
    /// Everything else that the daemon shares.
    pub(crate) house: Arc<House>,
}

impl Door {
    /// The door of a house.
    pub(crate) fn new(house: Arc<House>) -> Self {
        Self { engine: Arc::clone(&house.engine), house }
    }

    /// The limits in force.
    pub(crate) fn limits(&self) -> Limits {
        let config = self.house.config();
        let limits = &config.limits;
        let pace = limits.body_rate.map(|rate| Pace { rate, window: limits.body_rate_window });
        let body_time = Some(limits.body_time).filter(|time| !time.is_zero());
        Limits { pace, body_time, ..Limits::from(&config.server) }
    }

    /// Runs an operation of the engine to its end, whatever becomes of the connection that asked for it.
    ///
    /// # Errors
    /// The operation's refusal; [`Refusal::Interrupted`] if it was cut short.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
    ) -> Result<T, Refusal> {
        let work = Share::carried(Trail::carried(work));
        self.house.supervisor.run(name, work).await.unwrap_or(Err(Refusal::Interrupted))
    }

    /// The same body, its bytes counted as they come, and no faster than they may.
    pub(crate) fn counted(&self, incoming: Incoming) -> Incoming {
        Incoming { body: bandwidth::counted(self, incoming.body), ..incoming }
    }
}
