//! Connections: accepted up to a limit, each with time-outs, and let go gracefully.
//!
//! HTTP/1.1 and HTTP/2 with prior knowledge are told apart by their first bytes. When the shutdown begins nobody is
//! accepted any more, idle connections close, and requests that are running end; how long that may take is the
//! caller's to bound.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::door::{Door, Limits};
use super::opening::Opening;
use super::routes;
use crate::supervisor::Supervisor;

/// How long to wait after the system would not give another connection (no more files, no memory).
const BREATH: Duration = Duration::from_millis(100);
/// Requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// Bytes that a client may send ahead on one HTTP/2 stream, and on one connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// Answers of HTTP/2 that may wait for a client, in bytes, per stream.
const SEND_BUFFER: usize = 256 << 10;

/// Where clients come from.
pub enum Listener {
    /// A TCP port.
    Tcp(TcpListener),
    /// A unix socket.
    Unix(UnixListener),
}

/// Serves every route on a listener until the shutdown begins and the running requests have ended.
pub async fn serve(door: Door, listener: Listener, shutdown: CancellationToken) {
    let (supervisor, limits) = (door.supervisor.clone(), Arc::clone(&door.limits));
    serve_router(routes(door), listener, &supervisor, &limits, shutdown).await;
}

/// Serves a router on a listener until the shutdown begins and the running requests have ended.
pub async fn serve_router(
    router: Router,
    listener: Listener,
    supervisor: &Supervisor,
    limits: &Limits,
    shutdown: CancellationToken,
) {
    let server = Server {
        builder: Arc::new(builder(limits)),
        graceful: GracefulShutdown::new(),
        router,
        supervisor: supervisor.clone(),
        opening: limits.header_read_timeout,
    };
    let places = Arc::new(Semaphore::new(limits.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => match place {
                Ok(place) => tokio::select! {
                    () = shutdown.cancelled() => break,
                    accepted = accept(&listener) => accepted.map(|stream| (stream, place)),
                },
                // The semaphore is never closed.
                Err(_) => break,
            },
        };
        match accepted {
            Ok((stream, place)) => server.take(stream, place),
            Err(error) => rest_after(&error).await,
        }
    }
    drop(listener);
    server.graceful.shutdown().await;
}

/// Bytes in both directions.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn accept(listener: &Listener) -> io::Result<Box<dyn Stream>> {
    match listener {
        Listener::Tcp(listener) => {
            let (stream, _) = listener.accept().await?;
            // Answers are small and wait for nothing; a failure here only makes them slower.
            let _ = stream.set_nodelay(true);
            Ok(Box::new(stream))
        }
        Listener::Unix(listener) => Ok(Box::new(listener.accept().await?.0)),
    }
}

/// A connection that went away before it was accepted is no reason to wait; anything else would only repeat itself.
async fn rest_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(BREATH).await;
}

struct Server {
    builder: Arc<Builder<TokioExecutor>>,
    graceful: GracefulShutdown,
    router: Router,
    supervisor: Supervisor,
    /// How long a connection may take to begin to speak.
    opening: Duration,
}

impl Server {
    /// Serves one connection in a task of its own; its place is free again when it ends.
    fn take(&self, stream: Box<dyn Stream>, place: tokio::sync::OwnedSemaphorePermit) {
        let router = self.router.clone();
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let router = router.clone();
            async move { Ok::<_, Infallible>(answer(router, request).await) }
        });
        let stream = TokioIo::new(Opening::new(stream, self.opening));
        let connection = self.builder.serve_connection(stream, TowerToHyperService::new(service));
        let connection = self.graceful.watch(connection.into_owned());
        self.supervisor.start("connection", async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection ended badly");
            }
            drop(place);
        });
    }
}

async fn answer(router: Router, request: Request<Incoming>) -> axum::response::Response {
    match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The limits of a connection.
///
/// On HTTP/1 the time-out of the head begins when the answer before it is sent, so it bounds an idle connection too.
/// The buffer of HTTP/1 is left as large as it comes, because body frames are read through it; the size of the head is
/// checked in front of the routes, and a head past that buffer is answered with 431 by the library.
fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout)
        .half_close(false)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(limits.keep_alive_timeout)
        .keep_alive_timeout(limits.keep_alive_timeout);
    builder
}
