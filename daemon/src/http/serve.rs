//! Connections: accepted up to a limit, each with time-outs, and let go gracefully.
//!
//! HTTP/1.1 and HTTP/2 with prior knowledge are told apart by their first bytes. When the shutdown begins nobody is
//! accepted any more, idle connections close, and requests that are running end; how long that may take is the
//! caller's to bound.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt as _;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::door::Door;
use super::handshake::shake_hands;
use super::held::Held;
use super::patience::{Activity, Limits, Patience};
use super::peer::{Peer, is_trusted};
use super::routes;
use super::throng::{Present, Throng};
use crate::config::Server;
use crate::house::House;
use crate::tls::Certificates;

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
#[derive(Debug)]
pub enum Listener {
    /// A TCP port.
    Tcp(TcpListener),
    /// A TCP port on which TLS is spoken.
    Tls(TcpListener, Certificates),
    /// A unix socket.
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

/// Serves every route on a listener until the shutdown begins and the running requests have ended.
///
/// The limits of connections are those of the configuration in force now, origins and protocols those in force when a
/// connection comes, limits of requests those in force when a request comes.
pub async fn serve(house: Arc<House>, listener: impl Into<Listener>, shutdown: CancellationToken) {
    serve_router(house, |house| routes(Door::new(house)), listener, shutdown).await;
}

/// Serves a router with the limits of connections that are in force now. The router is made again for the connections
/// that come after a change of the configuration.
pub(crate) async fn serve_router(
    house: Arc<House>,
    router: impl Fn(Arc<House>) -> Router,
    listener: impl Into<Listener>,
    shutdown: CancellationToken,
) {
    let listener = listener.into();
    let config = house.config();
    let places = config.server.max_connections.clamp(1, Semaphore::MAX_PERMITS);
    let mut configs = house.configs();
    let mut reception = Reception {
        builder: Arc::new(builder(&config.server)),
        graceful: GracefulShutdown::new(),
        patience: Limits { head: config.server.header_timeout, silence: config.server.keep_alive_timeout },
        router: router(Arc::clone(&house)),
        places: Arc::new(Semaphore::new(places)),
        throng: Throng::default(),
        shutdown: shutdown.clone(),
        house,
    };
    loop {
        let next = tokio::select! {
            () = shutdown.cancelled() => break,
            next = reception.next(&listener) => next,
        };
        // Looked at once the connection is there, so that whoever connects after a change meets it.
        if configs.has_changed().unwrap_or(false) {
            configs.mark_unchanged();
            reception.router = router(Arc::clone(&reception.house));
        }
        match next {
            Ok((arrival, peer, place)) => reception.greet(arrival, peer, place),
            Err(error) => rest_after(&error).await,
        }
    }
    drop(listener);
    reception.graceful.shutdown().await;
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

/// Bytes in both directions.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection as it was accepted.
enum Arrival {
    Tcp(TcpStream),
    Tls(TcpStream, Certificates),
    Unix(UnixStream),
}

impl Arrival {
    /// Waits until the other end has said something, or has gone.
    async fn is_heard(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) | Self::Tls(stream, _) => stream.readable().await,
            Self::Unix(stream) => stream.readable().await,
        }
    }
}

/// The next connection, and who is at its other end.
async fn accept(listener: &Listener) -> io::Result<(Arrival, Peer)> {
    let listener_of_tcp = match listener {
        Listener::Tcp(listener) | Listener::Tls(listener, _) => listener,
        Listener::Unix(listener) => {
            let (stream, _) = listener.accept().await?;
            let uid = stream.peer_cred().ok().map(|credentials| credentials.uid());
            return Ok((Arrival::Unix(stream), Peer { uid, ..Peer::direct(None) }));
        }
    };
    let (stream, address) = listener_of_tcp.accept().await?;
    // Answers are small and wait for nothing; without this they are only slower.
    let _ = stream.set_nodelay(true);
    let arrival = match listener {
        Listener::Tls(_, certificates) => Arrival::Tls(stream, certificates.clone()),
        _ => Arrival::Tcp(stream),
    };
    Ok((arrival, Peer::direct(Some(address.ip()))))
}

/// What every connection is served with.
struct Reception {
    builder: Arc<Builder<TokioExecutor>>,
    graceful: GracefulShutdown,
    patience: Limits,
    router: Router,
    places: Arc<Semaphore>,
    throng: Throng,
    shutdown: CancellationToken,
    house: Arc<House>,
}

