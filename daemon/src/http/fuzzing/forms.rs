//! The parameters of the tutorial's API, in a query, an urlencoded form or a multipart one.

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use cairn_engine::Owner;
use futures_util::StreamExt as _;
use http::header::CONTENT_TYPE;

use super::names::must_be_harmless;
use super::target;
use crate::auth::Identity;
use crate::http::caller::Head;
use crate::http::compat::fuzzing::{Parameters, parameters, part};
use crate::http::door::Limits;
use crate::http::numbers::MAX_LENGTH;

/// More bytes of a body teach nothing.
const ENOUGH: usize = 4096;

/// A query and the same text as an urlencoded form: read alike, and every parameter is what it must be.
pub fn form_parameters(bytes: &[u8]) -> bool {
    let Some(uri) = target("/file/x?", bytes) else { return false };
    let of_query = Parameters::of_query(&uri).ok();
    let form = http::Request::builder().header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let query = uri.query().unwrap_or_default().to_owned();
    let Ok(form) = form.body(Body::from(query)) else { return false };
    let of_form = now(parameters(form, &Limits::default())).and_then(Result::ok);
    assert_eq!(of_query, of_form, "a query and a form are read alike");
    of_query.is_some_and(|parameters| hold(&parameters))
}

/// A multipart form, the boundary in the first line: how its bytes are cut into frames makes no difference.
pub fn multipart_form(bytes: &[u8]) -> bool {
    let Some(end) = bytes.iter().take(ENOUGH).position(|byte| *byte == b'\n') else { return false };
    let (boundary, body) = bytes.split_at(end);
    let body = Bytes::copy_from_slice(body.get(1..ENOUGH.min(body.len())).unwrap_or_default());
    let whole = read(boundary, std::iter::once(body.clone()).collect());
    let bytewise = read(boundary, (0..body.len()).map(|at| body.slice(at..=at)).collect());
    assert_eq!(whole, bytewise, "how a form is cut into frames makes a difference");
    whole.is_some_and(|(parameters, _)| hold(&parameters))
}

/// The parameters and the bytes of a part; `None` if it is refused, before its bytes or after them.
fn read(boundary: &[u8], frames: Vec<Bytes>) -> Option<(Parameters, Vec<u8>)> {
    let content_type = [b"multipart/form-data; boundary=", boundary].concat();
    let frames = futures_util::stream::iter(frames.into_iter().map(Ok::<_, std::convert::Infallible>));
    let request: Request = http::Request::builder()
        .uri("/file/mpupload/uppart?uploadid=1&index=1")
        .header(CONTENT_TYPE, content_type)
        .body(Body::from_stream(frames))
        .ok()?;
    now(async {
        let part = part(request, &Limits::default()).await.ok()?;
        let frames: Vec<_> = part.incoming.body.collect().await;
        let frames: Vec<Bytes> = frames.into_iter().collect::<Result<_, _>>().ok()?;
        Some((part.parameters, frames.concat()))
    })?
}

/// Whatever is read of any parameters is within its bounds; whether anything was.
fn hold(parameters: &Parameters) -> bool {
    let path = parameters.filename().ok().flatten();
    path.iter().for_each(must_be_harmless);
    let length = parameters.filesize().ok();
    assert!(length.is_none_or(|length| length <= MAX_LENGTH), "a length is below 2^63");
    let digest = parameters.filehash().ok();
    assert!(
        digest.as_ref().is_none_or(|digest| digest.to_string().parse().as_ref() == Ok(digest)),
        "a digest is not read again"
    );
    let chunk = parameters.chunkhash().ok().flatten();
    assert!(chunk.as_ref().is_none_or(|chunk| chunk.expected.len() == chunk.algorithm.output_length()));
    let nobody = Head { identity: Some(Identity::believed(Owner::default())), ..Head::default() };
    let asker = parameters.named_asker(&nobody).ok().flatten();
    let name = asker.as_ref().map(|asker| asker.0.as_str()).unwrap_or("x");
    assert!((1..=255).contains(&name.len()) && !name.chars().any(char::is_control), "the user {name:?}");
    let read = [path.is_some(), length.is_some(), digest.is_some(), chunk.is_some(), asker.is_some()];
    read.contains(&true) || parameters.index().is_ok() || parameters.uploadid().is_ok()
}

/// Runs what waits for nothing but bytes that are there.
fn now<T>(work: impl Future<Output = T>) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
    Some(runtime.block_on(work))
}
