//! Requests with a signed link: `?link=…`. The link alone decides what they may; other credentials count for nothing.
//!
//! | link | good for |
//! |---|---|
//! | upload | `PUT` of its path under `/v1/files/`, and `POST` to tus's uploads, which becomes an upload to its path |
//! | sending | `HEAD`, `PATCH` and `DELETE` of the one upload; tus's `Location` carries it |
//! | download | `GET` and `HEAD` of its path; `GET` alone if it is good for one use |
//!
//! | refusal | answer |
//! |---|---|
//! | there are no keys | 404 `links_off` |
//! | not a link, changed, of no key that is known, of a user who is disabled or gone | 403 `bad_link` |
//! | over, or used up | 410 `link_expired`, `link_spent` |
//! | good, but not for this | 403 `link_forbids`; 411 `length_required`, 413 `too_long`, 415 `link_content_type` |
//!
//! What a link says is put into the head of the request, so that every handler does what it does for everybody.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cairn_engine::{FilePath, Refusal, UploadId};
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY,
};
use http::{Method, StatusCode, Uri};

use super::caller::parameters;
use super::door::Door;
use super::native::grammar;
use super::numbers;
use super::problem::Problem;
use super::tus::metadata;
use crate::audit::Trail;
use crate::auth::{BadLink, By, Grant, Identity, Link, Rights};
use crate::config::{AuthMode, Protocols};

const FILE: &str = "/v1/files/{*path}";
const FILES: &str = "/v1/files/";
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
/// What a request says that begins an upload whose length is not known, or several, or by the draft.
const NOT_BY_LINK: [&str; 4] =
    ["upload-concat", "upload-defer-length", "upload-complete", "upload-draft-interop-version"];

/// What the link of a request is, if it has one: the text of every parameter of that name.
pub(crate) fn shown(uri: &Uri) -> Option<Vec<String>> {
    let shown: Vec<String> =
        parameters(uri).into_iter().filter(|(name, _)| name == "link").map(|(_, text)| text).collect();
    (!shown.is_empty()).then_some(shown)
}

