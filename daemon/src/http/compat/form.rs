//! Forms: parameters in an urlencoded body or in the fields of a multipart one.
//!
//! A multipart body is read as it comes. What is read before the field `file` is bounded, and so is what follows it;
//! `file` itself streams through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use cairn_engine::Refusal;
use cairn_engine::refusal::BodyError;
use futures_util::stream::{BoxStream, StreamExt};
use http::header::{CONTENT_TYPE, HeaderMap};
use multer::{Field, Multipart};

use super::envelope::Fault;
use super::parameters::Parameters;
use crate::http::body;
use crate::http::door::Limits;

/// The field that holds a part's bytes.
pub(crate) const FILE: &str = "file";

/// The parameters of a request that carries nothing else.
pub(crate) async fn parameters(request: Request, limits: &Limits) -> Result<Parameters, Fault> {
    let (head, body) = request.into_parts();
    let mut parameters = Parameters::of_query(&head.uri)?;
    if let Some(boundary) = boundary(&head.headers) {
        let mut form = Form::new(body, boundary, limits);
        while let Some(field) = form.next(&mut parameters).await? {
            // A file that nobody asked for.
            drop(field);
        }
    } else if is_urlencoded(&head.headers) {
        let bytes = body::small(&head.headers, body, limits).await?;
        for (name, value) in form_urlencoded::parse(&bytes) {
            parameters.add(name.into_owned(), value.into_owned())?;
        }
    }
    Ok(parameters)
}

/// The boundary of a multipart form. The tutorial's own client says `multipart/form-data` of a raw body, without one.
pub(crate) fn boundary(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    multer::parse_boundary(text).ok()
}

fn is_urlencoded(headers: &HeaderMap) -> bool {
    let text = headers.get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    text.to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded")
}

/// A multipart form as it comes.
pub(crate) struct Form {
    multipart: Multipart<'static>,
    /// Bytes that may still be read before a field must have ended.
    allowance: Arc<AtomicU64>,
    limit: u64,
}

impl Form {
    /// The form in a body.
    pub(crate) fn new(body: Body, boundary: String, limits: &Limits) -> Self {
        let limit = limits.max_json_bytes;
        let allowance = Arc::new(AtomicU64::new(limit));
        let bytes = body::watched(body, limits, u64::MAX);
        let multipart = Multipart::new(measured(bytes, Arc::clone(&allowance), limit), boundary);
        Self { multipart, allowance, limit }
    }

    /// Reads fields into the parameters until one is `file`, and answers that; `None` at the end of the form.
    pub(crate) async fn next(
        &mut self,
        parameters: &mut Parameters,
    ) -> Result<Option<Field<'static>>, Fault> {
        self.allowance.store(self.limit, Ordering::Relaxed);
        while let Some(mut field) = self.multipart.next_field().await.map_err(fault)? {
            let Some(name) = field.name().map(str::to_owned) else { continue };
            if name == FILE {
                self.allowance.store(u64::MAX, Ordering::Relaxed);
                return Ok(Some(field));
            }
            let mut value = Vec::new();
            while let Some(bytes) = field.chunk().await.map_err(fault)? {
                value.extend_from_slice(&bytes);
            }
            let value =
                String::from_utf8(value).map_err(|_| Fault::parameter(format!("{name} is not UTF-8")))?;
            parameters.add(name, value)?;
        }
        Ok(None)
    }
}

/// The bytes of a form, as many as are allowed.
///
/// The parser takes as much as it is given before it looks at it; so it is given one frame at a time.
fn measured(
    bytes: BoxStream<'static, Result<Bytes, BodyError>>,
    allowance: Arc<AtomicU64>,
    limit: u64,
) -> BoxStream<'static, Result<Bytes, BodyError>> {
    futures_util::stream::unfold(Some((bytes, false)), move |state| {
        let allowance = Arc::clone(&allowance);
        async move {
            let (mut bytes, given) = state?;
            if given {
                tokio::task::yield_now().await;
            }
            if allowance.load(Ordering::Relaxed) == 0 {
                return Some((Err(BodyError::TooLong { limit }), None));
            }
            let next = bytes.next().await?;
            let read = next.as_ref().map_or(0, |bytes| bytes.len() as u64);
            let left = allowance.load(Ordering::Relaxed);
            if left != u64::MAX {
                allowance.store(left.saturating_sub(read), Ordering::Relaxed);
            }
            Some((next, Some((bytes, true))))
        }
    })
    .boxed()
}

/// What a form that cannot be read is to the engine's eyes.
pub(crate) fn body_error(error: &multer::Error) -> BodyError {
    let ours = match error {
        multer::Error::StreamReadFailed(source) => source.downcast_ref::<BodyError>(),
        _ => None,
    };
    ours.cloned().unwrap_or(BodyError::Broken)
}

/// A form that cannot be read, before anything was done with it.
fn fault(error: multer::Error) -> Fault {
    match &error {
        multer::Error::StreamReadFailed(_) | multer::Error::IncompleteStream => {
            Refusal::Body { error: body_error(&error), kept: 0 }.into()
        }
        _ => Fault::parameter(format!("the form cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(content_type: &str, body: &'static [u8]) -> Request {
        let request = http::Request::builder().uri("/file/x?a=query").header(CONTENT_TYPE, content_type);
        request.body(Body::from(body)).unwrap()
    }

    const MULTIPART: &[u8] = b"--b\r\nContent-Disposition: form-data; name=\"filesize\"\r\n\r\n12\r\n\
        --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nbytes\r\n\
        --b\r\nContent-Disposition: form-data; name=\"filename\"\r\n\r\n\xd0\xb0\r\n--b--\r\n";

    #[tokio::test]
    async fn query_form_and_multipart_are_read_alike() {
        let limits = Limits::default();
        let form = request("application/x-www-form-urlencoded", b"a=form&filesize=12&filename=%D0%B0");
        let form = parameters(form, &limits).await.unwrap();
        let multipart =
            parameters(request("multipart/form-data; boundary=b", MULTIPART), &limits).await.unwrap();
        for read in [form, multipart] {
            assert_eq!(read.find("a"), Some("query"));
            assert_eq!(read.find("filesize"), Some("12"));
            assert_eq!(read.find("filename"), Some("а"));
        }
    }

    #[tokio::test]
    async fn a_form_that_breaks_off_or_is_none_is_refused() {
        let limits = Limits::default();
        for (body, code) in [(&MULTIPART[..70], -14), (b"what", -14)] {
            let refused = parameters(request("multipart/form-data; boundary=b", body), &limits).await;
            assert_eq!(refused.unwrap_err().code, code, "{}", body.escape_ascii());
        }
    }

    #[tokio::test]
    async fn parameters_are_bounded_whatever_the_form() {
        let limits = Limits { max_json_bytes: 32, ..Limits::default() };
        let long = "a=".to_owned() + &"x".repeat(40);
        let form = http::Request::builder()
            .uri("/")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(long))
            .unwrap();
        assert_eq!(parameters(form, &limits).await.unwrap_err().status.as_u16(), 413);
        let frames = std::iter::repeat_n(Ok::<_, BodyError>(Bytes::from_static(b"--b\r\nX: ")), 10);
        let endless = http::Request::builder()
            .uri("/")
            .header(CONTENT_TYPE, "multipart/form-data; boundary=b")
            .body(Body::from_stream(futures_util::stream::iter(frames)))
            .unwrap();
        assert_eq!(parameters(endless, &limits).await.unwrap_err().status.as_u16(), 413);
    }
}
