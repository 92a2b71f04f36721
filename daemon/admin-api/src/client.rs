//! A small client of the admin socket: one connection per request.

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;

/// The most bytes of one answer that is read whole, or of one line of a long one.
const MAX_ANSWER: usize = 256 << 20;

/// What the daemon said instead of doing what was asked: an RFC 9457 document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// What is wrong.
    pub title: String,
    /// The facts, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// A stable word.
    #[serde(default)]
    pub kind: String,
    /// Everything else of the document.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => write!(f, "{}: {detail}", self.title),
            None => f.write_str(&self.title),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens on the socket, or it may not be opened.
    #[error("the daemon is not reachable at {}", socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The daemon said no.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The connection broke off.
    #[error("the connection to the daemon broke off")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer is not what this client understands: another version, or no cairn at all.
    #[error("the answer is not understood")]
    Protocol(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A client of one socket.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client of the socket at this path; nothing is opened yet.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    /// The socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks for a thing. `path` is below `/admin/v1`, percent-encoded, with its query.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        whole(self.send(Method::GET, path, Bytes::new()).await?).await
    }

    /// Removes a thing; what it was.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        whole(self.send(Method::DELETE, path, Bytes::new()).await?).await
    }

    /// Asks for something to be done.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        request: &impl Serialize,
    ) -> Result<T, ClientError> {
        whole(self.send(Method::POST, path, json(request)?).await?).await
    }

    /// Asks for long work; each of its events as it comes, until the last one or until `each` says `false`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn events<T: DeserializeOwned>(
        &self,
        path: &str,
        request: &impl Serialize,
        mut each: impl FnMut(T) -> bool,
    ) -> Result<(), ClientError> {
        let mut body = self.send(Method::POST, path, json(request)?).await?.into_body();
        let mut line = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| ClientError::Broken(error.into()))?;
            for byte in frame.into_data().unwrap_or_default() {
                if byte != b'\n' {
                    line.push(byte);
                    continue;
                }
                if !each(understood(&line)?) {
                    return Ok(());
                }
                line.clear();
            }
            if line.len() > MAX_ANSWER {
                return Err(ClientError::Protocol("a line without an end".into()));
            }
        }
        Ok(())
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, ClientError> {
        let unreachable = |source| ClientError::Unreachable { socket: self.socket.clone(), source };
        let broken = |error: hyper::Error| ClientError::Broken(error.into());
        let stream = UnixStream::connect(&self.socket).await.map_err(unreachable)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let request = Request::builder()
            .method(method)
            .uri(format!("/admin/v1{path}"))
            .header(http::header::HOST, "cairn")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| ClientError::Protocol(error.into()))?;
        drive(connection);
        let response = sender.send_request(request).await.map_err(broken)?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let problem: Problem = whole(response).await.unwrap_or_else(|_| Problem {
            status,
            title: "the daemon refused".to_owned(),
            detail: None,
            kind: String::new(),
            rest: serde_json::Map::new(),
        });
        Err(ClientError::Refused(Box::new(problem)))
    }
}

/// Moves the bytes of a connection for as long as its request lives.
#[allow(
    clippy::disallowed_methods,
    reason = "the client has no supervisor; its connection ends with its request"
)]
fn drive(connection: hyper::client::conn::http1::Connection<TokioIo<UnixStream>, Full<Bytes>>) {
    tokio::spawn(async move {
        // What goes wrong here is seen by whoever waits for the answer.
        let _ = connection.await;
    });
}

async fn whole<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T, ClientError> {
    let limited = http_body_util::Limited::new(response.into_body(), MAX_ANSWER);
    let bytes = limited.collect().await.map_err(ClientError::Broken)?.to_bytes();
    understood(&bytes)
}

fn understood<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes).map_err(|error| ClientError::Protocol(error.into()))
}

fn json(request: &impl Serialize) -> Result<Bytes, ClientError> {
    serde_json::to_vec(request).map(Bytes::from).map_err(|error| ClientError::Protocol(error.into()))
}
