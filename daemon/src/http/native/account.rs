//! `GET /v1/me`: who is asking, what they keep and what they may.

use axum::Json;
use axum::extract::State;
use cairn_engine::policy::Instant;
use serde_json::{Value, json};

use crate::http::caller::Asker;
use crate::http::door::Door;
use crate::http::problem::Problem;

/// `GET /v1/me`
pub(crate) async fn me(State(door): State<Door>, Asker(owner): Asker) -> Result<Json<Value>, Problem> {
    let (engine, user) = (door.engine.clone(), owner.clone());
    let account = door.run("account", async move { engine.account(&user).await }).await?;
    let policy = door.engine.policy_of(&owner).await?;
    let own = door.engine.overrides_of(&owner).await?;
    let requests_per_minute =
        own.requests_per_minute.unwrap_or(door.house.config().limits.requests_per_minute);
    let bandwidth = own.user_bandwidth.or(door.house.config().limits.user_bandwidth).filter(|rate| *rate > 0);
    let taken = account.used_bytes.saturating_add(account.staged_bytes);
    Ok(Json(json!({
        "user": owner,
        "used_bytes": account.used_bytes,
        "staged_bytes": account.staged_bytes,
        "quota_bytes": account.quota_bytes,
        "quota_left": account.quota_bytes.map(|quota| quota.saturating_sub(taken)),
        "limits": {
            "chunk_size": policy.chunk_size,
            "min_chunk_size": policy.min_chunk_size,
            "max_chunk_size": policy.max_chunk_size,
            "max_chunks": policy.max_chunks,
            "max_length": policy.max_length,
            "max_metadata_bytes": policy.max_metadata,
            "max_open_uploads": policy.max_open_uploads,
            "open_uploads": account.open_uploads,
            "open_uploads_left": policy.max_open_uploads.saturating_sub(account.open_uploads),
            "max_files": policy.max_files,
            "files": account.files,
            "files_left": policy.max_files.map(|most| most.saturating_sub(account.files)),
            "requests_per_minute": requests_per_minute,
            "bandwidth": bandwidth,
            "upload_ttl_seconds": policy.ttl.as_secs(),
            "instant": instant_name(policy.instant),
        },
    })))
}

fn instant_name(instant: Instant) -> &'static str {
    match instant {
        Instant::Off => "off",
        Instant::Own => "own",
        Instant::Proof => "proof",
        Instant::Trusting => "trusting",
    }
}
