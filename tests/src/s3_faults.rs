//! An HTTP proxy before an S3 server that makes requests fail, one by one, as a script says.
//!
//! It knows requests where [`Proxy`](crate::Proxy) knows bytes: the answer to a certain one can be lost although the server
//! did what it was asked. The `Host` of a request is left as it is, because it is signed. Bodies are held whole: this is for
//! small ones. Dropped, it is gone with its connections.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::daemon::LIMIT;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server is not asked; the answer is this status, with an error of S3 as body. 429 comes with `Retry-After: 1`.
    Status(u16),
    /// The server is not asked; the answer is 200, and its body is an error, as `CompleteMultipartUpload` may answer.
    ErrorIn200,
    /// The server is not asked, and the connection is closed.
    Closed,
    /// The server does it; the connection is closed before a word of the answer.
    AnswerLost,
    /// The server does it; the answer is 500.
    DoneButFailed,
    /// The server does it; half of the answer's body comes, then the connection is closed.
    Truncated,
    /// The server does it, so much later.
    Late(Duration),
    /// The server is not asked, and nothing is ever answered.
    Hanging,
    /// The server does it, and nothing is ever answered.
    DoneButHanging,
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which one, from 1.
    pub number: u64,
    /// `PUT`, …
    pub method: String,
    /// The path and the query.
    pub target: String,
    /// Bytes of its body.
    pub length: u64,
}

impl Asked {
    /// Whether it is of this method, and its path or query holds this.
    pub fn is(&self, method: &str, part: &str) -> bool {
        self.method == method && self.target.contains(part)
    }

    /// Whether it puts a multipart upload together.
    pub fn completes(&self) -> bool {
        self.is("POST", "uploadId=")
    }
}

type Script = Box<dyn FnMut(&Asked) -> Option<Fault> + Send>;

/// A running proxy.
pub struct S3Faults {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

struct Shared {
    target: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    script: Mutex<Script>,
    played: Mutex<Vec<(Asked, Option<Fault>)>>,
    hung: Notify,
}

impl fmt::Debug for S3Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Faults").field("address", &self.address).finish_non_exhaustive()
    }
}

impl S3Faults {
    /// A proxy before this server, on a free port. It changes nothing until it is told to.
    pub async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let client = Client::builder(TokioExecutor::new()).build_http();
        let script: Script = Box::new(|_| None);
        let (script, played) = (Mutex::new(script), Mutex::new(Vec::new()));
        let shared = Arc::new(Shared { target, client, script, played, hung: Notify::new() });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, _accepting: accepting }
    }

    /// Its endpoint as a URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on each request is treated as the script says.
    pub fn play(&self, script: impl FnMut(&Asked) -> Option<Fault> + Send + 'static) {
        *lock(&self.shared.script) = Box::new(script);
    }

    /// From now on the first request that the question holds for meets the fault, and no other.
    pub fn once(&self, fault: Fault, question: impl Fn(&Asked) -> bool + Send + 'static) {
        let mut left = Some(fault);
        self.play(move |asked| if question(asked) { left.take() } else { None });
    }

    /// Waits for a request that is left hanging; what the server was to do for it is done then.
    ///
    /// # Panics
    /// None comes in time.
    pub async fn hung(&self) {
        let hung = tokio::time::timeout(LIMIT, self.shared.hung.notified()).await;
        hung.unwrap_or_else(|_| panic!("no request was left hanging of {:#?}", self.played()));
    }

    /// From now on so many of 1000 requests meet one of the faults; the same ones for the same seed and order.
    pub fn seeded(&self, seed: u64, of_1000: u64, faults: &'static [Fault]) {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state >> 11
        };
        self.play(move |_| {
            let (chance, which) = (next() % 1000, next());
            let which = usize::try_from(which).expect("53 bits") % faults.len();
            (chance < of_1000).then(|| faults[which])
        });
    }

    /// From now on nothing fails.
    pub fn calm(&self) {
        self.play(|_| None);
    }

    /// Every request until now, with the fault that it met.
    pub fn played(&self) -> Vec<(Asked, Option<Fault>)> {
        lock(&self.shared.played).clone()
    }

    /// How many requests met a fault.
    pub fn faults(&self) -> usize {
        lock(&self.shared.played).iter().filter(|(_, fault)| fault.is_some()).count()
    }
}

