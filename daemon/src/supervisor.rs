//! Every piece of work runs under the supervisor: a dropped connection does not stop it, a panic of it is logged and
//! stays its own, and shutdown waits for it.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Work that was cut short: it panicked, or the runtime went down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the work was cut short")]
pub struct CutShort;

/// Runs work and knows what is running. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Supervisor {
    tasks: TaskTracker,
    stopping: CancellationToken,
    cutting: CancellationToken,
}

impl Supervisor {
    /// Runs one operation to its end in a task of its own, whatever becomes of the future that waits for it.
    ///
    /// # Errors
    /// [`CutShort`] if the work panicked or the runtime went down.
    pub async fn run<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, CutShort> {
        self.tasks.spawn(work).await.map_err(|error| {
            tracing::error!(work = name, error = %error, "work was cut short");
            CutShort
        })
    }

    /// Starts background work that nobody waits for but the shutdown. It should end soon after
    /// [`stopping`](Self::stopping) is cancelled.
    pub fn start(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        // Combinators: an async block would hold the work twice, and there may be thousands of it.
        let ended = AssertUnwindSafe(work).catch_unwind().map(move |ended| {
            if ended.is_err() {
                tracing::error!(work = name, "work was cut short: it panicked");
            }
        });
        self.tasks.spawn(ended);
    }

    /// Cancelled when the shutdown begins.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Cancelled when the shutdown has waited long enough: connections are dropped, and what had arrived of their
    /// bodies is kept by the operations, which are not.
    pub fn cutting(&self) -> &CancellationToken {
        &self.cutting
    }

    /// Starts the shutdown's second part.
    pub fn cut(&self) {
        self.cutting.cancel();
    }

    /// How many pieces of work are running.
    pub fn running(&self) -> usize {
        self.tasks.len()
    }

    /// Tells all work to stop and waits for it, at most `limit`; whether all of it ended.
    pub async fn shut_down(&self, limit: Duration) -> bool {
        self.stopping.cancel();
        self.tasks.close();
        tokio::time::timeout(limit, self.tasks.wait()).await.is_ok()
    }
}
