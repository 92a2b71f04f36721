//! The connections, and what a request may expect of them.
//!
//! A request is answered within its time or fails within it; one that cannot be answered fails at once:
//!
//! - A request takes a connection that is not known to be down, if there is one.
//! - While a connection is known to be down, a request tries to make it anew if nobody has begun to in the last
//!   [`PAUSE`]; every other fails at once. So Redis is back for everybody within that of being back.
//! - A connection that broke, or was never made, is made by the first request; those that come meanwhile wait for it.
//! - At most [`MOST_AT_ONCE`] requests are under way on each connection; more wait, within their time.
//!
//! **No reply reaches another request.** A connection of the library keeps a queue of what was sent and hands each
//! reply to the oldest entry. A request that is given up leaves its entry in the queue, so that its late reply is taken
//! by it and dropped, and the replies of the others do not move up (`PipelineSink::send_result`). Nothing here depends
//! on that for long: after a time-out the whole connection is let go, and the requests that still wait on it end with it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cairn_engine::contracts::{Failure, StoreError};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::connect::{Line, Target};
use super::fault::{Connection, Fault};

/// How long after the beginning of a try to connect another one may begin.
const PAUSE: Duration = Duration::from_millis(200);

/// The most requests that are under way on one connection.
const MOST_AT_ONCE: usize = 256;

/// The connections to one installation of Redis.
pub(super) struct Lines {
    target: Target,
    slots: Vec<Slot>,
    next: AtomicUsize,
    permits: Semaphore,
    timeout: Duration,
}

/// The place of one connection.
struct Slot {
    state: Mutex<State>,
    /// Held while a connection is made that others wait for.
    connecting: tokio::sync::Mutex<()>,
}

enum State {
    /// There is none, and nobody knows of a reason why there could not be.
    Fresh,
    /// It is there.
    Up(Arc<Line>),
    /// The last try failed.
    Down { next_try: Instant, why: Fault },
}

impl Slot {
    fn new() -> Self {
        Self { state: Mutex::new(State::Fresh), connecting: tokio::sync::Mutex::new(()) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the last try failed, and the next one is not due.
    fn is_down(&self) -> bool {
        matches!(&*self.lock(), State::Down { next_try, .. } if Instant::now() < *next_try)
    }

    /// A connection that is there; an error if it is known to be down; `None` if it is to be made by the caller.
    /// `Some(waits)` says whether others wait for the one who makes it.
    fn look(&self) -> Result<Result<Arc<Line>, bool>, Fault> {
        let mut state = self.lock();
        if matches!(&*state, State::Up(line) if line.is_lost()) {
            *state = State::Fresh;
        }
        match &mut *state {
            State::Up(line) => Ok(Ok(Arc::clone(line))),
            State::Fresh => Ok(Err(true)),
            State::Down { next_try, why } => {
                let now = Instant::now();
                if now < *next_try {
                    return Err(why.clone());
                }
                *next_try = now + PAUSE;
                Ok(Err(false))
            }
        }
    }

    /// The connection, made if need be.
    async fn line(&self, target: &Target) -> Result<Arc<Line>, Fault> {
        match self.look()? {
            Ok(line) => Ok(line),
            Err(false) => self.connect(target).await,
            Err(true) => {
                let _turn = self.connecting.lock().await;
                match self.look()? {
                    Ok(line) => Ok(line),
                    Err(_) => self.connect(target).await,
                }
            }
        }
    }

    async fn connect(&self, target: &Target) -> Result<Arc<Line>, Fault> {
        match target.connect().await {
            Ok(line) => {
                let line = Arc::new(line);
                *self.lock() = State::Up(Arc::clone(&line));
                Ok(line)
            }
            Err(why) => {
                let mut state = self.lock();
                // Somebody else's try may have gone better meanwhile.
                if !matches!(&*state, State::Up(line) if !line.is_lost()) {
                    *state = State::Down { next_try: Instant::now() + PAUSE, why: why.clone() };
                }
                Err(why)
            }
        }
    }

    /// Lets go of a connection that failed.
    fn drop_line(&self, line: &Arc<Line>, fault: &Fault) {
        let mut state = self.lock();
        if !matches!(&*state, State::Up(current) if Arc::ptr_eq(current, line)) {
            return;
        }
        match fault.connection {
            Connection::Good => {}
            Connection::Lost => *state = State::Fresh,
            Connection::Silent => *state = State::Down { next_try: Instant::now(), why: fault.clone() },
        }
    }
}

impl Lines {
    /// Connections to be made when they are needed.
    pub(super) fn new(target: Target, connections: usize, timeout: Duration) -> Self {
        let connections = connections.max(1);
        Self {
            target,
            slots: (0..connections).map(|_| Slot::new()).collect(),
            next: AtomicUsize::new(0),
            permits: Semaphore::new(connections.saturating_mul(MOST_AT_ONCE).min(Semaphore::MAX_PERMITS)),
            timeout,
        }
    }

    /// Whether the other end is a cluster.
    pub(super) fn is_cluster(&self) -> bool {
        self.target.is_cluster()
    }

    /// Does `work` on one of the connections, within the time for it.
    pub(super) async fn on<T, W>(&self, operation: &'static str, work: W) -> Result<T, StoreError>
    where
        W: AsyncFnOnce(&Line) -> Result<T, Fault>,
    {
        let done = self.attempt(work).await;
        done.map_err(|fault| self.target.scrubbed(fault).into_store_error(operation))
    }

    /// The next one in turn; while another one is not, none that is known to be down.
    fn slot(&self) -> Option<&Slot> {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len().max(1);
        let in_turn = || self.slots.iter().cycle().skip(first).take(self.slots.len());
        in_turn().find(|slot| !slot.is_down()).or_else(|| in_turn().next())
    }

    async fn attempt<T, W>(&self, work: W) -> Result<T, Fault>
    where
        W: AsyncFnOnce(&Line) -> Result<T, Fault>,
    {
        let slot = self.slot().ok_or_else(|| Fault::told(Failure::Failed, "no connections"))?;
        let mut used = None;
        let timed = tokio::time::timeout(self.timeout, async {
            let _permit = self.permits.acquire().await;
            let line = slot.line(&self.target).await?;
            let line = used.insert(line);
            work(line).await
        });
        let done = timed.await.unwrap_or_else(|_| Err(Fault::silent()));
        if let (Err(fault), Some(line)) = (&done, &used) {
            slot.drop_line(line, fault);
        }
        done
    }
}
