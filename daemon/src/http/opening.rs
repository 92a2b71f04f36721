//! A connection that must open its mouth in time.
//!
//! Which protocol a client speaks is told by its first bytes, and the library waits for those without a time-out of its
//! own: a client that sends nothing, or half a greeting, would keep its place for ever.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Bytes after which the protocol is known: those of the greeting of HTTP/2.
const TELLING: usize = 24;

/// A stream whose first bytes must come within a limit.
pub(super) struct Opening<S> {
    stream: S,
    seen: usize,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Opening<S> {
    /// A stream that must begin to speak within `limit`.
    pub(super) fn new(stream: S, limit: Duration) -> Self {
        Self { stream, seen: 0, deadline: Some(Box::pin(tokio::time::sleep(limit))) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        if let Some(deadline) = &mut this.deadline
            && deadline.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        this.seen = this.seen.saturating_add(buffer.filled().len().saturating_sub(before));
        if this.seen >= TELLING {
            this.deadline = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opening<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.deadline = None;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.deadline = None;
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn half_a_greeting_is_not_waited_for_for_ever() {
        let (mut client, server) = duplex(64);
        client.write_all(b"PRI * HTTP").await.unwrap();
        let mut opening = Opening::new(server, LIMIT);
        let mut buffer = [0; 64];
        assert_eq!(opening.read(&mut buffer).await.unwrap(), 10);
        let error = opening.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_spoken_may_be_silent() {
        let (mut client, server) = duplex(64);
        client.write_all(&[b'x'; TELLING]).await.unwrap();
        let mut opening = Opening::new(server, LIMIT);
        let mut buffer = [0; 64];
        assert_eq!(opening.read(&mut buffer).await.unwrap(), TELLING);
        tokio::time::sleep(LIMIT * 2).await;
        client.write_all(b"y").await.unwrap();
        assert_eq!(opening.read(&mut buffer).await.unwrap(), 1);
    }
}
