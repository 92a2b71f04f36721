//! Whether the daemon is well: `/healthz`, `/readyz`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cairn_engine::Refusal;
use cairn_engine::contracts::Standing;
use cairn_engine::engine::Checked;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde_json::{Map, Value, json};

use super::door::Door;
use super::problem::Problem;

/// `GET /healthz`: the process is up.
pub(crate) async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: every store answers, or 503 that names which do not; and how the stores are set up. A storage other
/// than the default one is named if it does not answer, and the daemon is ready all the same: others can be used.
pub(crate) async fn readyz(State(door): State<Door>) -> Response {
    if !door.house.is_ready() {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "Starting or stopping")
            .header(RETRY_AFTER, HeaderValue::from_static("5"))
            .into_response();
    }
    let engine = door.engine.clone();
    let checks = match door.run("check", async move { Ok::<_, Refusal>(engine.check().await) }).await {
        Ok(checks) => checks,
        Err(refusal) => return Problem::from(refusal).into_response(),
    };
    let standing: Map<String, Value> = checks
        .iter()
        .filter_map(|check| Some((check.name(), standing_json(check.standing.as_ref()?))))
        .collect();
    let words: Map<String, Value> = checks
        .iter()
        .map(|check| (check.name(), if check.answer.is_ok() { "ok" } else { "failing" }.into()))
        .collect();
    let failed: Vec<String> =
        checks.iter().filter(|check| check.answer.is_err()).map(Checked::name).collect();
    let vital = checks.into_iter().filter(Checked::is_vital);
    let Some(error) = vital.into_iter().find_map(|check| check.answer.err()) else {
        return Json(json!({ "status": "ready", "stores": words, "standing": standing })).into_response();
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "A store does not answer")
        .fact("failing", failed)
        .fact("stores", words)
        .fact("standing", standing)
        .header(RETRY_AFTER, HeaderValue::from_static("5"))
        .because(error)
        .into_response()
}

/// What is told of a store: its kind, its facts by name, and its warnings.
fn standing_json(standing: &Standing) -> Value {
    let mut told = Map::new();
    told.insert("kind".to_owned(), standing.kind.as_str().into());
    told.extend(standing.facts.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())));
    told.insert("warnings".to_owned(), standing.warnings.as_slice().into());
    Value::Object(told)
}

/// `GET /metrics`: the counters in the text format of OpenMetrics.
pub(crate) async fn metrics(State(door): State<Door>) -> Result<Response, Problem> {
    let house = door.house.clone();
    let text = door.run("scrape", async move { Ok::<_, Refusal>(house.scrape().await) }).await?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(content_type))], text).into_response())
}
