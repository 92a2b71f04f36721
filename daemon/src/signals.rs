//! Signals, and what they ask for.
//!
//! | signal | asks for |
//! |---|---|
//! | SIGTERM, SIGINT | stop: let running requests end; a second one: stop now |
//! | SIGHUP | read the configuration again |
//! | SIGUSR1 | log a summary |

use std::error::Error;
use std::io;

use cairn_engine::contracts::StateCount;
use futures_util::StreamExt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook_tokio::{Signals, SignalsInfo};

use crate::config::{Config, Sources};
use crate::house::House;
use crate::logging::LogLevel;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To stop.
    Stop,
    /// To read the configuration again.
    Reload,
    /// To log a summary.
    Summary,
}

/// The signals that come from now on.
pub struct Inbox(Signals);

impl Inbox {
    /// Catches the signals. Called before anything else is started, so that none is lost.
    ///
    /// # Errors
    /// The system refuses.
    pub fn open() -> io::Result<Self> {
        SignalsInfo::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1]).map(Self)
    }

    /// What the next signal asks for. If signals can no longer be told, that is to stop.
    pub async fn next(&mut self) -> Asked {
        match self.0.next().await {
            Some(SIGHUP) => Asked::Reload,
            Some(SIGUSR1) => Asked::Summary,
            _ => Asked::Stop,
        }
    }

    /// Waits for a signal that asks to stop; others are ignored.
    pub async fn stop(&mut self) {
        while self.next().await != Asked::Stop {}
    }
}

/// Reads the configuration again and puts in force what can be. A bad one changes nothing. Blocks for a small file.
pub fn reload(house: &House, sources: &Sources, level: &LogLevel) {
    house.audit.reopen();
    let new = match sources.read() {
        Ok(new) => new,
        Err(error) => {
            tracing::error!(
                error = &error as &dyn Error,
                "the configuration is refused; the old one stays in force"
            );
            return;
        }
    };
    let reloaded = house.config().reloaded(&new);
    for key in &reloaded.kept {
        tracing::warn!(key, "a changed key needs a restart");
    }
    set_level(&reloaded.config, level);
    house.set_config(reloaded.config);
    tracing::info!(changed = reloaded.changed.join(", "), "the configuration was read again");
}

fn set_level(config: &Config, level: &LogLevel) {
    if let Err(error) = level.set(&config.log.level) {
        tracing::error!(error = &error as &dyn Error, "the level of the log stays");
    }
}

/// Logs what the daemon is doing and holds.
pub async fn summarise(house: &House) {
    let uptime_ms = house.engine.now().since(house.started_at).as_millis();
    let uploads = house.engine.count_uploads().await.map(|counts| count_text(&counts));
    let totals = house.engine.totals().await;
    if let Some(error) = uploads.as_ref().err().or(totals.as_ref().err()) {
        tracing::warn!(error = error as &dyn Error, "the summary is not whole");
    }
    let totals = totals.unwrap_or_default();
    tracing::info!(
        uptime_ms,
        running.bodies = house.engine.running_uploads(),
        running.work = house.supervisor.running(),
        uploads = uploads.unwrap_or_default(),
        files = totals.files,
        blobs = totals.blobs,
        blobs.length_bytes = totals.blob_bytes,
        blobs.scattered = totals.scattered_blobs,
        "summary"
    );
}

fn count_text(counts: &[StateCount]) -> String {
    let counts = counts.iter().map(|count| format!("{} {}", count.uploads, count.state.name()));
    counts.collect::<Vec<_>>().join(", ")
}
