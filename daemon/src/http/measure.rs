//! Requests counted by method, route and class of status, from the head to the end of the answer's body.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{Method, StatusCode};

use super::door::Door;
use super::held::Held;
use crate::metrics::Metrics;

/// The route of a request that has none.
const NO_ROUTE: &str = "none";

/// The layer.
pub(crate) async fn measure(State(door): State<Door>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let response = next.run(request).await;
    let metrics = Arc::clone(&door.house.metrics);
    let answered = Answered { metrics, method, route, status: response.status(), started };
    response.map(|body| Held::body(body, answered))
}

/// A request that is counted when its answer is over, whole or broken off.
struct Answered {
    metrics: Arc<Metrics>,
    method: Method,
    route: String,
    status: StatusCode,
    started: Instant,
}

impl Drop for Answered {
    fn drop(&mut self) {
        self.metrics.request(&self.method, &self.route, self.status, self.started.elapsed());
    }
}
