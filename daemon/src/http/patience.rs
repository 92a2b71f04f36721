//! How long a connection may take to ask, and how long it may have nothing to ask.
//!
//! The library tells the protocol by the first bytes, and waits for those without a time-out; and it has one time-out
//! for a head and for the silence before it. So the stream itself keeps the time: from its first byte on, a head must
//! be there within one limit; between two requests there may be silence for another. While a request is running, its
//! body has time-outs of its own.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// The limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For a head, from its first byte on; for the first one, from the connection on.
    pub(super) head: Duration,
    /// For the silence between two requests.
    pub(super) silence: Duration,
}

/// What a connection is at, as its requests tell.
#[derive(Debug, Default)]
pub(super) struct Activity {
    running: AtomicUsize,
    /// How many requests have begun: one without a body may come and go between two reads.
    begun: AtomicUsize,
    /// Many requests share the connection; the library looks after it with pings.
    shared: AtomicBool,
}

/// A request that is running; dropped, it is over.
#[derive(Debug)]
pub(super) struct Running(Arc<Activity>);

impl Activity {
    /// A request begins.
    pub(super) fn begin(self: &Arc<Self>, version: http::Version) -> Running {
        self.running.fetch_add(1, Ordering::AcqRel);
        self.begun.fetch_add(1, Ordering::AcqRel);
        if version == http::Version::HTTP_2 {
            self.shared.store(true, Ordering::Release);
        }
        Running(Arc::clone(self))
    }

    fn is_busy(&self) -> bool {
        self.shared.load(Ordering::Acquire) || self.running.load(Ordering::Acquire) > 0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What the stream is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    ForARequest,
    ForTheHead,
}

/// A stream that keeps the time.
pub(super) struct Patience<S> {
    stream: S,
    limits: Limits,
    activity: Arc<Activity>,
    /// How many requests had begun when it was last looked.
    begun: usize,
    waiting: Option<Waiting>,
    deadline: Pin<Box<Sleep>>,
}

impl<S> Patience<S> {
    /// A stream whose first head must be there at the deadline.
    pub(super) fn new(stream: S, limits: Limits, deadline: Instant, activity: Arc<Activity>) -> Self {
        let deadline = Box::pin(tokio::time::sleep_until(deadline));
        Self { stream, limits, activity, begun: 0, waiting: Some(Waiting::ForTheHead), deadline }
    }

    fn wait(&mut self, waiting: Waiting) {
        let limit = match waiting {
            Waiting::ForARequest => self.limits.silence,
            Waiting::ForTheHead => self.limits.head,
        };
        self.waiting = Some(waiting);
        self.deadline.as_mut().reset(Instant::now() + limit);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patience<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let begun = this.activity.begun.load(Ordering::Acquire);
        if begun != this.begun {
            // The head that was waited for has come.
            this.begun = begun;
            this.waiting = None;
        }
        if this.activity.is_busy() {
            this.waiting = None;
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        if this.waiting.is_none() {
            this.wait(Waiting::ForARequest);
        }
        if this.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before && this.waiting == Some(Waiting::ForARequest) {
            this.wait(Waiting::ForTheHead);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patience<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const LIMITS: Limits = Limits { head: Duration::from_secs(5), silence: Duration::from_secs(60) };

    fn pair() -> (DuplexStream, Patience<DuplexStream>, Arc<Activity>) {
        let (client, server) = duplex(64);
        let activity = Arc::<Activity>::default();
        let deadline = Instant::now() + LIMITS.head;
        (client, Patience::new(server, LIMITS, deadline, Arc::clone(&activity)), activity)
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_head_is_not_waited_for_for_ever() {
        let (mut client, mut server, _) = pair();
        client.write_all(b"PRI * HTTP").await.unwrap();
        let started = Instant::now();
        let mut buffer = [0; 64];
        assert_eq!(server.read(&mut buffer).await.unwrap(), 10);
        assert_eq!(server.read(&mut buffer).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(started.elapsed().as_secs(), LIMITS.head.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_request_takes_its_time_and_silence_after_it_is_bounded() {
        let (mut client, mut server, activity) = pair();
        let mut buffer = [0; 64];
        let running = activity.begin(http::Version::HTTP_11);
        let late = async {
            tokio::time::sleep(LIMITS.silence * 2).await;
            client.write_all(b"body").await.unwrap();
        };
        let (read, ()) = tokio::join!(server.read(&mut buffer), late);
        assert_eq!(read.unwrap(), 4);
        drop(running);
        let silent = Instant::now();
        assert_eq!(server.read(&mut buffer).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(silent.elapsed().as_secs(), LIMITS.silence.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_come_and_go_between_two_reads_leave_no_time_limit_of_their_heads_behind() {
        let (mut client, mut server, activity) = pair();
        let mut buffer = [0; 64];
        for _ in 0..10 {
            client.write_all(b"GET /").await.unwrap();
            assert_eq!(server.read(&mut buffer).await.unwrap(), 5);
            drop(activity.begin(http::Version::HTTP_11));
            let silence = LIMITS.head + Duration::from_secs(1);
            assert!(tokio::time::timeout(silence, server.read(&mut buffer)).await.is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_head_is_timed_from_its_first_byte() {
        let (mut client, mut server, activity) = pair();
        let mut buffer = [0; 64];
        drop(activity.begin(http::Version::HTTP_11));
        client.write_all(b"G").await.unwrap();
        assert_eq!(server.read(&mut buffer).await.unwrap(), 1);
        let begun = Instant::now();
        assert_eq!(server.read(&mut buffer).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), LIMITS.head.as_secs());
    }
}