/// Lets a request through that does what its link is good for.
pub(crate) async fn pass(door: &Door, mut request: Request, next: Next, shown: &[String]) -> Response {
    let link = match admitted(door, &mut request, shown).await {
        Ok(link) => link,
        Err(problem) => return problem.into_response(),
    };
    let begins = matches!(link.grant, Grant::Upload { .. }) && *request.method() == Method::POST;
    let mut response = next.run(request).await;
    if begins && response.status() == StatusCode::CREATED {
        carry_on(door, &link, response.headers_mut());
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// The link, if it holds and is good for the request, which is then its owner's.
async fn admitted(door: &Door, request: &mut Request, shown: &[String]) -> Result<Link, Problem> {
    let keys = &door.house.links;
    if !keys.are_there() {
        return Err(off());
    }
    let [text] = shown else { return Err(bad()) };
    let link = keys.read(text, door.engine.now()).map_err(|error| match error {
        BadLink::NotValid => bad(),
        BadLink::Expired => Problem::new(StatusCode::GONE, "link_expired", "The link is over"),
    })?;
    must_stand(door, &link).await?;
    let rights = agree(&link.grant, request, &door.house.config().protocols)?;
    if let Grant::Upload { once: true, .. } | Grant::Download { once: true, .. } = &link.grant {
        let spent = door.engine.spend_link(&link.id, link.expires_at).await;
        if !spent.map_err(Refusal::from)? {
            return Err(Problem::new(StatusCode::GONE, "link_spent", "The link was used already"));
        }
    }
    let identity = Identity { owner: link.owner.clone(), rights, by: By::Link(link.id.clone()), until: None };
    Trail::asked_by(&identity);
    request.extensions_mut().insert(identity);
    Ok(link)
}

/// Refuses the link of a user who is disabled, or is not the one who made it. Where users need not be known, an owner is
/// whoever they say they are.
async fn must_stand(door: &Door, link: &Link) -> Result<(), Problem> {
    let user = door.engine.user(&link.owner).await.map_err(Refusal::from)?;
    let stands = match user {
        Some(user) => !user.disabled && user.created_at <= link.made_at,
        None => door.house.config().auth.mode != AuthMode::Tokens,
    };
    if stands { Ok(()) } else { Err(bad()) }
}

/// Whether the request is what the link is good for; its head then says what the link does.
fn agree(grant: &Grant, request: &mut Request, protocols: &Protocols) -> Result<Rights, Problem> {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.as_deref().unwrap_or_default();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let headers = request.headers_mut();
    headers.remove(METHOD_OVERRIDE);
    match grant {
        Grant::Download { path, once } => {
            let reads = method == Method::GET || (method == Method::HEAD && !once);
            if route == FILE && reads && is_of(&uri, path) {
                return Ok(Rights { read: true, ..Rights::default() });
            }
        }
        Grant::Upload { path, max_length, content_type, .. } => {
            let asked = Asked { path, max_length: *max_length, content_type: content_type.as_deref() };
            let tus = protocols.tus_path.as_str();
            if route == FILE && method == Method::PUT && is_of(&uri, path) {
                asked.put(headers)?;
                return Ok(Rights { write: true, ..Rights::default() });
            }
            if (route == tus || route == tus.trim_end_matches('/')) && method == Method::POST {
                asked.create(headers)?;
                return Ok(Rights { write: true, ..Rights::default() });
            }
        }
        Grant::Sending { upload } => {
            let sends = matches!(method, Method::HEAD | Method::PATCH | Method::DELETE);
            let named = uri.path().strip_prefix(protocols.tus_path.as_str()).and_then(|id| id.parse().ok());
            if route == format!("{}{{*id}}", protocols.tus_path) && sends && named == Some(*upload) {
                return Ok(Rights { write: true, ..Rights::default() });
            }
        }
    }
    Err(forbids("it is good for another request than this one"))
}

fn is_of(uri: &Uri, path: &FilePath) -> bool {
    grammar::file_path(uri, FILES).is_ok_and(|named| named == *path)
}

/// What an upload link asks of an upload.
struct Asked<'a> {
    path: &'a FilePath,
    max_length: u64,
    content_type: Option<&'a str>,
}

impl Asked<'_> {
    /// A whole file in one request.
    fn put(&self, headers: &mut HeaderMap) -> Result<(), Problem> {
        must_be_plain(headers)?;
        self.must_fit(headers, &CONTENT_LENGTH)?;
        let said = headers.get(CONTENT_TYPE).map(HeaderValue::to_str).transpose();
        self.must_be_the_type(said.map_err(|_| self.another_type())?)?;
        if let Some(wanted) = self.content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(wanted).map_err(|_| self.another_type())?);
        }
        Ok(())
    }

    /// An upload by tus: its metadata name the path of the link, whatever name the client's file has.
    fn create(&self, headers: &mut HeaderMap) -> Result<(), Problem> {
        must_be_plain(headers)?;
        self.must_fit(headers, &HeaderName::from_static("upload-length"))?;
        let sent = metadata::of(headers)?;
        let said = sent.content_type();
        self.must_be_the_type(said.as_deref())?;
        let raw = headers.get(UPLOAD_METADATA).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let ours = ["filename", "name", "filetype", "type"];
        let key = |pair: &&str| !ours.contains(&pair.split(' ').next().unwrap_or_default());
        let mut pairs: Vec<String> = raw
            .split(',')
            .map(str::trim)
            .filter(|pair| !pair.is_empty())
            .filter(key)
            .map(str::to_owned)
            .collect();
        pairs.push(format!("filename {}", STANDARD.encode(self.path.as_str())));
        if let Some(media_type) = self.content_type.or(said.as_deref()) {
            pairs.push(format!("filetype {}", STANDARD.encode(media_type)));
        }
        let field =
            HeaderValue::from_str(&pairs.join(",")).map_err(|_| forbids("its metadata cannot be told"))?;
        headers.insert(UPLOAD_METADATA, field);
        Ok(())
    }

    /// The length must be told before anything is sent.
    fn must_fit(&self, headers: &HeaderMap, field: &HeaderName) -> Result<(), Problem> {
        let told = headers.get(field).and_then(|value| value.to_str().ok()).and_then(numbers::length);
        let length = told.ok_or_else(|| {
            Problem::new(StatusCode::LENGTH_REQUIRED, "length_required", "The length must be told")
                .detail(format!("with a link, {field} must say how many bytes there are"))
        })?;
        if length <= self.max_length {
            return Ok(());
        }
        Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_long", "Too long")
            .detail(format!("{length} bytes; the link allows {}", self.max_length))
            .fact("length", length)
            .fact("limit", self.max_length))
    }

    /// Another type than the link's is refused; none is the link's.
    fn must_be_the_type(&self, said: Option<&str>) -> Result<(), Problem> {
        match (self.content_type, said) {
            (Some(wanted), Some(said)) if !wanted.eq_ignore_ascii_case(said.trim()) => {
                Err(self.another_type())
            }
            _ => Ok(()),
        }
    }

    fn another_type(&self) -> Problem {
        let wanted = self.content_type.unwrap_or("one that is a text");
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "link_content_type", "Another media type")
            .detail(format!("the link is for {wanted}"))
    }
}

fn must_be_plain(headers: &HeaderMap) -> Result<(), Problem> {
    match NOT_BY_LINK.iter().find(|name| headers.contains_key(**name)) {
        Some(name) => Err(forbids(&format!("{name} has no place with a link"))),
        None => Ok(()),
    }
}

/// Puts into `Location` what the client needs to go on.
fn carry_on(door: &Door, link: &Link, headers: &mut HeaderMap) {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Some(location) = location else { return };
    let id = location.rsplit('/').next().and_then(|id| id.parse::<UploadId>().ok());
    let Some(upload) = id else { return };
    let sending = Link { id: door.engine.make_link_id(), grant: Grant::Sending { upload }, ..link.clone() };
    let text = door.house.links.sign(&sending).map(|text| format!("{location}?link={text}"));
    if let Some(value) = text.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(LOCATION, value);
    }
}

/// There are no links.
pub(crate) fn off() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "links_off", "There are no links")
        .detail("no key for links is configured")
}

fn bad() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "bad_link", "Not a link that holds")
}

fn forbids(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "link_forbids", "The link is not good for this").detail(detail)
}
