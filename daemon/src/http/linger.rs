//! What is left of a body after the answer.
//!
//! An operation that refuses a body does not read it. Closing a connection with unread bytes makes the kernel reset it,
//! and the client may lose the answer. So what is left is read and thrown away for a short while; after that the
//! connection closes. A client that waits for `100 Continue` has sent nothing yet, and is not asked to.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use http::header::EXPECT;
use http_body::{Frame, SizeHint};
use tokio::sync::oneshot;

use super::door::Door;

/// How long is read after the answer.
const LINGER: Duration = Duration::from_secs(2);
/// How many bytes are read after the answer.
const LINGER_BYTES: u64 = 16 << 20;

/// The layer.
pub(crate) async fn linger(State(door): State<Door>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let (hand_back, mut left) = oneshot::channel();
    let wanted = !parts.headers.contains_key(EXPECT);
    let lent = Lent { body: Some(body), wanted, hand_back: Some(hand_back) };
    let response = next.run(Request::from_parts(parts, Body::new(lent))).await;
    if let Ok(body) = left.try_recv() {
        door.house.supervisor.start("linger", async move {
            let _ = tokio::time::timeout(LINGER, drain(body)).await;
        });
    }
    response
}

async fn drain(body: Body) {
    let mut stream = body.into_data_stream();
    let mut left = LINGER_BYTES;
    while let Some(Ok(bytes)) = stream.next().await {
        match left.checked_sub(bytes.len() as u64) {
            Some(fewer) => left = fewer,
            None => return,
        }
    }
}

/// A body that comes back if it is dropped before its end.
struct Lent {
    body: Option<Body>,
    /// Whether the client sends without being asked, or has been asked.
    wanted: bool,
    hand_back: Option<oneshot::Sender<Body>>,
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.wanted = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (true, Some(body), Some(hand_back)) = (self.wanted, self.body.take(), self.hand_back.take())
            && !body.is_end_stream()
        {
            // Nobody is there to take it if the connection went away first.
            let _ = hand_back.send(body);
        }
    }
}
