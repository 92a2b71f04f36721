//! The layer that writes the audit log: it begins a request's trail, and tells how it was answered.

use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::door::Door;
use super::held::Held;
use super::native::json::rfc3339;
use super::peer::Peer;
use super::problem;
use super::request_id::RequestId;
use super::routing::{Table, deed};
use crate::audit::{Deed, Line, Trail};
use crate::house::House;

/// The layer.
pub(crate) async fn audited(
    State((door, table)): State<(Door, Arc<Table>)>,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let audit = &door.house.audit;
    if !audit.is_on() {
        return next.run(request).await;
    }
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let deed = deed(&table, route, request.method());
    let line = Line { time: rfc3339(door.engine.now()), ..head(&door, &request, parameters.as_ref().ok()) };
    let trail = Trail::begin(audit, deed, line);
    let response = trail.clone().follow(next.run(request)).await;
    trail.answered(response.status(), problem::kind(&response));
    // Content that is on its way is not read yet.
    response.map(|body| Held::body(body, trail))
}

/// What the head of a request tells.
fn head(door: &Door, request: &Request, parameters: Option<&RawPathParams>) -> Line {
    let of = |wanted: &str| {
        let mut found = parameters.into_iter().flatten().filter(|(name, _)| *name == wanted);
        found.next().map(|(_, value)| value.to_owned())
    };
    let extensions = request.extensions();
    Line {
        request_id: extensions.get::<RequestId>().map(|id| id.as_str().to_owned()).unwrap_or_default(),
        protocol: protocol(door, request.uri().path()),
        address: extensions.get::<Peer>().and_then(|peer| peer.address),
        upload: of("id"),
        path: of("path"),
        ..Line::default()
    }
}

fn protocol(door: &Door, path: &str) -> &'static str {
    let protocols = &door.house.config().protocols;
    match path {
        path if path.starts_with("/file/") => "compat",
        path if path.starts_with(protocols.tus_path.trim_end_matches('/')) => "tus",
        path if path.starts_with(protocols.resumable_path.trim_end_matches('/')) => "resumable",
        _ => "native",
    }
}

/// The same for the operator's socket: every verb has a line, and who it was is the system's word.
pub(crate) async fn operated(State(house): State<Arc<House>>, request: Request, next: Next) -> Response {
    if !house.audit.is_on() {
        return next.run(request).await;
    }
    let extensions = request.extensions();
    let route = extensions.get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let uid = extensions.get::<Peer>().and_then(|peer| peer.uid);
    let line = Line {
        time: rfc3339(house.engine.now()),
        request_id: extensions.get::<RequestId>().map(|id| id.as_str().to_owned()).unwrap_or_default(),
        protocol: "admin",
        verb: Some(format!("{} {route}", request.method())),
        by: Some("uid"),
        credential: uid.map(|uid| uid.to_string()),
        path: Some(request.uri().path().to_owned()),
        ..Line::default()
    };
    let deed = if request.method() == http::Method::GET { Deed::Ask } else { Deed::Operate };
    let trail = Trail::begin(&house.audit, deed, line);
    let response = trail.clone().follow(next.run(request)).await;
    trail.answered(response.status(), problem::kind(&response));
    response.map(|body| Held::body(body, trail))
}
