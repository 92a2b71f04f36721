//! Whoever is believed when a request begins may not be any more while it runs: the token is revoked or expires, the user
//! disabled. Then what is still on its way ends, within a moment, in both directions.
//!
//! The body of the request breaks off, so what had arrived of an append counts, as after any other break; the answer is
//! 401. A body of an answer that is being sent breaks off too. What needs no more bytes is done to its end. The same happens
//! when the token expires. The end of a signed link or of a certificate counts for requests that begin after it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use cairn_engine::Timestamp;
use http_body::{Frame, SizeHint};
use tokio::sync::watch;

use super::identify::Turned;
use super::peer::Peer;
use crate::auth::{Gate, Identity, Presented, Unknown};

/// Who a request is believed to come from, and how that can be looked at again.
pub(crate) struct Standing {
    gate: Gate,
    presented: Presented,
    peer: Peer,
    changes: watch::Receiver<u64>,
}

impl Standing {
    /// From now on no change is missed.
    pub(crate) fn of(gate: &Gate, presented: Presented, peer: Peer, changes: watch::Receiver<u64>) -> Self {
        Self { gate: gate.clone(), presented, peer, changes }
    }

    /// Who asks.
    ///
    /// # Errors
    /// It is not known.
    pub(crate) async fn look(&self) -> Result<Identity, Unknown> {
        self.gate.identify(&self.presented, &self.peer).await
    }

    /// Runs a request for as long as it is believed to come from them.
    ///
    /// # Errors
    /// It was not any more, and its body was cut off.
    pub(crate) async fn run(
        self,
        request: Request,
        next: Next,
        as_whom: Identity,
    ) -> Result<Response, Turned> {
        let over = Arc::<AtomicBool>::default();
        let watched = |standing: Self, body: Body, granted: bool| {
            let until: Until = Box::pin(standing.until_over(as_whom.clone()));
            Body::new(Watched { body, granted, until: Some(until), over: Arc::clone(&over) })
        };
        let answering = self.again();
        let (parts, body) = request.into_parts();
        let body = if body.is_end_stream() { body } else { watched(self, body, false) };
        let response = next.run(Request::from_parts(parts, body)).await;
        if over.load(Ordering::Acquire) {
            return Err(Turned::Unknown(Unknown::NotValid));
        }
        let (parts, body) = response.into_parts();
        let body = if body.is_end_stream() { body } else { watched(answering, body, true) };
        Ok(Response::from_parts(parts, body))
    }

    /// The same, to be looked at beside it.
    fn again(&self) -> Self {
        Self::of(&self.gate, self.presented.clone(), self.peer.clone(), self.changes.clone())
    }

    /// Waits until it is not believed any more. What cannot be looked up is believed on.
    async fn until_over(mut self, as_whom: Identity) {
        loop {
            tokio::select! {
                () = expired(&self.gate, as_whom.until) => return,
                () = changed(&mut self.changes) => {}
            }
            match self.look().await {
                Ok(identity) if identity.is_same(&as_whom) => {}
                Err(Unknown::Away(_)) => {}
                Ok(_) | Err(Unknown::Nobody | Unknown::NotValid) => return,
            }
        }
    }
}

/// Waits until that moment, as the clock tells it then: it may be set meanwhile.
async fn expired(gate: &Gate, until: Option<Timestamp>) {
    let Some(until) = until else { return std::future::pending().await };
    while gate.now() < until {
        tokio::time::sleep(until.since(gate.now())).await;
    }
}

/// Waits until some account is changed; for ever, if nobody can change one any more.
async fn changed(changes: &mut watch::Receiver<u64>) {
    if changes.changed().await.is_err() {
        std::future::pending().await
    }
}

type Until = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A body that breaks off when its time is over.
struct Watched {
    body: Body,
    /// Whether the next piece passes unlooked at: the first of an answer was granted with its head, and mostly is all of it.
    granted: bool,
    /// `None` once it was over.
    until: Option<Until>,
    over: Arc<AtomicBool>,
}

/// Why the body broke off.
#[derive(Debug, thiserror::Error)]
#[error("whoever asked is not believed any more")]
struct NotBelieved;

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if std::mem::take(&mut self.granted) {
            return Pin::new(&mut self.body).poll_frame(context);
        }
        let Some(until) = &mut self.until else { return Poll::Ready(None) };
        if until.as_mut().poll(context).is_ready() {
            self.until = None;
            self.over.store(true, Ordering::Release);
            return Poll::Ready(Some(Err(axum::Error::new(NotBelieved))));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        HttpBody::size_hint(&self.body)
    }
}
