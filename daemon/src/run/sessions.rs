//! The session store that the configuration names, and what the operator is told of it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use cairn_engine::contracts::{SessionStore, Standing, StoreError};
use cairn_stores::sqlite::Relaxed;
use cairn_stores::{RedisSessions, SqliteSessions};

use super::StartError;
use crate::config::{Config, Durability};

/// How often a store that does not answer is asked again at the start, for the log.
const AGAIN: Duration = Duration::from_secs(1);

/// Opens the session store. Redis need not be there. Blocks.
pub(super) fn open(config: &Config) -> Result<Arc<dyn SessionStore>, StartError> {
    if let Some(redis) = config.sessions.redis() {
        let sessions = RedisSessions::open(&redis).map_err(|source| StartError::Redis(Box::new(source)))?;
        return Ok(Arc::new(sessions));
    }
    let sessions = SqliteSessions::open(&config.sessions_path())
        .map_err(|source| StartError::Database { store: "session store", source: Box::new(source) })?
        .relaxed(match config.uploads.durability {
            Durability::Chunk => Relaxed::Nothing,
            Durability::Complete => Relaxed::Chunks,
        });
    Ok(Arc::new(sessions))
}

/// Logs once how the session store is, as soon as it answers.
pub(super) async fn tell(sessions: Arc<dyn SessionStore>) {
    let mut absent = false;
    loop {
        match sessions.standing().await {
            Ok(standing) => return log(&standing, absent),
            Err(error) if !absent => {
                absent = true;
                tracing::warn!(
                    error = &error as &dyn Error,
                    "the session store does not answer; uploads wait until it does"
                );
            }
            Err(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn log(standing: &Standing, was_absent: bool) {
    let facts = facts(standing);
    if was_absent {
        tracing::info!(kind = standing.kind, facts, "the session store answers now");
    } else {
        tracing::info!(kind = standing.kind, facts, "the session store answers");
    }
    for warning in &standing.warnings {
        tracing::warn!(kind = standing.kind, "{warning}");
    }
}

/// Asks Redis how it is, for `--check-config`. Embedded sessions are not opened.
pub(super) fn ask(config: &Config) -> Result<Option<Standing>, StartError> {
    let Some(redis) = config.sessions.redis() else { return Ok(None) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let asked: Result<Standing, StoreError> = runtime.map_err(StartError::Runtime)?.block_on(async {
        let sessions = RedisSessions::open(&redis).map_err(|source| StartError::Redis(Box::new(source)))?;
        Ok::<_, StartError>(sessions.standing().await)
    })?;
    asked.map(Some).map_err(|error| StartError::Absent { place: redis.public_url(), source: Box::new(error) })
}

/// What is told of a store, on one line.
pub(super) fn facts(standing: &Standing) -> String {
    let facts: Vec<String> = standing.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    facts.join(", ")
}
