//! A TCP proxy between a daemon and a store, that can be slow, stall, cut, reset, and lead elsewhere, at any moment.
//!
//! It passes bytes on as they come, in pieces of at most 64 KiB, and knows nothing of what they mean. What a method
//! sets is in force for the connections that are open and for those to come. Dropped, it is gone with all its
//! connections: whoever connects then is refused.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Bytes of a piece, at most.
const PIECE: usize = 64 << 10;
/// Pieces that are on their way in one direction of one connection, at most.
const ON_THEIR_WAY: usize = 256;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// What clients send.
    ToServer = 0,
    /// What the server answers.
    ToClient = 1,
}

/// What went through, over all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Bytes that reached the server.
    pub to_server: u64,
    /// Bytes that reached clients.
    pub to_client: u64,
    /// Connections that were ever accepted.
    pub connections: u64,
    /// Connections that are open.
    pub open: u64,
}

/// How long a piece is held back, by its number (from 1) among those of its direction.
type Delay = Arc<dyn Fn(u64) -> Duration + Send + Sync>;

/// A proxy that is running.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

struct Shared {
    setting: watch::Sender<Setting>,
    /// Counts up with every order to close what is open.
    closing: watch::Sender<(u64, Manner)>,
    ways: [Counts; 2],
    connections: AtomicU64,
    open: AtomicU64,
}

#[derive(Clone, Copy)]
struct Setting {
    target: SocketAddr,
    refusing: bool,
    stalled: [bool; 2],
}

/// How a connection is closed.
#[derive(Clone, Copy)]
enum Manner {
    Close,
    Reset,
}

struct Counts {
    bytes: AtomicU64,
    pieces: AtomicU64,
    delay: Mutex<Delay>,
    /// Bytes that may still pass before the connection that carries them is cut.
    left: Mutex<Option<u64>>,
}

impl Counts {
    fn new() -> Self {
        let (bytes, pieces) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { bytes, pieces, delay: Mutex::new(Arc::new(|_| Duration::ZERO)), left: Mutex::new(None) }
    }

    fn delay(&self) -> Duration {
        let number = self.pieces.fetch_add(1, Ordering::SeqCst) + 1;
        let delay = Arc::clone(&self.delay.lock().unwrap_or_else(PoisonError::into_inner));
        delay(number)
    }

    /// How many of so many bytes may pass, and whether the connection is cut after them.
    fn allowed(&self, length: usize) -> (usize, bool) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bytes) = *left else { return (length, false) };
        let allowed = usize::try_from(bytes).unwrap_or(usize::MAX).min(length);
        if allowed == length && bytes > length as u64 {
            *left = Some(bytes - length as u64);
            return (length, false);
        }
        *left = None;
        (allowed, true)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("target", &self.setting.borrow().target).finish_non_exhaustive()
    }
}