impl Shared {
    async fn hang<T>(&self) -> T {
        self.hung.notify_one();
        std::future::pending().await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let server = auto::Builder::new(TokioExecutor::new());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((socket, _)) = accepted else { continue };
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
        let connection = server.serve_connection(TokioIo::new(socket), service).into_owned();
        connections.spawn(async move {
            // A connection that breaks is what this is for.
            let _ = connection.await;
        });
    }
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> io::Result<Response<Half>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let fault = {
        let mut played = lock(&shared.played);
        let number = played.len() as u64 + 1;
        let asked = Asked { number, method: head.method.to_string(), target, length: body.len() as u64 };
        let fault = lock(&shared.script)(&asked);
        played.push((asked, fault));
        fault
    };
    match fault {
        Some(Fault::Status(status)) => return Ok(told(status, &head.method)),
        Some(Fault::ErrorIn200) => return Ok(told(200, &head.method)),
        Some(Fault::Closed) => return Err(io::ErrorKind::ConnectionAborted.into()),
        Some(Fault::Hanging) => shared.hang().await,
        Some(Fault::Late(late)) => tokio::time::sleep(late).await,
        _ => {}
    }
    let method = head.method.clone();
    let (answer, bytes) = ask(Request::from_parts(head, Full::new(body)), &shared).await?;
    let length = bytes.len();
    match fault {
        Some(Fault::AnswerLost) => Err(io::ErrorKind::ConnectionAborted.into()),
        Some(Fault::DoneButFailed) => Ok(told(500, &method)),
        Some(Fault::DoneButHanging) => shared.hang().await,
        Some(Fault::Truncated) if length > 1 => {
            Ok(answer.map(|()| Half { bytes: Some(bytes.slice(..length / 2)), length: length as u64 }))
        }
        _ => Ok(answer.map(|()| Half::whole(bytes))),
    }
}

/// What the server answers.
async fn ask(mut request: Request<Full<Bytes>>, shared: &Shared) -> io::Result<(Response<()>, Bytes)> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let uri: Uri = format!("http://{}{target}", shared.target).parse().map_err(io::Error::other)?;
    *request.uri_mut() = uri;
    let answer = shared.client.request(request).await.map_err(io::Error::other)?;
    let (mut head, body) = answer.into_parts();
    let bytes = body.collect().await.map_err(io::Error::other)?.to_bytes();
    head.headers.remove(TRANSFER_ENCODING);
    head.headers.remove(CONNECTION);
    Ok((Response::from_parts(head, ()), bytes))
}

/// An error as S3 words it.
fn told(status: u16, method: &Method) -> Response<Half> {
    let code = match status {
        429 | 503 => "SlowDown",
        403 => "AccessDenied",
        _ => "InternalError",
    };
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>as the script says</Message></Error>"
    );
    let body = if method == Method::HEAD { Bytes::new() } else { text.into() };
    let mut answer = Response::new(Half::whole(body));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    if status == 429 {
        answer.headers_mut().insert("retry-after", hyper::header::HeaderValue::from_static("1"));
    }
    answer
}

/// A body that may end before it should.
struct Half {
    bytes: Option<Bytes>,
    length: u64,
}

impl Half {
    fn whole(bytes: Bytes) -> Self {
        let length = bytes.len() as u64;
        Self { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), length }
    }
}

impl Body for Half {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(match self.bytes.take() {
            Some(bytes) => {
                self.length -= bytes.len() as u64;
                Some(Ok(Frame::data(bytes)))
            }
            None if self.length == 0 => None,
            None => Some(Err(io::ErrorKind::ConnectionAborted.into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && self.length == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
