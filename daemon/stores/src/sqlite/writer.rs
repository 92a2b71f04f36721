//! The writer: one thread and one connection through which every change of a database goes.
//!
//! Changes that wait at the same time are made in one transaction and share its sync (a group commit). Each has a
//! savepoint of its own, so that one that fails undoes itself and not its neighbours. Nobody is answered before the
//! commit: what was answered is durable.
//!
//! | what fails | what becomes of it |
//! |---|---|
//! | a change | it is undone and answered; the others go on |
//! | the transaction, for want of room | every change of the group is tried again by itself: small ones may still fit |
//! | the transaction, otherwise | every change of the group is answered with the failure |
//! | a sync | the same, and from then on every change is refused until the database is opened anew: the system may claim pages to be written that are not |

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use cairn_engine::contracts::Failure;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::fault::Fault;

/// The most changes that share a transaction.
const MAX_GROUP: usize = 512;

/// What a change promises when it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// It survives a loss of power.
    Durable,
    /// It is seen by every reader. It costs no sync of its own, and is durable with the next change that is.
    Visible,
}

/// The way to a writer's thread. Dropped, it waits until everything handed in is done and the database is closed.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread of a connection.
    pub(super) fn start(connection: Connection, name: &str) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let desk = Desk { connection, synced: true, broken: None };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || desk.serve(&queue))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Makes a change. It is made even if nobody waits for the answer any more; it may be run more than once, but
    /// counts once.
    pub(super) async fn run<T, W>(&self, promise: Promise, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let gone = || Fault::told(Failure::Failed, "the writer's thread is gone");
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Change { promise, work, result: None, answer });
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(gone)?;
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of a database's writer died");
        }
    }
}

/// A change on its way, whatever it answers.
trait Job: Send {
    fn promise(&self) -> Promise;

    /// Makes the change inside the running transaction; whether that went well.
    fn run(&mut self, connection: &Connection) -> bool;

    /// Answers what the change did, or why the transaction around it failed.
    fn answer(self: Box<Self>, outcome: Result<(), Fault>);
}

struct Change<T, W> {
    promise: Promise,
    work: W,
    result: Option<Result<T, Fault>>,
    answer: oneshot::Sender<Result<T, Fault>>,
}

impl<T, W> Job for Change<T, W>
where
    T: Send,
    W: FnMut(&Connection) -> Result<T, Fault> + Send,
{
    fn promise(&self) -> Promise {
        self.promise
    }

    fn run(&mut self, connection: &Connection) -> bool {
        let result = (self.work)(connection);
        let well = result.is_ok();
        self.result = Some(result);
        well
    }

    fn answer(self: Box<Self>, outcome: Result<(), Fault>) {
        let not_run = || Err(Fault::told(Failure::Failed, "the change was not made"));
        let result = match outcome {
            Ok(()) => self.result.unwrap_or_else(not_run),
            // What a change itself ran into tells more than that its transaction is gone.
            Err(fault) => Err(self.result.and_then(Result::err).unwrap_or(fault)),
        };
        // Whoever asked may have gone away; the change is made all the same.
        let _ = self.answer.send(result);
    }
}

/// What the thread has before it.
struct Desk {
    connection: Connection,
    /// Whether commits are synced as the connection stands.
    synced: bool,
    /// The sync that failed, if one did.
    broken: Option<Fault>,
}

impl Desk {
    fn serve(mut self, queue: &mpsc::Receiver<Box<dyn Job>>) {
        while let Ok(first) = queue.recv() {
            let mut group = vec![first];
            group.extend(queue.try_iter().take(MAX_GROUP - 1));
            self.handle(group);
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(error = &error as &dyn std::error::Error, "a database was not closed cleanly");
        }
    }

    fn handle(&mut self, mut group: Vec<Box<dyn Job>>) {
        let outcome = self.commit(&mut group);
        let again = matches!(&outcome, Err(fault) if fault.failure == Failure::Full) && group.len() > 1;
        for mut job in group {
            let outcome = if again { self.commit(std::slice::from_mut(&mut job)) } else { outcome.clone() };
            job.answer(outcome);
        }
    }

    /// Makes the changes of a group in one transaction.
    fn commit(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), Fault> {
        if let Some(fault) = &self.broken {
            return Err(fault.clone());
        }
        let outcome = self.transact(group);
        if let Err(fault) = &outcome
            && fault.sync_failed
        {
            tracing::error!(error = &*fault.source, "a sync failed: the database takes no more changes");
            self.broken = Some(fault.clone());
        }
        outcome
    }

    fn transact(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), Fault> {
        self.set_synced(group.iter().any(|job| job.promise() == Promise::Durable))?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for job in group {
            run_apart(&transaction, job.as_mut())?;
        }
        Ok(transaction.commit()?)
    }

    fn set_synced(&mut self, synced: bool) -> Result<(), Fault> {
        if self.synced != synced {
            self.connection.pragma_update(None, "synchronous", if synced { "FULL" } else { "NORMAL" })?;
            self.synced = synced;
        }
        Ok(())
    }
}

