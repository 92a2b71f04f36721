//! The sweeper: what was joined and is not published yet is published as soon as the daemon starts; soon after that,
//! and then once per interval, what nothing needs any more is removed.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use cairn_engine::engine::{SweepReport, Sweeping};
use tokio::time::Instant;

use super::{pause, unless_stopping};
use crate::house::House;

/// How long the first sweep waits after the start, at most.
const FIRST: Duration = Duration::from_secs(10);

pub(super) async fn run(house: Arc<House>) {
    let mut first = true;
    loop {
        unless_stopping(&house, publish_joined(&house)).await;
        let interval = move |most: Duration| if first { most.min(FIRST) } else { most };
        if !pause(&house, Instant::now(), |config| interval(config.sweep.interval)).await {
            return;
        }
        first = false;
        unless_stopping(&house, sweep(&house)).await;
    }
}

/// What was joined and is not published yet: left by the process before, or by a store that failed.
async fn publish_joined(house: &House) {
    if let Err(error) = house.engine.publish_joined().await {
        tracing::warn!(
            error = &error as &dyn Error,
            "joined uploads cannot be looked for; the next round tries again"
        );
    }
}

/// One sweep; what came of it is counted and logged.
async fn sweep(house: &House) {
    let begun = Instant::now();
    match house.sweep(Sweeping::default()).await {
        Ok(report) => tell(&report, begun.elapsed()),
        Err(error) => {
            tracing::warn!(error = &error as &dyn Error, "a sweep ended early; the next one goes on")
        }
    }
}

fn tell(report: &SweepReport, duration: Duration) {
    let bytes: u64 = report.swept.iter().map(|swept| swept.length).sum();
    let duration_ms = duration.as_millis();
    if let Some(reason) = &report.held {
        tracing::warn!(
            orphans = report.waiting,
            reason,
            "orphans are left alone: `cairnctl sweep --force` says that it is right"
        );
    }
    if report.swept.is_empty() {
        tracing::debug!(waiting = report.waiting, duration_ms, "nothing to sweep");
    } else {
        let removed = report.swept.len();
        tracing::info!(removed, length_bytes = bytes, waiting = report.waiting, duration_ms, "swept");
    }
}
