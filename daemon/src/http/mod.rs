//! HTTP: every route of every protocol and every layer, in order, on this one screen.
//!
//! Protocol modules own two tables and no state: request grammar to engine command, and engine answer or refusal to
//! response. They keep no map, start no task and touch no store.

mod appending;
pub(crate) mod audited;
mod bandwidth;
mod body;
mod caller;
mod compat;
mod content;
mod cors;
mod digests;
pub(crate) mod door;
mod front;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod handshake;
mod health;
mod held;
mod identify;
mod linger;
mod links;
mod measure;
pub(crate) mod native;
mod numbers;
mod pace;
mod patience;
pub(crate) mod peer;
pub(crate) mod problem;
mod rate;
mod request_id;
mod resumable;
mod routing;
mod serve;
mod standing;
mod throng;
mod tus;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use http::StatusCode;

pub(crate) use self::native::json::rfc3339;
pub(crate) use self::serve::serve_router;
pub use self::serve::{Listener, serve};

use self::compat::{files as by_hash, uploads as parts};
use self::door::Door;
use self::native::{account, files, links as signed, uploads};
use self::problem::Problem;
use self::resumable::{targets, uploads as drafts};
use self::routing::{Methods, Routes, get, head, post, put};
use self::tus::uploads as transfers;
use crate::audit::Deed::{self, Abort, Ask, Begin, Bring, Complete, Link, Name, Prove, Remove};
use crate::auth::Needed::{Admin, Either, Open, Read, Write};
use crate::config::Config;

/// Every route, with what each of its methods needs, and what it does for the audit log.
fn table(config: &Config) -> Routes {
    let mut routes = Routes::default()
        .route("/healthz", get(Open, Ask, health::healthz))
        .route("/readyz", get(Open, Ask, health::readyz))
        .route("/metrics", get(Admin, Ask, health::metrics))
        .route("/v1/me", get(Either, Ask, account::me))
        .route("/v1/links", post(Either, Link, signed::create))
        .route("/v1/uploads", post(Write, Begin, uploads::create).get(Either, Ask, uploads::list))
        .route(
            "/v1/uploads/{id}",
            get(Either, Ask, uploads::show).patch(Write, Bring, uploads::append).delete(
                Write,
                Abort,
                uploads::abort,
            ),
        )
        .route("/v1/uploads/{id}/chunks/{number}", put(Write, Bring, uploads::put_chunk))
        .route("/v1/uploads/{id}/complete", post(Write, Complete, uploads::complete))
        .route("/v1/uploads/{id}/proof", post(Write, Prove, uploads::prove))
        .route("/v1/files", get(Read, Ask, files::list))
        .route("/v1/files/", any_of_a_file())
        .route("/v1/files/{*path}", any_of_a_file());
    if config.protocols.compat {
        routes = routes.merge(compat_routes());
    }
    if config.protocols.tus {
        routes = routes.merge(tus_routes(&config.protocols.tus_path));
    }
    if config.protocols.resumable {
        routes = routes.merge(resumable_routes(&config.protocols.resumable_path));
    }
    routes
}

/// Every route of this configuration, a line each: method, path, what it needs.
pub(crate) fn routes_text(config: &Config) -> String {
    let (_, table) = table(config).split();
    let rows = table.iter().flat_map(|(path, methods)| methods.iter().map(move |row| (path, row)));
    rows.map(|(path, (method, needed, _))| format!("{method} {path} {needed:?}\n")).collect()
}

