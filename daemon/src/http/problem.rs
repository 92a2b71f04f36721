//! The last door to the client: problem documents (RFC 9457).
//!
//! A handler answers a [`Problem`]; the layer [`last_door`] writes it as `application/problem+json` with the request's
//! id. 4xx tells the facts; 5xx is one constant sentence, and its whole chain of causes is logged here, once. An error
//! that a library answered by itself (no route, another method, a rejected extractor) becomes a document here too.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use hyper::ext::ReasonPhrase;
use serde_json::{Map, Value, json};
use tracing::Instrument;

use super::request_id::{RequestId, X_REQUEST_ID};

/// The one sentence that a 5xx tells.
pub(crate) const OUR_FAULT: &str =
    "The server could not do this. Its log has the cause under the request id.";

/// Why a request was refused, as the client will read it.
#[derive(Debug)]
pub(crate) struct Problem(Box<Words>);

/// What a problem says.
#[derive(Debug)]
struct Words {
    status: StatusCode,
    kind: &'static str,
    about: Option<&'static str>,
    title: &'static str,
    detail: Option<String>,
    facts: Map<String, Value>,
    headers: HeaderMap,
    cause: Option<Cause>,
}

/// What is behind a failure of ours. As an extension of a response it is logged at the last door.
#[derive(Clone, Debug)]
pub(crate) struct Cause(pub(crate) Arc<dyn Error + Send + Sync>);

impl Problem {
    /// A problem of a kind: a stable word in snake case, empty for one that the status says all about.
    pub(crate) fn new(status: StatusCode, kind: &'static str, title: &'static str) -> Self {
        Self(Box::new(Words {
            status,
            kind,
            about: None,
            title,
            detail: None,
            facts: Map::new(),
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// 400 of a kind.
    pub(crate) fn bad(kind: &'static str, title: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, kind, title)
    }

    /// A problem that its status says all about.
    pub(crate) fn plain(status: StatusCode) -> Self {
        Self::new(status, kind_of_status(status), status.canonical_reason().unwrap_or("Error"))
    }

    /// The same problem under another status, where a protocol has its own.
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// The same problem under a type that a protocol has registered.
    pub(crate) fn about(mut self, about: &'static str) -> Self {
        self.0.about = Some(about);
        self
    }

    /// The sentence with the facts. A 5xx does not tell it.
    pub(crate) fn detail(mut self, detail: impl fmt::Display) -> Self {
        self.0.detail = Some(detail.to_string());
        self
    }

    /// A fact as a member of the document.
    pub(crate) fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.facts.insert(name.to_owned(), value.into());
        self
    }

    /// A field of the answer.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// A field of the answer that may be there more than once.
    pub(crate) fn another_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    /// What is behind it; for the log only.
    pub(crate) fn because(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Cause(Arc::new(cause)));
        self
    }
}

impl Words {
    /// The document.
    fn document(&self, request_id: &RequestId) -> Value {
        let mut document = Map::new();
        let about = match self.about {
            Some(about) => about.to_owned(),
            None if self.kind.is_empty() => "about:blank".to_owned(),
            None => format!("urn:cairn:error:{}", self.kind),
        };
        document.insert("type".to_owned(), about.into());
        document.insert("title".to_owned(), self.title.into());
        document.insert("status".to_owned(), self.status.as_u16().into());
        match &self.detail {
            _ if self.status.is_server_error() => {
                document.insert("detail".to_owned(), OUR_FAULT.into());
            }
            Some(detail) => {
                document.insert("detail".to_owned(), detail.as_str().into());
            }
            None => {}
        }
        document.insert("kind".to_owned(), self.kind.into());
        document.insert("request_id".to_owned(), request_id.as_str().into());
        for (name, value) in &self.facts {
            document.entry(name.as_str()).or_insert_with(|| value.clone());
        }
        Value::Object(document)
    }

    fn render(&self, request_id: &RequestId) -> Response {
        let mut body = self.document(request_id).to_string();
        body.push('\n');
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers.clone());
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

impl IntoResponse for Problem {
    /// A response without a body; [`last_door`] writes the document.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.status;
        response.extensions_mut().insert(Arc::<Words>::from(self.0));
        response
    }
}

/// The kind of the problem that a response is, before it is written.
pub(crate) fn kind(response: &Response) -> Option<&'static str> {
    response.extensions().get::<Arc<Words>>().map(|words| words.kind)
}

/// The layer that gives a request its id, writes problems as documents and logs failures of ours.
pub(crate) async fn last_door(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::debug_span!("request", request.id = id.as_str(), %method);
    let mut response = next.run(request).instrument(span).await;
    if let Some(problem) = response.extensions_mut().remove::<Arc<Words>>() {
        log(problem.cause.as_ref(), problem.status, &id, &method, &path);
        response = keep_fields(&response, problem.render(&id));
    } else if is_unspoken(&response) {
        let problem = Problem::plain(response.status()).0;
        log(None, response.status(), &id, &method, &path);
        response = keep_fields(&response, problem.render(&id));
    } else if response.status().is_server_error() {
        let cause = response.extensions_mut().remove::<Cause>();
        log(cause.as_ref(), response.status(), &id, &method, &path);
    }
    response.headers_mut().insert(X_REQUEST_ID, id.header());
    response
}

/// Whether a library answered an error by itself.
fn is_unspoken(response: &Response) -> bool {
    let status = response.status();
    let text = response.headers().get(header::CONTENT_TYPE);
    (status.is_client_error() || status.is_server_error())
        && text.is_none_or(|t| t.as_bytes().starts_with(b"text/plain"))
}

/// Fields that layers further in put on the answer stay on it (`Allow`, CORS), and so does the reason of a status that
/// has none of its own.
fn keep_fields(old: &Response, mut new: Response) -> Response {
    for (name, value) in old.headers() {
        if name != header::CONTENT_LENGTH && !new.headers().contains_key(name) {
            new.headers_mut().append(name, value.clone());
        }
    }
    if let Some(reason) = old.extensions().get::<ReasonPhrase>() {
        new.extensions_mut().insert(reason.clone());
    }
    new
}

/// Logs a failure of ours, with its whole chain of causes.
fn log(cause: Option<&Cause>, status: StatusCode, id: &RequestId, method: &Method, path: &str) {
    if !status.is_server_error() {
        return;
    }
    let chain = cause.map(|Cause(cause)| chain(cause.as_ref())).unwrap_or_default();
    tracing::error!(
        request.id = id.as_str(),
        %method,
        path,
        status = status.as_u16(),
        error = chain,
        "a request failed"
    );
}

/// An error and everything behind it, from the outside in.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// The kind of a problem that its status says all about.
fn kind_of_status(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "bad_request",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "too_long",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "header_too_long",
        _ if status.is_server_error() => "internal",
        _ => "",
    }
}

