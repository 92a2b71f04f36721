//! A file's content on its way out: conditions, ranges, and fields that make any content safe to serve.

mod conditions;
mod disposition;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod range;
pub(crate) mod tags;

use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use cairn_engine::file::Blob;
use cairn_engine::{Algorithm, Digest, File, Refusal};
use futures_util::TryStreamExt;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use self::conditions::Verdict;
use self::range::Wanted;
use self::tags::Tag;
use super::digests::{REPR_DIGEST, repr_digest_of};
use super::door::Door;
use crate::audit::Trail;

/// What a page may do that is opened from our content: nothing.
const POLICY: HeaderValue = HeaderValue::from_static("sandbox; default-src 'none'");

/// Whether pages of other origins may make the content a part of theirs: what is not to be shown is not.
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The entity tag of a file's content: strong, from its identity.
pub(crate) fn entity_tag(file: &File) -> String {
    format!("\"{}\"", file.blob.hex())
}

/// The blob that a strong entity tag of ours names.
pub(crate) fn blob_of_tag(tag: &Tag) -> Option<Digest> {
    let bytes = cairn_engine::digest::unhex(&tag.opaque)?;
    (!tag.weak).then(|| Digest::new(Algorithm::Blake3, &bytes)).flatten()
}

/// When the content last changed, to the second, as HTTP tells it.
fn modified(file: &File) -> SystemTime {
    let seconds = Duration::from_secs(file.modified_at.0 / 1000);
    // Past the year 9999 HTTP has no dates.
    SystemTime::UNIX_EPOCH + seconds.min(Duration::from_secs(253_402_300_799))
}

/// Answers a `GET` or `HEAD` of a file with its content, the part that is asked for, or the news that the asker has it.
///
/// # Errors
/// [`Refusal::Precondition`], [`Refusal::Range`], [`Refusal::NoFile`] if the file went away meanwhile, or a store
/// failed.
pub(crate) async fn deliver(
    door: &Door,
    file: &File,
    name: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    Trail::about_file(file);
    let tag = entity_tag(file);
    match conditions::judge(headers, &tag, modified(file)) {
        Verdict::Go => {}
        Verdict::NotModified => return Ok((StatusCode::NOT_MODIFIED, validators(file)).into_response()),
        Verdict::Failed => return Err(Refusal::Precondition),
    }
    let range = match range::wanted(headers, &tag, modified(file), file.length) {
        Wanted::Whole => None,
        Wanted::Part(range) => Some(range),
        Wanted::Nothing => return Err(Refusal::Range { length: file.length }),
    };
    let (engine, named) = (door.engine.clone(), file.clone());
    let blob = door.run("blob_of", async move { engine.blob_of(&named).await }).await?;
    let fields = fields(file, name, &blob, range.as_ref());
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let range = range.unwrap_or(0..file.length);
    let body = match *method == Method::HEAD || range.is_empty() {
        true => Body::empty(),
        false => read(door, blob, range).await?,
    };
    Ok((status, fields, body).into_response())
}

async fn read(door: &Door, blob: Blob, range: std::ops::Range<u64>) -> Result<Body, Refusal> {
    let engine = door.engine.clone();
    let id = blob.id.to_string();
    let stream = door.run("read", async move { engine.read(&blob, range).await }).await?;
    // The status is sent already: all that can be done is to break off, so that nobody takes a part for the whole.
    let told = move |error: &_| {
        let error: &cairn_engine::contracts::StoreError = error;
        let cause = error.source.to_string();
        tracing::error!(blob.id = id, %error, cause, "a download broke off");
    };
    Ok(Body::from_stream(stream.inspect_err(told)))
}

/// The fields that tell which content this is.
fn validators(file: &File) -> HeaderMap {
    let mut fields = HeaderMap::new();
    put(&mut fields, header::ETAG, &entity_tag(file));
    put(&mut fields, header::LAST_MODIFIED, &httpdate::fmt_http_date(modified(file)));
    put(&mut fields, header::CACHE_CONTROL, "private, no-cache");
    fields
}

/// Every field of an answer with content.
fn fields(file: &File, name: &str, blob: &Blob, range: Option<&std::ops::Range<u64>>) -> HeaderMap {
    let mut fields = validators(file);
    let content_type = file.content_type.as_deref().unwrap_or("application/octet-stream");
    let length = range.map_or(file.length, |range| range.end.saturating_sub(range.start));
    put(&mut fields, header::CONTENT_TYPE, disposition::served_type(content_type));
    put(&mut fields, header::CONTENT_LENGTH, &length.to_string());
    put(&mut fields, header::ACCEPT_RANGES, "bytes");
    put(&mut fields, header::CONTENT_DISPOSITION, &disposition::of(name, content_type));
    put(&mut fields, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    fields.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    if !disposition::is_shown(content_type) {
        fields.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    }
    if let Some(digest) = repr_digest_of(&blob.digests) {
        put(&mut fields, REPR_DIGEST, &digest);
    }
    if let Some(range) = range {
        let last = range.end.saturating_sub(1);
        put(&mut fields, header::CONTENT_RANGE, &format!("bytes {}-{last}/{}", range.start, file.length));
    }
    fields
}

/// Puts a field on the answer; a value that no field may have is left out.
fn put(fields: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        fields.insert(name, value);
    }
}
