//! HTTP: every route of every protocol and every layer, in order, on this one screen.
//!
//! Protocol modules own two tables and no state: request grammar to engine command, and engine answer or refusal to
//! response. They keep no map, start no task and touch no store.

mod body;
mod caller;
mod compat;
mod content;
mod cors;
mod digests;
mod door;
mod front;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod handshake;
mod health;
mod held;
mod linger;
mod measure;
mod native;
mod numbers;
mod patience;
mod peer;
pub(crate) mod problem;
mod request_id;
mod serve;
mod throng;
mod tus;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, head, post, put};
use http::StatusCode;

pub(crate) use self::native::json::rfc3339;
pub(crate) use self::serve::serve_router;
pub use self::serve::{Listener, serve};

use self::compat::{files as by_hash, uploads as parts};
use self::door::Door;
use self::native::{account, files, uploads};
use self::problem::Problem;
use self::tus::uploads as transfers;

/// Every route, and around them every layer.
///
/// A request passes the layers from the last one to the first: `measure` is outermost and counts whatever happens
/// further in; then `last_door`, so that every refusal has an id and is a problem document; then tus's courtesy, which puts fields on every answer
/// under its path; then CORS, so that a page
/// can read refusals too; then `front`, before anything looks at the head; then `linger`, which takes care of what a
/// handler leaves of the body.
fn routes(door: Door) -> Router {
    let config = door.house.config();
    let mut routes = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/v1/me", get(account::me))
        .route("/v1/uploads", post(uploads::create).get(uploads::list))
        .route("/v1/uploads/{id}", get(uploads::show).patch(uploads::append).delete(uploads::abort))
        .route("/v1/uploads/{id}/chunks/{number}", put(uploads::put_chunk))
        .route("/v1/uploads/{id}/complete", post(uploads::complete))
        .route("/v1/uploads/{id}/proof", post(uploads::prove))
        .route("/v1/files", get(files::list))
        .route("/v1/files/", any_of_a_file())
        .route("/v1/files/{*path}", any_of_a_file());
    if config.protocols.compat {
        routes = routes
            .route("/file/mpupload/init", post(parts::init))
            .route("/file/mpupload/uppart", post(parts::uppart))
            .route("/file/mpupload/complete", post(parts::complete))
            .route("/file/mpupload/status", get(parts::status).post(parts::status))
            .route("/file/mpupload/cancel", post(parts::cancel))
            .route("/file/fastupload", post(by_hash::fastupload))
            .route("/file/query", get(by_hash::query).post(by_hash::query))
            .route("/file/meta", get(by_hash::meta).post(by_hash::meta))
            .route("/file/update", post(by_hash::update))
            .route("/file/delete", post(by_hash::delete).delete(by_hash::delete))
            .route("/file/download", get(by_hash::download).post(by_hash::download))
            .route("/file/downloadurl", post(by_hash::downloadurl));
    }
    if config.protocols.tus {
        routes = routes.merge(tus_routes(&config.protocols.tus_path));
    }
    routes = routes
        .fallback(no_route)
        .layer(from_fn_with_state(door.clone(), linger::linger))
        .layer(from_fn_with_state(door.clone(), front::front));
    if let Some(cors) = cors::layer(&config.server.cors_origins) {
        routes = routes.layer(cors).layer(from_fn(cors::only_for_allowed));
    }
    if config.protocols.tus {
        routes = routes.layer(from_fn_with_state(door.clone(), tus::courtesy));
    }
    routes
        .layer(from_fn(problem::last_door))
        .layer(from_fn_with_state(door.clone(), measure::measure))
        .with_state(door)
}

/// tus's uploads. Whoever does not say the version gets no further than `speak`.
fn tus_routes(path: &str) -> Router<Door> {
    let all = || post(transfers::create).options(transfers::options);
    let one = head(transfers::head)
        .patch(transfers::patch)
        .delete(transfers::remove)
        .get(transfers::get)
        .post(transfers::overridden)
        .options(transfers::options);
    Router::new()
        .route(path.trim_end_matches('/'), all())
        .route(path, all())
        .route(&format!("{path}{{*id}}"), one)
        .layer(from_fn(tus::speak))
}

/// The methods of a file's path. The empty path is routed too, so that it is refused as a path.
fn any_of_a_file() -> MethodRouter<Door> {
    get(files::get).put(files::put).post(files::rename_or_copy).delete(files::remove)
}

pub(crate) async fn no_route() -> Problem {
    Problem::plain(StatusCode::NOT_FOUND)
}
