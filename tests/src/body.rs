//! What a request carries: bytes, or pieces that are made while they are sent, or when the test says so, with or without
//! a length.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc::UnboundedReceiver;

enum Pieces {
    Made(Box<dyn Iterator<Item = io::Result<Bytes>> + Send>),
    Told(UnboundedReceiver<io::Result<Bytes>>),
}

/// A request's body.
pub struct Body {
    pieces: Pieces,
    length: Option<u64>,
}

impl Body {
    /// Pieces, one after the other. With a length it is announced as `Content-Length`; without one the body is
    /// chunked. An `Err` breaks the body off, and the connection or stream with it.
    pub fn pieces(
        pieces: impl Iterator<Item = io::Result<Bytes>> + Send + 'static,
        length: Option<u64>,
    ) -> Self {
        Self { pieces: Pieces::Made(Box::new(pieces)), length }
    }

    /// The pieces that a channel brings, until its other end is dropped; otherwise as [`pieces`](Self::pieces).
    pub fn following(pieces: UnboundedReceiver<io::Result<Bytes>>, length: Option<u64>) -> Self {
        Self { pieces: Pieces::Told(pieces), length }
    }

    /// A body without a length that sends `bytes` and breaks off.
    pub fn broken_after(bytes: impl Into<Bytes>) -> Self {
        let broken = io::Error::other("broken off on purpose");
        Self::pieces([Ok(bytes.into()), Err(broken)].into_iter(), None)
    }
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        let bytes = bytes.into();
        let length = Some(bytes.len() as u64);
        let piece = if bytes.is_empty() { None } else { Some(Ok(bytes)) };
        Self { pieces: Pieces::Made(Box::new(piece.into_iter())), length }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match &mut self.pieces {
            Pieces::Made(pieces) => Poll::Ready(pieces.next()),
            Pieces::Told(pieces) => pieces.poll_recv(context),
        };
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.length == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map(SizeHint::with_exact).unwrap_or_default()
    }
}
