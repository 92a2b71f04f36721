//! A well-behaved HTTP client: HTTP/1.1, or HTTP/2 without TLS, with a pool of connections.

use std::net::SocketAddr;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use sha1::Digest as _;

use crate::answer::{Answer, Download};
use crate::body::Body;
use crate::content::hexadecimal;

/// How long one request may take before the test fails.
const LIMIT: Duration = Duration::from_secs(120);

/// A client of one daemon. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    user: Option<String>,
    authorization: Option<String>,
    pool: Pool<HttpConnector, Body>,
}

/// A request that is being put together.
#[must_use = "a call does nothing until it is sent"]
pub struct Call {
    pool: Pool<HttpConnector, Body>,
    builder: http::request::Builder,
    body: Body,
    limit: Duration,
}

impl Client {
    /// A client that speaks HTTP/1.1.
    pub fn http1(address: SocketAddr) -> Self {
        let pool = Pool::builder(TokioExecutor::new()).build_http();
        Self { address, user: None, authorization: None, pool }
    }

    /// A client that speaks HTTP/2 from the first byte.
    pub fn http2(address: SocketAddr) -> Self {
        let pool = Pool::builder(TokioExecutor::new()).http2_only(true).build_http();
        Self { address, user: None, authorization: None, pool }
    }

    /// The same client for another user, named by `X-Cairn-User`.
    pub fn user(&self, name: &str) -> Self {
        Self { user: Some(name.to_owned()), ..self.clone() }
    }

    /// The same client with this token as `Bearer`.
    pub fn bearer(&self, token: &str) -> Self {
        Self { authorization: Some(format!("Bearer {token}")), ..self.clone() }
    }

    /// The same client with this field `Authorization`, whatever it says.
    pub fn authorization(&self, field: &str) -> Self {
        Self { authorization: Some(field.to_owned()), ..self.clone() }
    }

    /// Where the daemon listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins a request. `path` is the request target as it goes over the wire: percent-encoded, with its query.
    pub fn call(&self, method: &str, path: &str) -> Call {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut builder = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        if let Some(user) = &self.user {
            builder = builder.header("x-cairn-user", user);
        }
        if let Some(field) = &self.authorization {
            builder = builder.header("authorization", field);
        }
        Call { pool: self.pool.clone(), builder, body: Body::from(""), limit: LIMIT }
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path).send().await
    }

    /// `HEAD path`.
    pub async fn head(&self, path: &str) -> Answer {
        self.call("HEAD", path).send().await
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path).send().await
    }

    /// `PUT path` with a body.
    pub async fn put(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.call("PUT", path).body(body).send().await
    }

    /// `POST path` with a body and no content type.
    pub async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.call("POST", path).body(body).send().await
    }

    /// `POST path` with JSON.
    pub async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path).json(body).send().await
    }

    /// `POST path` with an urlencoded form, given as it goes over the wire.
    pub async fn post_form(&self, path: &str, form: &str) -> Answer {
        let call = self.call("POST", path).header("content-type", "application/x-www-form-urlencoded");
        call.body(form.to_owned()).send().await
    }

    /// `GET path`, counted and digested as it comes and not kept.
    pub async fn download(&self, path: &str) -> Download {
        self.call("GET", path).download().await
    }

    /// Creates an upload with this JSON and gives its `upload` document back.
    pub async fn create_upload(&self, body: &Value) -> Value {
        self.post_json("/v1/uploads", body).await.expect(201).json()
    }
}

impl Call {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header value");
        self.builder = self.builder.header(name, value);
        self
    }

    /// Gives it a body.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Gives it JSON.
    pub fn json(self, body: &Value) -> Self {
        self.header(CONTENT_TYPE.as_str(), "application/json").body(body.to_string())
    }

    /// Sends it and reads the answer; panics if there is none.
    pub async fn send(self) -> Answer {
        self.try_send().await.unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// Sends it and reads the answer; the words of the failure if the connection broke instead.
    ///
    /// # Errors
    /// No whole answer came.
    pub async fn try_send(self) -> Result<Answer, String> {
        let limit = self.limit;
        let answer = async {
            let (head, body) = self.dispatch().await?.into_parts();
            let body = body.collect().await.map_err(|error| whole_story(&error))?.to_bytes();
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        tokio::time::timeout(limit, answer).await.expect("an answer in time")
    }

    async fn download(self) -> Download {
        let (head, mut body) = self.dispatch().await.expect("an answer").into_parts();
        let (mut sha1, mut blake3, mut length) = (sha1::Sha1::new(), blake3::Hasher::new(), 0);
        while let Some(frame) = body.frame().await {
            let data = frame.expect("the body goes on to its end").into_data().unwrap_or_default();
            sha1.update(&data);
            blake3.update(&data);
            length += data.len() as u64;
        }
        let (sha1, blake3) = (hexadecimal(&sha1.finalize()), blake3.finalize().to_hex().to_string());
        Download { status: head.status.as_u16(), headers: head.headers, length, sha1, blake3 }
    }

    async fn dispatch(self) -> Result<Response<Incoming>, String> {
        let request = self.builder.body(self.body).expect("a well-formed request");
        self.pool.request(request).await.map_err(|error| whole_story(&error))
    }
}

/// An error with all its sources.
fn whole_story(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |story, source| format!("{story}: {source}"))
}