impl Proxy {
    /// A proxy to this server, on a free port of the loopback. It changes nothing until it is told to.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let setting = Setting { target, refusing: false, stalled: [false; 2] };
        let shared = Arc::new(Shared {
            setting: watch::Sender::new(setting),
            closing: watch::Sender::new((0, Manner::Close)),
            ways: [Counts::new(), Counts::new()],
            connections: AtomicU64::new(0),
            open: AtomicU64::new(0),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, _accepting: accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads new connections to another server. Those that are open stay where they are: see [`cut`](Self::cut).
    pub fn switch(&self, target: SocketAddr) {
        self.shared.setting.send_modify(|setting| setting.target = target);
    }

    /// Closes new connections as soon as they are accepted, or no longer.
    pub fn refuse(&self, refusing: bool) {
        self.shared.setting.send_modify(|setting| setting.refusing = refusing);
    }

    /// Passes everything of this direction on so much later. Order and rate stay as they are.
    pub fn latency(&self, way: Way, latency: Duration) {
        self.delay_each(way, move |_| latency);
    }

    /// Passes each piece of this direction on so much later, by its number among those of all connections (from 1),
    /// counted since the proxy began. A piece is what one read gave: of a request or a reply that is answered alone,
    /// mostly the whole of it. What comes after a piece on its connection waits for it.
    pub fn delay_each(&self, way: Way, delay: impl Fn(u64) -> Duration + Send + Sync + 'static) {
        let counts = self.counts(way);
        *counts.delay.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(delay);
    }

    /// Passes nothing on in this direction, until [`resume`](Self::resume). Connections stay open, new ones are
    /// accepted: towards the client alone, that is a server that takes everything and never answers.
    pub fn stall(&self, way: Way) {
        self.shared.setting.send_modify(|setting| setting.stalled[way as usize] = true);
    }

    /// Passes on again, with what waited, in both directions.
    pub fn resume(&self) {
        self.shared.setting.send_modify(|setting| setting.stalled = [false; 2]);
    }

    /// Cuts the connection on which the next `bytes` bytes of this direction, over all connections, have passed; once.
    pub fn cut_after(&self, way: Way, bytes: u64) {
        *self.counts(way).left.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
    }

    /// Closes every open connection, both sides. What is on its way is lost.
    pub fn cut(&self) {
        self.close(Manner::Close);
    }

    /// Resets every open connection, both sides.
    pub fn reset(&self) {
        self.close(Manner::Reset);
    }

    /// What went through until now.
    pub fn passed(&self) -> Passed {
        let bytes = |way| self.counts(way).bytes.load(Ordering::SeqCst);
        Passed {
            to_server: bytes(Way::ToServer),
            to_client: bytes(Way::ToClient),
            connections: self.shared.connections.load(Ordering::SeqCst),
            open: self.shared.open.load(Ordering::SeqCst),
        }
    }

    fn close(&self, manner: Manner) {
        self.shared.closing.send_modify(|closing| *closing = (closing.0 + 1, manner));
    }

    fn counts(&self, way: Way) -> &Counts {
        &self.shared.ways[way as usize]
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((client, _)) = accepted else { continue };
        shared.connections.fetch_add(1, Ordering::SeqCst);
        if !shared.setting.borrow().refusing {
            connections.spawn(carry(client, Arc::clone(&shared)));
        }
    }
}

/// A connection that is counted as long as it is open.
struct Open<'a>(&'a AtomicU64);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn carry(mut client: TcpStream, shared: Arc<Shared>) {
    shared.open.fetch_add(1, Ordering::SeqCst);
    let _open = Open(&shared.open);
    let mut closing = shared.closing.subscribe();
    let target = shared.setting.borrow().target;
    // Nobody there: the client is closed, as it would be by a host without that port.
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let manner = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both = async {
            tokio::try_join!(
                pass(from_client, to_server, Way::ToServer, &shared),
                pass(from_server, to_client, Way::ToClient, &shared),
            )
        };
        tokio::select! {
            _ = both => Manner::Close,
            changed = closing.changed() => changed.map_or(Manner::Close, |()| closing.borrow().1),
        }
    };
    if matches!(manner, Manner::Reset) {
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

/// Passes one direction of a connection on to its end; an error is a connection that is over in both.
async fn pass(from: ReadHalf<'_>, to: WriteHalf<'_>, way: Way, shared: &Shared) -> io::Result<()> {
    let (pieces, waiting) = mpsc::channel(ON_THEIR_WAY);
    let counts = &shared.ways[way as usize];
    tokio::try_join!(take(from, pieces, counts), give(to, waiting, way, shared)).map(|_| ())
}

async fn take(
    mut from: ReadHalf<'_>,
    pieces: mpsc::Sender<(Instant, Bytes)>,
    counts: &Counts,
) -> io::Result<()> {
    loop {
        let mut piece = BytesMut::with_capacity(PIECE);
        if from.read_buf(&mut piece).await? == 0 {
            return Ok(());
        }
        let due = Instant::now() + counts.delay();
        pieces.send((due, piece.freeze())).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
    }
}

async fn give(
    mut to: WriteHalf<'_>,
    mut waiting: mpsc::Receiver<(Instant, Bytes)>,
    way: Way,
    shared: &Shared,
) -> io::Result<()> {
    let mut setting = shared.setting.subscribe();
    let counts = &shared.ways[way as usize];
    while let Some((due, piece)) = waiting.recv().await {
        tokio::time::sleep_until(due).await;
        let flowing = setting.wait_for(|setting| !setting.stalled[way as usize]).await;
        flowing.map_err(|_| io::ErrorKind::BrokenPipe)?;
        let (allowed, cut) = counts.allowed(piece.len());
        to.write_all(&piece[..allowed]).await?;
        counts.bytes.fetch_add(allowed as u64, Ordering::SeqCst);
        if cut {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
    to.shutdown().await
}

#[cfg(test)]
mod tests;