/// Makes one change so that it can be undone alone. Fails only if the whole transaction is lost.
fn run_apart(connection: &Connection, job: &mut dyn Job) -> Result<(), Fault> {
    connection.prepare_cached("SAVEPOINT change")?.execute([])?;
    let well = job.run(connection);
    if connection.is_autocommit() {
        return Err(Fault::told(Failure::Full, "SQLite gave the transaction up"));
    }
    if !well {
        connection.prepare_cached("ROLLBACK TO change")?.execute([])?;
    }
    connection.prepare_cached("RELEASE change")?.execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE rows (n INTEGER PRIMARY KEY)").unwrap();
        Writer::start(connection, "writer").unwrap()
    }

    fn insert(n: i64) -> impl FnMut(&Connection) -> Result<i64, Fault> + Send + 'static {
        move |connection| {
            connection.execute("INSERT INTO rows VALUES (?1)", [n])?;
            Ok(n)
        }
    }

    async fn rows(writer: &Writer) -> i64 {
        let count = |connection: &Connection| {
            Ok(connection.query_row("SELECT count(*) FROM rows", [], |row| row.get(0))?)
        };
        writer.run(Promise::Durable, count).await.unwrap()
    }

    /// Holds the writer back until these changes wait, so that they are one group.
    async fn together<F: Future>(writer: &Writer, changes: F) -> F::Output {
        let (begun, released) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let wait = |barrier: &Arc<Barrier>| {
            let barrier = Arc::clone(barrier);
            tokio::task::spawn_blocking(move || barrier.wait())
        };
        let desk = [Arc::clone(&begun), Arc::clone(&released)];
        let hold = writer.run(Promise::Durable, move |_| {
            for barrier in &desk {
                barrier.wait();
            }
            Ok(())
        });
        let go = async {
            // From here on the writer is busy with a group of one.
            wait(&begun).await.unwrap();
            // All changes are handed in when they are polled first, before the writer is let go.
            futures_util::future::join(changes, async { wait(&released).await.unwrap() }).await.0
        };
        let (hold, output) = futures_util::future::join(hold, go).await;
        hold.unwrap();
        output
    }

    #[tokio::test]
    async fn a_change_that_fails_undoes_itself_and_not_its_neighbours() {
        let writer = writer();
        let half = |connection: &Connection| -> Result<(), Fault> {
            connection.execute("INSERT INTO rows VALUES (77)", [])?;
            Err(Fault::told(Failure::Failed, "in the middle"))
        };
        let changes = async {
            futures_util::join!(
                writer.run(Promise::Durable, insert(1)),
                writer.run(Promise::Durable, half),
                writer.run(Promise::Durable, insert(1)),
                writer.run(Promise::Visible, insert(2)),
            )
        };
        let (first, half, twice, second) = together(&writer, changes).await;
        assert_eq!(first.unwrap(), 1);
        assert_eq!(half.unwrap_err().source.to_string(), "in the middle");
        assert_eq!(twice.unwrap_err().failure, Failure::Failed);
        assert_eq!(second.unwrap(), 2);
        assert_eq!(rows(&writer).await, 2);
    }

    #[tokio::test]
    async fn when_room_is_short_what_fits_is_kept_and_the_rest_told_so() {
        let writer = writer();
        let shrink = |connection: &Connection| {
            let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            connection.query_row(&format!("PRAGMA max_page_count = {}", pages + 1), [], |_| Ok(()))?;
            Ok(())
        };
        writer.run(Promise::Durable, shrink).await.unwrap();
        let large = |connection: &Connection| {
            connection.execute_batch("CREATE TABLE large AS SELECT randomblob(100000) AS bytes")?;
            Ok(())
        };
        let changes = async {
            futures_util::join!(
                writer.run(Promise::Durable, insert(1)),
                writer.run(Promise::Durable, large),
                writer.run(Promise::Durable, insert(2)),
            )
        };
        let (first, large, second) = together(&writer, changes).await;
        assert_eq!(first.unwrap(), 1);
        assert_eq!(large.unwrap_err().failure, Failure::Full);
        assert_eq!(second.unwrap(), 2);
        assert_eq!(rows(&writer).await, 2);
    }

    #[tokio::test]
    async fn a_change_that_loses_the_transaction_loses_none_of_its_neighbours() {
        let writer = writer();
        let lose = |connection: &Connection| Ok(connection.execute_batch("ROLLBACK")?);
        let changes = async {
            futures_util::join!(
                writer.run(Promise::Durable, insert(1)),
                writer.run(Promise::Durable, lose),
                writer.run(Promise::Durable, insert(2)),
            )
        };
        let (first, lost, second) = together(&writer, changes).await;
        assert_eq!(first.unwrap(), 1);
        assert_eq!(lost.unwrap_err().source.to_string(), "SQLite gave the transaction up");
        assert_eq!(second.unwrap(), 2);
        assert_eq!(rows(&writer).await, 2);
    }

    #[tokio::test]
    async fn a_change_is_made_even_if_nobody_waits_for_it() {
        let writer = writer();
        {
            let mut change = Box::pin(writer.run(Promise::Durable, insert(1)));
            let _ = futures_util::poll!(&mut change);
        }
        assert_eq!(rows(&writer).await, 1);
    }
}
