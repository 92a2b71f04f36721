//! What the draft tells of an upload: one table of fields, and the answer of the target.

use axum::Json;
use axum::response::{IntoResponse, Response};
use cairn_engine::engine::Progress;
use cairn_engine::policy::Policy;
use cairn_engine::{File, State, Timestamp, Upload};
use http::StatusCode;
use http::header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderValue};

use super::fields::{ALL, MORE, UPLOAD_COMPLETE, UPLOAD_LENGTH, UPLOAD_LIMIT, UPLOAD_OFFSET};
use crate::http::content;
use crate::http::native::json::FileJson;

/// The largest integer of a structured field.
const LARGEST: u64 = 999_999_999_999_999;

/// What any upload may be that begins now.
pub(super) fn limits(policy: &Policy) -> HeaderValue {
    limits_of(policy, policy.ttl.as_secs())
}

/// What this upload may be, and how much longer it lives if nothing arrives.
fn limits_now(policy: &Policy, upload: &Upload, now: Timestamp) -> HeaderValue {
    limits_of(policy, upload.expires_at.0.saturating_sub(now.0) / 1000)
}

fn limits_of(policy: &Policy, max_age: u64) -> HeaderValue {
    let most = policy.quota.map_or(policy.max_length, |quota| policy.max_length.min(quota)).min(LARGEST);
    let text =
        format!("max-size={most}, min-size=0, max-append-size={most}, max-age={}", max_age.min(LARGEST));
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("min-size=0"))
}

/// The answer to `HEAD`: everything there is to tell.
pub(super) fn whole(progress: &Progress, policy: &Policy, now: Timestamp) -> HeaderMap {
    let mut fields = begun(progress, policy, now);
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if progress.upload.state == State::Complete {
        fields.insert(UPLOAD_COMPLETE, ALL);
    }
    if let Some(length) = progress.upload.length {
        fields.insert(UPLOAD_LENGTH, length.into());
    }
    fields
}

/// Where an upload stands that has begun, and what it may be.
pub(super) fn begun(progress: &Progress, policy: &Policy, now: Timestamp) -> HeaderMap {
    let mut fields = moved(progress.offset);
    fields.insert(UPLOAD_LIMIT, limits_now(policy, &progress.upload, now));
    fields
}

/// Where an upload stands of which more follows.
pub(super) fn moved(offset: u64) -> HeaderMap {
    HeaderMap::from_iter([(UPLOAD_OFFSET, offset.into()), (UPLOAD_COMPLETE, MORE)])
}

/// The answer of the target: the file, and whether its path is new. It is the same whenever it is told again.
pub(super) fn of_target(file: File) -> Response {
    let new = file.created_at == file.modified_at;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    let mut fields = HeaderMap::from_iter([(UPLOAD_OFFSET, file.length.into()), (UPLOAD_COMPLETE, ALL)]);
    if let Ok(tag) = HeaderValue::from_str(&content::entity_tag(&file)) {
        fields.insert(ETAG, tag);
    }
    (status, fields, Json(FileJson::from(file))).into_response()
}