/// Chunk numbers, or ranges of them, that a document lists at most; the rest is told when these are there.
const MAX_NUMBERS: usize = 1_000;

/// Inclusive ranges of chunk numbers as a list of numbers, cut off after a thousand.
pub(crate) fn numbers(ranges: impl IntoIterator<Item = (u64, u64)>) -> Value {
    let all = ranges.into_iter().flat_map(|(first, last)| first..=last);
    Value::Array(all.take(MAX_NUMBERS).map(Value::from).collect())
}

/// Inclusive ranges of chunk numbers as pairs, cut off after a thousand.
pub(crate) fn ranges(ranges: impl IntoIterator<Item = (u64, u64)>) -> Value {
    Value::Array(ranges.into_iter().take(MAX_NUMBERS).map(|(first, last)| json!([first, last])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> RequestId {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_static("r-1"));
        RequestId::of(&headers)
    }

    #[test]
    fn a_4xx_tells_its_facts() {
        let problem = Problem::new(StatusCode::CONFLICT, "incomplete", "Bytes are missing")
            .detail("20 bytes are missing")
            .fact("missing", numbers([(3, 3), (9, 10)]));
        let expected = json!({
            "type": "urn:cairn:error:incomplete", "title": "Bytes are missing", "status": 409,
            "detail": "20 bytes are missing", "kind": "incomplete", "request_id": "r-1", "missing": [3, 9, 10],
        });
        assert_eq!(problem.0.document(&id()), expected);
    }

    #[test]
    fn a_5xx_tells_one_constant_sentence() {
        let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal failure")
            .detail("the disk at /secret is broken");
        let document = problem.0.document(&id());
        assert_eq!(document["detail"], OUR_FAULT);
        assert!(!document.to_string().contains("secret"));
    }

    #[test]
    fn a_fact_never_hides_a_member_of_the_document() {
        let problem = Problem::bad("bad_json", "Not JSON").fact("status", 200);
        assert_eq!(problem.0.document(&id())["status"], 400);
    }

    #[test]
    fn long_lists_of_numbers_are_cut_off() {
        assert_eq!(numbers([(1, u64::MAX)]).as_array().map(Vec::len), Some(1000));
    }
}
