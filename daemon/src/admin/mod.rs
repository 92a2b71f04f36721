//! The admin API: HTTP and JSON over a unix socket, whose file mode is the access control.
//!
//! Its words live in [`cairn_admin_api`], its verbs are methods of the engine, and its refusals are those of the
//! native API. Nothing of it is reachable over TCP.

mod asking;
mod blobs;
mod files;
mod keeping;
mod leaving;
mod lines;
mod links;
mod rebuilding;
#[cfg(test)]
mod tests;
mod tokens;
mod uploads;
mod users;
mod walk;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use crate::house::House;
use crate::http::audited::operated;
use crate::http::problem::last_door;
use crate::http::{no_route, serve_router};

/// Serves the admin API until the shutdown begins and the running requests have ended.
pub async fn serve(house: Arc<House>, listener: UnixListener, shutdown: CancellationToken) {
    serve_router(house, routes, listener, shutdown).await;
}

/// Every route of the operator.
fn routes(house: Arc<House>) -> Router {
    Router::new()
        .route("/admin/v1/status", get(keeping::status))
        .route("/admin/v1/config", get(keeping::config))
        .route("/admin/v1/sweep", post(keeping::sweep))
        .route("/admin/v1/uploads", get(uploads::list))
        .route("/admin/v1/uploads/purge", post(uploads::purge))
        .route("/admin/v1/uploads/rebuild", post(rebuilding::rebuild))
        .route("/admin/v1/uploads/{id}", get(uploads::show))
        .route("/admin/v1/uploads/{id}/complete", post(uploads::complete))
        .route("/admin/v1/files", get(files::list))
        .route("/admin/v1/files/{owner}/{*path}", get(files::show).delete(files::remove))
        .route("/admin/v1/blobs", get(blobs::list))
        .route("/admin/v1/blobs/merge", post(blobs::merge))
        .route("/admin/v1/blobs/move", post(blobs::relocate))
        .route("/admin/v1/blobs/verify", post(blobs::verify))
        .route("/admin/v1/blobs/{digest}", get(blobs::show))
        .route("/admin/v1/users", get(users::list).post(users::add))
        .route("/admin/v1/users/{name}", get(users::show).post(users::change))
        .route("/admin/v1/users/{name}/remove", post(users::remove))
        .route("/admin/v1/tokens", get(tokens::list).post(tokens::add))
        .route("/admin/v1/tokens/{id}/revoke", post(tokens::revoke))
        .route("/admin/v1/links", post(links::add))
        .fallback(no_route)
        .layer(from_fn_with_state(Arc::clone(&house), operated))
        .layer(from_fn(last_door))
        .with_state(house)
}
