//! One connection to a server: plain hyper, HTTP/1.1, one request after the other.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::HeaderMap;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Result;

/// A request's body: pieces that exist already.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pieces: VecDeque<Bytes>,
    length: u64,
}

impl Body {
    /// A body of pieces.
    pub(crate) fn new(pieces: impl Iterator<Item = Bytes>) -> Self {
        let pieces: VecDeque<Bytes> = pieces.filter(|piece| !piece.is_empty()).collect();
        let length = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self { pieces, length }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.pop_front();
        self.length -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

/// A connection. Ends when it is dropped.
pub(crate) struct Link {
    sender: SendRequest<Body>,
    host: String,
    _driver: JoinSet<()>,
}

/// An answer whose body is small.
pub(crate) struct Answer {
    /// The fields of its head.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
    /// From the request's first byte to the answer's last.
    pub(crate) took: Duration,
}

impl Link {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // If it breaks, the request that runs on it tells.
            let _ = connection.await;
        });
        Ok(Self { sender, host: address.to_string(), _driver: driver })
    }

    /// Sends a request and reads its answer, which must be a success.
    pub(crate) async fn call(&mut self, method: Method, path: &str, body: Body) -> Result<Answer> {
        let json: &[_] = if method == Method::POST { &[("content-type", "application/json")] } else { &[] };
        self.ask(method, path, json, body).await
    }

    /// The same, with these fields in the request's head.
    pub(crate) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        fields: &[(&str, &str)],
        body: Body,
    ) -> Result<Answer> {
        let begun = Instant::now();
        let response = self.dispatch(method.clone(), path, fields, body).await?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(refused(&method, path, status, &body));
        }
        Ok(Answer { headers, body, took: begun.elapsed() })
    }

    /// Gets a body and counts its bytes.
    pub(crate) async fn drain(&mut self, path: &str) -> Result<u64> {
        let mut response = self.dispatch(Method::GET, path, &[], Body::default()).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(refused(&Method::GET, path, status, b""));
        }
        let mut length = 0;
        while let Some(frame) = response.frame().await {
            length += frame?.data_ref().map_or(0, |data| data.len() as u64);
        }
        Ok(length)
    }

    async fn dispatch(
        &mut self,
        method: Method,
        path: &str,
        fields: &[(&str, &str)],
        body: Body,
    ) -> Result<http::Response<Incoming>> {
        let mut request = Request::builder().method(&method).uri(path).header("host", &self.host);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        self.sender.ready().await?;
        Ok(self.sender.send_request(request.body(body)?).await?)
    }
}

fn refused(
    method: &Method,
    path: &str,
    status: StatusCode,
    body: &[u8],
) -> Box<dyn std::error::Error + Send + Sync> {
    format!("{method} {path} was answered {status}: {}", String::from_utf8_lossy(body)).into()
}
