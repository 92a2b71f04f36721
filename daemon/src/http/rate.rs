//! The layer that makes clients wait that ask too often, or refuses them. What looks at the daemon itself is let through.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;

use super::door::Door;
use super::peer::Peer;
use super::problem::Problem;
use crate::limits::Turn;

/// Paths that nobody is made to wait for.
const FREE: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The layer.
pub(crate) async fn rate(State(door): State<Door>, request: Request, next: Next) -> Response {
    let address = request.extensions().get::<Peer>().and_then(|peer| peer.address);
    let Some(address) = address.filter(|_| !FREE.contains(&request.uri().path())) else {
        return next.run(request).await;
    };
    let turn = door.house.requests.ask(address, &door.house.config().limits);
    match turn {
        Turn::After(Duration::ZERO) => {}
        Turn::After(wait) => tokio::time::sleep(wait).await,
        Turn::Refused(wait) => return too_many(wait).into_response(),
    }
    next.run(request).await
}

/// Whole seconds, rounded up: whoever waits as long is let through.
fn too_many(wait: Duration) -> Problem {
    let seconds = wait.as_millis().div_ceil(1000).max(1);
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests")
        .detail(format!("ask again in {seconds} s"))
        .fact("retry_after", seconds)
        .header(RETRY_AFTER, seconds.into())
}
