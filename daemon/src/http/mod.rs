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
mod health;
mod linger;
mod native;
mod numbers;
mod opening;
mod problem;
mod request_id;
mod serve;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post, put};
use http::StatusCode;

pub use self::door::{Door, Limits};
pub use self::serve::{Listener, serve, serve_router};

use self::compat::{files as course_files, uploads as course};
use self::native::{account, files, uploads};
use self::problem::Problem;

/// Every route, and around them every layer.
///
/// A request passes the layers from the last one to the first: `last_door` is outermost, so that whatever is refused
/// further in has an id and is a problem document; then CORS, so that a page can read refusals too; then `front`,
/// before anything looks at the head; then `linger`, which takes care of what a handler leaves of the body.
pub fn routes(door: Door) -> Router {
    let routes = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/v1/me", get(account::me))
        .route("/v1/uploads", post(uploads::create).get(uploads::list))
        .route("/v1/uploads/{id}", get(uploads::show).patch(uploads::append).delete(uploads::abort))
        .route("/v1/uploads/{id}/chunks/{number}", put(uploads::put_chunk))
        .route("/v1/uploads/{id}/complete", post(uploads::complete))
        .route("/v1/uploads/{id}/proof", post(uploads::prove))
        .route("/v1/files", get(files::list))
        .route(
            "/v1/files/{*path}",
            get(files::get).put(files::put).post(files::rename_or_copy).delete(files::remove),
        )
        .route("/file/mpupload/init", post(course::init))
        .route("/file/mpupload/uppart", post(course::uppart))
        .route("/file/mpupload/complete", post(course::complete))
        .route("/file/mpupload/status", get(course::status).post(course::status))
        .route("/file/mpupload/cancel", post(course::cancel))
        .route("/file/fastupload", post(course_files::fastupload))
        .route("/file/query", get(course_files::query).post(course_files::query))
        .route("/file/meta", get(course_files::meta).post(course_files::meta))
        .route("/file/update", post(course_files::update))
        .route("/file/delete", post(course_files::delete).delete(course_files::delete))
        .route("/file/download", get(course_files::download).post(course_files::download))
        .route("/file/downloadurl", post(course_files::downloadurl))
        .fallback(no_route)
        .layer(from_fn_with_state(door.clone(), linger::linger))
        .layer(from_fn_with_state(door.clone(), front::front));
    let routes = match cors::layer(&door.limits.cors_origins) {
        Some(cors) => routes.layer(cors).layer(from_fn(cors::only_for_allowed)),
        None => routes,
    };
    routes.layer(from_fn(problem::last_door)).with_state(door)
}

async fn no_route() -> Problem {
    Problem::plain(StatusCode::NOT_FOUND)
}
