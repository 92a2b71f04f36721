//! Words of the native API that are not JSON: ids, chunk numbers and paths in the URL, fields of the head, pages.

use axum::extract::{FromRequestParts, RawPathParams};
use cairn_engine::contracts::PageRequest;
use cairn_engine::{FilePath, UploadId};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use http::request::Parts;
use http::{StatusCode, Uri};

use super::members;
use super::refusals::UPLOAD_OFFSET;
use crate::http::caller::parameter;
use crate::http::door::Door;
use crate::http::numbers;
use crate::http::problem::Problem;

/// Items of a page if nothing is asked for.
const DEFAULT_LIMIT: usize = 100;
/// Items of a page at most.
const MAX_LIMIT: usize = 1_000;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The upload that the URL names. A text that is no id names none.
pub(crate) struct UploadInPath(pub(crate) UploadId);

impl FromRequestParts<Door> for UploadInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Problem> {
        let nobody = || Problem::from(cairn_engine::Refusal::NoUpload);
        let text = path_parameter(parts, door, "id").await.ok_or_else(nobody)?;
        text.parse().map(Self).map_err(|_| nobody())
    }
}

/// The chunk number that the URL names.
pub(crate) struct ChunkInPath(pub(crate) u64);

impl FromRequestParts<Door> for ChunkInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Problem> {
        let text = path_parameter(parts, door, "number").await.unwrap_or_default();
        numbers::decimal(&text).map(Self).ok_or_else(|| {
            Problem::bad("bad_chunk_number", "Not a chunk number")
                .detail("a chunk number is a whole number from 1, in decimal digits")
        })
    }
}

async fn path_parameter(parts: &mut Parts, door: &Door, wanted: &str) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, door).await.ok()?;
    parameters.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
}

/// The file's path that the URL names.
pub(crate) struct PathInPath(pub(crate) FilePath);

impl FromRequestParts<Door> for PathInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Door) -> Result<Self, Problem> {
        file_path(&parts.uri, "/v1/files/").map(Self)
    }
}

/// What follows `prefix` in the URL's path, decoded once, as a file's path.
pub(crate) fn file_path(uri: &Uri, prefix: &str) -> Result<FilePath, Problem> {
    let encoded = uri.path().strip_prefix(prefix).unwrap_or_default();
    let decoded = percent_encoding::percent_decode_str(encoded)
        .decode_utf8()
        .map_err(|_| Problem::bad("bad_path", "Not a path").detail("the path is not UTF-8"))?;
    members::path(&decoded)
}

/// The page that `cursor` and `limit` ask for.
pub(crate) fn page(uri: &Uri) -> Result<PageRequest, Problem> {
    let limit = parameter(uri, "limit").map_or(Some(DEFAULT_LIMIT), |text| {
        numbers::decimal(&text).and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=MAX_LIMIT).contains(n))
    });
    let limit = limit.ok_or_else(|| {
        Problem::bad("bad_limit", "Not a limit")
            .detail(format!("a limit is a whole number from 1 to {MAX_LIMIT}"))
    })?;
    Ok(PageRequest { cursor: parameter(uri, "cursor").filter(|cursor| !cursor.is_empty()), limit })
}

/// The key of an idempotent creation.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let sane = |text: &&str| (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    value.to_str().ok().filter(sane).map(|text| Some(text.to_owned())).ok_or_else(|| {
        Problem::bad("bad_idempotency_key", "Not an idempotency key")
            .detail("an idempotency key is 1 to 255 visible ASCII characters")
    })
}

/// The offset that an append begins at; its body must say that it is raw bytes.
pub(crate) fn append_offset(headers: &HeaderMap) -> Result<u64, Problem> {
    let content_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    if !media_type(content_type).eq_ignore_ascii_case(b"application/octet-stream") {
        return Err(Problem::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .detail("an append has Content-Type: application/octet-stream"));
    }
    let mut offsets = headers.get_all(UPLOAD_OFFSET).iter();
    let offset = offsets.next().and_then(|value| value.to_str().ok()).and_then(numbers::length);
    offset.filter(|_| offsets.next().is_none()).ok_or_else(|| {
        Problem::bad("bad_offset", "Not an offset")
            .detail("Upload-Offset is a whole number of bytes, in decimal digits, below 2^63")
    })
}

/// A media type without its parameters.
fn media_type(value: &[u8]) -> &[u8] {
    value.split(|b| *b == b';').next().unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_path_is_decoded_once_and_checked_after() {
        let read = |path: &str| file_path(&path.parse().unwrap(), "/v1/files/");
        assert_eq!(read("/v1/files/a/b%20c%2Fd").unwrap().as_str(), "a/b c/d");
        assert_eq!(read("/v1/files/%D0%B0").unwrap().as_str(), "а");
        assert_eq!(read("/v1/files/%252e%252e/a").unwrap().as_str(), "%2e%2e/a");
        let long = format!("/v1/files/{}", "x".repeat(4096));
        let bad =
            ["/v1/files/", "/v1/files/../a", "/v1/files/%2e%2e%2fa", "/v1/files/a%00", "/v1/files/a%0D%0Ab"];
        for path in bad.into_iter().chain(["/v1/files/%ff", "/v1/files/a//b", long.as_str()]) {
            assert!(read(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_page_has_1_to_1000_items_and_100_by_default() {
        let read = |query: &str| page(&format!("/v1/uploads?{query}").parse().unwrap());
        assert_eq!(read("").unwrap(), PageRequest::first(100));
        assert_eq!(read("limit=1000&cursor=a").unwrap().cursor.as_deref(), Some("a"));
        for bad in ["limit=0", "limit=1001", "limit=-1", "limit=ten", "limit=", "limit=1e2"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_append_says_its_type_and_one_offset() {
        let read = |kind: &str, offset: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap());
            headers.insert(UPLOAD_OFFSET, HeaderValue::from_str(offset).unwrap());
            append_offset(&headers).ok()
        };
        assert_eq!(read("application/octet-stream; q=1", "10"), Some(10));
        assert_eq!(read("text/plain", "10"), None);
        for bad in ["-1", "+5", "1.0", "", "9223372036854775808", "1e3"] {
            assert_eq!(read("application/octet-stream", bad), None, "{bad}");
        }
    }

    #[test]
    fn an_idempotency_key_is_short_and_visible() {
        let read = |key: &str| {
            let headers = HeaderMap::from_iter([(IDEMPOTENCY_KEY, HeaderValue::from_str(key).unwrap())]);
            idempotency_key(&headers).ok().flatten()
        };
        assert_eq!(read("a-1").as_deref(), Some("a-1"));
        assert_eq!(read(""), None);
        assert_eq!(read("a b"), None);
        assert_eq!(read(&"x".repeat(256)), None);
    }
}