/// Every route, and around them every layer.
///
/// A request passes the layers from the last one to the first: `measure` is outermost and counts whatever happens
/// further in; then `last_door`, so that every refusal has an id and is a problem document; then the courtesies of tus and of the draft, which put
/// fields on every answer under their paths; then CORS, so that a page
/// can read refusals too; then `front`, before anything looks at the head; then `linger`, which takes care of what a
/// handler leaves of the body; then `audited`, which writes down who did what; then `identify`, which finds out who
/// asks, whether they may, and whether they ask too often.
fn routes(door: Door) -> Router {
    let config = door.house.config();
    let (router, table) = table(&config).split();
    let mut routes = router
        .fallback(no_route)
        .layer(from_fn_with_state((door.clone(), Arc::clone(&table)), identify::identify))
        .layer(from_fn_with_state((door.clone(), table), audited::audited))
        .layer(from_fn_with_state(door.clone(), linger::linger))
        .layer(from_fn_with_state(door.clone(), front::front));
    if let Some(cors) = cors::layer(&config.server.cors_origins) {
        routes = routes.layer(cors).layer(from_fn(cors::only_for_allowed));
    }
    if config.protocols.tus {
        routes = routes.layer(from_fn_with_state(door.clone(), tus::courtesy));
    }
    if config.protocols.resumable {
        routes = routes.layer(from_fn_with_state(door.clone(), resumable::courtesy));
    }
    routes
        .layer(from_fn(problem::last_door))
        .layer(from_fn_with_state(door.clone(), measure::measure))
        .with_state(door)
}

/// The tutorial's API.
fn compat_routes() -> Routes {
    Routes::default()
        .route("/file/mpupload/init", post(Write, Begin, parts::init))
        .route("/file/mpupload/uppart", post(Write, Bring, parts::uppart))
        .route("/file/mpupload/complete", post(Write, Complete, parts::complete))
        .route("/file/mpupload/status", get(Either, Ask, parts::status).post(Either, Ask, parts::status))
        .route("/file/mpupload/cancel", post(Write, Abort, parts::cancel))
        .route("/file/fastupload", post(Write, Deed::Write, by_hash::fastupload))
        .route("/file/query", get(Read, Ask, by_hash::query).post(Read, Ask, by_hash::query))
        .route("/file/meta", get(Read, Ask, by_hash::meta).post(Read, Ask, by_hash::meta))
        .route("/file/update", post(Write, Name, by_hash::update))
        .route("/file/delete", post(Write, Remove, by_hash::delete).delete(Write, Remove, by_hash::delete))
        .route(
            "/file/download",
            get(Read, Deed::Read, by_hash::download).post(Read, Deed::Read, by_hash::download),
        )
        .route("/file/downloadurl", post(Read, Ask, by_hash::downloadurl))
}

/// tus's uploads. Whoever does not say the version gets no further than `speak`.
fn tus_routes(path: &str) -> Routes {
    let all = || post(Write, Begin, transfers::create).options(transfers::options);
    let one = head(Either, Ask, transfers::head)
        .patch(Write, Bring, transfers::patch)
        .delete(Write, Abort, transfers::remove)
        .get(Read, Deed::Read, transfers::get)
        .post(Write, Bring, transfers::overridden)
        .options(transfers::options);
    Routes::default()
        .route(path.trim_end_matches('/'), all())
        .route(path, all())
        .route(&format!("{path}{{*id}}"), one)
        .within(|router| router.layer(from_fn(tus::speak)))
}

/// The draft's uploads.
fn resumable_routes(path: &str) -> Routes {
    let all = || post(Write, Begin, targets::create).options(resumable::options);
    let one = get(Either, Ask, drafts::head)
        .patch(Write, Bring, drafts::patch)
        .delete(Write, Abort, drafts::remove)
        .options(resumable::options);
    Routes::default()
        .route(path.trim_end_matches('/'), all())
        .route(path, all())
        .route(&format!("{path}{{id}}"), one)
}

/// The methods of a file's path: `PUT` and `POST` go on as the draft's if they say so. The empty path is routed too, so that it is refused as a path.
fn any_of_a_file() -> Methods {
    get(Read, Deed::Read, files::get)
        .put(Write, Deed::Write, targets::put)
        .post(Write, Name, targets::post)
        .delete(Write, Remove, files::remove)
        .options(resumable::options)
}

pub(crate) async fn no_route() -> Problem {
    Problem::plain(StatusCode::NOT_FOUND)
}
