//! IETF resumable uploads, interop versions 6 to 9: request grammar to engine command, engine answer or refusal to
//! response.
//!
//! [`fields`], [`creation`] and [`disposition`] are the one table, [`answers`] and [`refusals`] the other; [`uploads`]
//! is the lines between them for an upload that is there, [`targets`] for one that begins.
//!
//! A request begins a resumable upload if it carries a version that is spoken here and a valid `Upload-Complete`; any
//! other one is what it would be without this module. An upload's own address needs no version: it has no other
//! meaning.
//!
//! **104 is not sent.** The HTTP library offers no way to send an interim answer from a server: over HTTP/1 it writes
//! `100 Continue` by itself and nothing else, and over HTTP/2 it keeps to itself the handle that could. So a client
//! that is cut off in its creation before the answer does not learn the address; one that may lose its connection
//! creates with `Upload-Complete: ?0` and an empty body first. When the library can, the one place to send it from is
//! between the two lines of [`targets`] that begin an upload and fill it; its fields are those of [`answers::begun`].

pub(crate) mod answers;
mod creation;
mod disposition;
mod fields;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod refusals;
pub(crate) mod targets;
pub(crate) mod uploads;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{Method, StatusCode};

use self::fields::{UPLOAD_DRAFT_INTEROP_VERSION, UPLOAD_LIMIT};
use super::door::Door;

/// `OPTIONS`: what there is to tell is told by the layer around.
pub(crate) async fn options() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// The layer around everything: answers under the path of uploads repeat the version that was asked in, and one to
/// `OPTIONS`, there and under a file's path, tells the limits.
pub(crate) async fn courtesy(State(door): State<Door>, request: Request, next: Next) -> Response {
    let config = door.house.config();
    let path = request.uri().path();
    let ours = path.starts_with(&config.protocols.resumable_path)
        || Some(path) == config.protocols.resumable_path.strip_suffix('/');
    let told = *request.method() == Method::OPTIONS && (ours || path.starts_with("/v1/files/"));
    let version = fields::version(request.headers()).filter(|_| ours);
    let mut response = next.run(request).await;
    let fields = response.headers_mut();
    if let Some(version) = version {
        fields.insert(UPLOAD_DRAFT_INTEROP_VERSION, version.into());
    }
    if told {
        fields.insert(UPLOAD_LIMIT, answers::limits(&door.engine.policy()));
    }
    response
}
