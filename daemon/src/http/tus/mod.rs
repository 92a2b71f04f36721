//! tus 1.0.0: request grammar to engine command, engine answer or refusal to response.
//!
//! [`fields`], [`metadata`], [`checksum`], [`concat`] and [`creation`] are the one table, [`answers`] and [`refusals`] the other;
//! [`uploads`] is the lines between them, one function per method. What tus knows of an upload and the engine does not
//! (the metadata as they were sent) is kept in the upload's own metadata, under `tus`.
//!
//! Two layers: [`speak`] lets nobody through who does not say this version; [`courtesy`], outside of everything that
//! may refuse a request, puts on every answer what tus wants on every answer.

mod answers;
mod checksum;
mod concat;
mod creation;
mod fields;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub(crate) mod location;
pub(crate) mod metadata;
mod refusals;
pub(crate) mod uploads;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::HeaderValue;
use http::{Method, StatusCode};

use self::fields::{
    TUS_CHECKSUM_ALGORITHM, TUS_EXTENSION, TUS_MAX_SIZE, TUS_RESUMABLE, TUS_VERSION, VERSION,
};
use super::door::Door;
use super::problem::Problem;

/// What is done beside the core.
const EXTENSIONS: HeaderValue = HeaderValue::from_static(
    "creation,creation-with-upload,creation-defer-length,expiration,checksum,checksum-trailer,termination,\
     concatenation",
);

/// The layer around tus's routes: another version, or none, is told which one there is, and has no effect.
pub(crate) async fn speak(request: Request, next: Next) -> Response {
    let free = matches!(*request.method(), Method::OPTIONS | Method::GET);
    let mut versions = request.headers().get_all(TUS_RESUMABLE).iter();
    let ours = versions.next() == Some(&VERSION) && versions.next().is_none();
    if free || ours {
        return next.run(request).await;
    }
    Problem::new(StatusCode::PRECONDITION_FAILED, "tus_version", "Not this version of tus")
        .detail("Tus-Resumable must be 1.0.0")
        .header(TUS_VERSION, VERSION)
        .into_response()
}

/// The layer around everything: every answer under tus's path says the version, and one to `OPTIONS` what there is.
pub(crate) async fn courtesy(State(door): State<Door>, request: Request, next: Next) -> Response {
    let config = door.house.config();
    let path = request.uri().path();
    let ours = path.starts_with(&config.protocols.tus_path)
        || Some(path) == config.protocols.tus_path.strip_suffix('/');
    let asks = *request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    if ours {
        let fields = response.headers_mut();
        fields.insert(TUS_RESUMABLE, VERSION);
        if asks {
            fields.insert(TUS_VERSION, VERSION);
            fields.insert(TUS_EXTENSION, EXTENSIONS);
            fields.insert(TUS_MAX_SIZE, door.engine.policy().max_length.into());
            fields.insert(TUS_CHECKSUM_ALGORITHM, checksum::names());
        }
    }
    response
}