impl Reception {
    /// The next connection, as soon as there is a place for it.
    async fn next(&self, listener: &Listener) -> io::Result<(Arrival, Peer, OwnedSemaphorePermit)> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
        let (arrival, peer) = accept(listener).await?;
        Ok((arrival, peer, place))
    }

    /// Takes a connection, unless its address has as many as it may. Then it is closed at once: an answer would take
    /// a task and time for a client that already has more than its share.
    fn greet(&self, arrival: Arrival, peer: Peer, place: OwnedSemaphorePermit) {
        let address = peer.address;
        let server = &self.house.config().server;
        let limit = server.max_connections_per_address;
        let counted = address.filter(|_| limit > 0 && !is_trusted(address, &server.trusted_proxies));
        let present = match counted.map(|address| self.throng.enter(address, limit)) {
            Some(None) => {
                tracing::debug!(peer.address = ?address, limit, "closed: its address has too many connections");
                return;
            }
            present => present.flatten(),
        };
        self.take(arrival, peer, (place, present));
    }

    /// Serves one connection in a task of its own; its place is free again when it ends.
    ///
    /// Until its first byte it costs no more than the task: what HTTP needs, buffers above all, is made then.
    fn take(&self, arrival: Arrival, peer: Peer, place: (OwnedSemaphorePermit, Option<Present>)) {
        let open = self.house.metrics.connection();
        let cutting = self.house.supervisor.cutting().clone();
        let (shutdown, watcher) = (self.shutdown.clone(), self.graceful.watcher());
        let serving = self.serving();
        let deadline = Instant::now() + serving.patience.head;
        self.house.supervisor.start("connection", async move {
            let heard = tokio::select! {
                heard = timeout_at(deadline, arrival.is_heard()) => heard.is_ok_and(|heard| heard.is_ok()),
                () = shutdown.cancelled() => false,
            };
            if heard {
                let served = serving.welcome(arrival, peer, deadline, watcher);
                tokio::select! {
                    () = served => {}
                    // What had arrived of its bodies is kept by the operations, which go on.
                    () = cutting.cancelled() => {}
                }
            }
            drop((open, place));
        });
    }

    fn serving(&self) -> Serving {
        Serving {
            builder: Arc::clone(&self.builder),
            patience: self.patience,
            router: self.router.clone(),
            house: Arc::clone(&self.house),
        }
    }
}

/// What one connection is served with.
struct Serving {
    builder: Arc<Builder<TokioExecutor>>,
    patience: Limits,
    router: Router,
    house: Arc<House>,
}

/// The rest of a connection's life, no larger than what serves it: made outside of `async` code, which would keep room
/// for every way that it may go.
type Served = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Serving {
    /// Serves a connection that has said its first byte to its end; the first head must be there at the deadline.
    fn welcome(self, arrival: Arrival, peer: Peer, deadline: Instant, watcher: Watcher) -> Served {
        match arrival {
            Arrival::Tcp(stream) => self.serve(stream, peer, deadline, watcher),
            Arrival::Unix(stream) => self.serve(stream, peer, deadline, watcher),
            Arrival::Tls(stream, certificates) => Box::pin(async move {
                let shaken = Box::pin(shake_hands(stream, certificates, peer, deadline)).await;
                if let Some((stream, peer)) = shaken {
                    let deadline = Instant::now() + self.patience.head;
                    self.serve(stream, peer, deadline, watcher).await;
                }
            }),
        }
    }

    /// Serves a connection to its end.
    fn serve<S: Stream + 'static>(
        self,
        stream: S,
        peer: Peer,
        deadline: Instant,
        watcher: Watcher,
    ) -> Served {
        let activity = Arc::<Activity>::default();
        let stream: Box<dyn Stream> = Box::new(stream);
        let stream = TokioIo::new(Patience::new(stream, self.patience, deadline, Arc::clone(&activity)));
        let (router, house) = (self.router, self.house);
        let service = tower::service_fn(move |mut request: Request<Incoming>| {
            let peer = peer.of_request(request.headers(), &house.config().server.trusted_proxies);
            tell(&peer, &request);
            request.extensions_mut().insert(peer);
            let running = activity.begin(request.version());
            let answer = answer(router.clone(), request);
            async move { Ok::<_, Infallible>(answer.await.map(|body| Held::body(body, running))) }
        });
        let connection = self.builder.serve_connection(stream, TowerToHyperService::new(service));
        Box::pin(watcher.watch(connection.into_owned()).map(|ended| {
            if let Err(error) = ended {
                tracing::debug!(error, "a connection ended badly");
            }
        }))
    }
}

/// A request, for whoever looks for one. The query may hold what is secret.
fn tell(peer: &Peer, request: &Request<Incoming>) {
    tracing::debug!(
        peer.address = peer.address.map(tracing::field::display),
        peer.tls = peer.tls,
        peer.certificate_name,
        method = %request.method(),
        path = request.uri().path(),
        "a request"
    );
}

async fn answer(router: Router, request: Request<Incoming>) -> Response {
    match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The limits of a connection.
///
/// The buffer of HTTP/1 is left as large as it comes, because body frames are read through it; the size of the head is
/// checked in front of the routes, and a head past that buffer is answered with 431 by the library. A client that
/// says it will send no more still gets its answer.
fn builder(server: &Server) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(server.keep_alive_timeout.max(server.header_timeout))
        .half_close(true)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(server.max_header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(server.keep_alive_timeout)
        .keep_alive_timeout(server.header_timeout);
    builder
}
