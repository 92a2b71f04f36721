//! Bodies on their way in: raw bytes for the engine, and small JSON documents.
//!
//! A raw body is not polled before the engine polls it, so that `100 Continue` is sent only after every check that
//! needs no body. A body that breaks off is an error of the stream and never its end.

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use cairn_engine::Refusal;
use cairn_engine::engine::Incoming;
use cairn_engine::refusal::BodyError;
use futures_util::stream::{self, BoxStream, StreamExt};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, HeaderMap};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::digests;
use super::door::Limits;
use super::numbers;
use super::pace::Watch;
use super::problem::Problem;

/// A request's raw body for the engine, which knows how long it may be.
///
/// # Errors
/// 400 `bad_digest` if `Content-Digest` is malformed.
pub(crate) fn incoming(headers: &HeaderMap, body: Body, limits: &Limits) -> Result<Incoming, Problem> {
    let digests = digests::content_digest(headers)?;
    let body = watched(body, limits, u64::MAX);
    Ok(Incoming { body, length: content_length(headers), digests })
}

/// Bytes announced, if they were.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok().and_then(numbers::decimal)
}

/// The bytes of a body, each wait for more of them bounded.
pub(crate) fn watched(
    body: Body,
    limits: &Limits,
    limit: u64,
) -> BoxStream<'static, Result<Bytes, BodyError>> {
    let watch = Watch::of(limits);
    stream::unfold(Some((body.into_data_stream(), limit, watch)), move |state| async move {
        let (mut body, left, mut watch) = state?;
        match next_bytes(&mut body, &mut watch).await? {
            Ok(bytes) => match left.checked_sub(bytes.len() as u64) {
                Some(left) => Some((Ok(bytes), Some((body, left, watch)))),
                None => Some((Err(BodyError::TooLong { limit }), None)),
            },
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

/// [`watched`], and the fields of the trailer once the body is at its end, if it has one.
pub(crate) fn watched_with_trailer(
    body: Body,
    limits: &Limits,
) -> (BoxStream<'static, Result<Bytes, BodyError>>, oneshot::Receiver<HeaderMap>) {
    let (tell, told) = oneshot::channel();
    let watch = Watch::of(limits);
    let bytes = stream::unfold(Some((body, tell, watch)), move |state| async move {
        let (mut body, tell, mut watch) = state?;
        loop {
            match watch.wait(body.frame()).await {
                Err(error) => return Some((Err(error), None)),
                Ok(None) => return None,
                Ok(Some(Err(_))) => return Some((Err(BodyError::Broken), None)),
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) if bytes.is_empty() => {}
                    Ok(bytes) => match watch.took(bytes.len()) {
                        Ok(()) => return Some((Ok(bytes), Some((body, tell, watch)))),
                        Err(error) => return Some((Err(error), None)),
                    },
                    Err(frame) => {
                        // Nothing comes after a trailer. Who asked may be gone.
                        let _ = frame.into_trailers().map(|fields| tell.send(fields));
                        return None;
                    }
                },
            }
        }
    });
    (bytes.boxed(), told)
}

/// The next bytes that are not none.
async fn next_bytes(body: &mut BodyDataStream, watch: &mut Watch) -> Option<Result<Bytes, BodyError>> {
    loop {
        match watch.wait(body.next()).await {
            Err(error) => return Some(Err(error)),
            Ok(None) => return None,
            Ok(Some(Err(_))) => return Some(Err(BodyError::Broken)),
            Ok(Some(Ok(bytes))) if bytes.is_empty() => {}
            Ok(Some(Ok(bytes))) => return Some(watch.took(bytes.len()).map(|()| bytes)),
        }
    }
}

/// A small body, whole.
///
/// # Errors
/// It is longer than is allowed, breaks off or stalls.
pub(crate) async fn small(headers: &HeaderMap, body: Body, limits: &Limits) -> Result<Bytes, Refusal> {
    let limit = limits.max_json_bytes;
    let refuse = |error| Refusal::Body { error, kept: 0 };
    if content_length(headers).is_some_and(|length| length > limit) {
        return Err(refuse(BodyError::TooLong { limit }));
    }
    let mut stream = watched(body, limits, limit);
    let mut whole = BytesMut::new();
    while let Some(bytes) = stream.next().await {
        whole.extend_from_slice(&bytes.map_err(refuse)?);
    }
    Ok(whole.freeze())
}

/// A JSON object; an empty body is an empty one.
///
/// # Errors
/// 400 `bad_json` with line and column.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    let bad =
        || Problem::new(StatusCode::BAD_REQUEST, "bad_json", "The body is not the JSON that is asked for");
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(bad().detail("the body must be a JSON object")),
        Err(error) => {
            Err(bad().detail(&error).fact("line", error.line() as u64).fact("column", error.column() as u64))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(frames: Vec<Result<&'static [u8], std::io::Error>>) -> Body {
        Body::from_stream(stream::iter(frames.into_iter().map(|frame| frame.map(Bytes::from_static))))
    }

    async fn read(body: Body, limit: u64) -> Vec<Result<Bytes, BodyError>> {
        watched(body, &Limits::default(), limit).collect().await
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_an_error_and_not_an_end() {
        let broken = body_of(vec![Ok(b"ab"), Err(std::io::Error::other("reset"))]);
        assert_eq!(read(broken, 10).await, [Ok(Bytes::from_static(b"ab")), Err(BodyError::Broken)]);
        let whole = body_of(vec![Ok(b"ab"), Ok(b""), Ok(b"c")]);
        assert_eq!(read(whole, 3).await, [Ok(Bytes::from_static(b"ab")), Ok(Bytes::from_static(b"c"))]);
    }

    #[tokio::test]
    async fn a_body_past_its_limit_ends_in_an_error() {
        let long = body_of(vec![Ok(b"ab"), Ok(b"cd")]);
        let read = read(long, 3).await;
        assert_eq!(read, [Ok(Bytes::from_static(b"ab")), Err(BodyError::TooLong { limit: 3 })]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_body_has_stalled() {
        let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(read(silent, 3).await, [Err(BodyError::Stalled)]);
    }

    #[tokio::test]
    async fn a_small_body_longer_than_announced_limits_is_refused() {
        let limits = Limits { max_json_bytes: 3, ..Limits::default() };
        let refused = small(&HeaderMap::new(), body_of(vec![Ok(b"abcd")]), &limits).await;
        let error = BodyError::TooLong { limit: 3 };
        assert!(matches!(refused, Err(Refusal::Body { error: e, kept: 0 }) if e == error));
        let taken = small(&HeaderMap::new(), body_of(vec![Ok(b"ab"), Ok(b"c")]), &limits).await;
        assert_eq!(taken.unwrap(), "abc");
    }

    #[test]
    fn only_an_object_or_nothing_is_taken() {
        assert_eq!(object(b" \n").unwrap(), Map::new());
        assert_eq!(object(b"{\"a\":1}").unwrap()["a"], 1);
        for bad in [&b"[]"[..], b"1", b"{", b"\xff"] {
            assert!(object(bad).is_err());
        }
    }
}
