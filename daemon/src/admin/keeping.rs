//! The daemon as it is: status, configuration, sweeping.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use cairn_admin_api as api;
use cairn_engine::engine::{SweepReport, Sweeping};

use super::asking::{self, run};
use super::words;
use crate::config::Config;
use crate::house::House;
use crate::http::problem::Problem;
use crate::http::rfc3339;

/// What cannot be counted because a store does not answer is left out; that store's health says why.
pub(super) async fn status(State(house): State<Arc<House>>) -> Json<api::Status> {
    let (engine, config) = (&house.engine, house.config());
    let stores = engine.check().await.into_iter().map(|check| {
        let store = check.name();
        let standing = check.standing.unwrap_or_default();
        let facts = standing.facts.into_iter();
        api::StoreHealth {
            store,
            ok: check.answer.is_ok(),
            detail: check.answer.err().map(|error| chain(&error)),
            kind: Some(standing.kind).filter(|kind| !kind.is_empty()),
            facts: facts.map(|(name, value)| (name.to_owned(), value)).collect(),
            warnings: standing.warnings,
        }
    });
    let uploads = engine.count_uploads().await.unwrap_or_default();
    Json(api::Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        started_at: rfc3339(house.started_at),
        uptime_seconds: engine.now().since(house.started_at).as_secs(),
        data_dir: config.server.data_dir.display().to_string(),
        listen: config.server.listen.to_string(),
        stores: stores.collect(),
        uploads: uploads.iter().map(words::state_count).collect(),
        running_uploads: engine.running_uploads(),
        catalog: words::totals(engine.totals().await.unwrap_or_default()),
        free_bytes: engine.free_bytes().await.ok().flatten(),
        storages: engine
            .storage_totals()
            .await
            .unwrap_or_default()
            .into_iter()
            .map(words::storage_totals)
            .collect(),
    })
}

/// The configuration in force; secrets hide themselves.
pub(super) async fn config(State(house): State<Arc<House>>) -> Json<Config> {
    Json(house.config().as_ref().clone())
}

pub(super) async fn sweep(
    State(house): State<Arc<House>>,
    request: Result<Json<api::Sweep>, JsonRejection>,
) -> Result<Json<api::SweepReport>, Problem> {
    let request = asking::body(request)?;
    let how = Sweeping { dry_run: request.dry_run, forced: request.force };
    let swept = Arc::clone(&house);
    let report = run(&house, "sweep", async move { swept.sweep(how).await }).await?;
    Ok(Json(told(report, how.dry_run)))
}

fn told(report: SweepReport, dry_run: bool) -> api::SweepReport {
    let swept = report.swept.into_iter().map(|swept| api::Swept {
        reason: words::reason(swept.reason).to_owned(),
        what: swept.what,
        length: swept.length,
    });
    api::SweepReport {
        items: swept.collect(),
        waiting: report.waiting,
        held: report.held,
        away: report.away.iter().map(ToString::to_string).collect(),
        dry_run,
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
