//! The JSON of the native API: members as clients know them.

use cairn_engine::contracts::Challenge;
use cairn_engine::engine::UploadStatus;
use cairn_engine::{File, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

/// A moment as RFC 3339 in UTC.
pub(crate) fn rfc3339(moment: Timestamp) -> String {
    let millis = i64::try_from(moment.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// *upload*.
#[derive(Serialize)]
pub(crate) struct UploadJson {
    upload_id: String,
    path: String,
    length: Option<u64>,
    digest: Option<String>,
    chunk_size: u64,
    chunk_count: Option<u64>,
    received_bytes: u64,
    received: Vec<(u64, u64)>,
    missing: Vec<(u64, u64)>,
    state: &'static str,
    created_at: String,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<FileJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<ChallengeJson>,
}

/// What may be shown instead of sending the content.
#[derive(Serialize)]
pub(crate) struct ChallengeJson {
    algorithm: &'static str,
    nonce: String,
    ranges: Vec<(u64, u64)>,
    expires_at: String,
}

impl From<Challenge> for ChallengeJson {
    fn from(challenge: Challenge) -> Self {
        Self {
            algorithm: "hmac-sha256",
            nonce: cairn_engine::digest::hex(&challenge.nonce),
            ranges: challenge.ranges,
            expires_at: rfc3339(challenge.expires_at),
        }
    }
}

impl From<UploadStatus> for UploadJson {
    fn from(status: UploadStatus) -> Self {
        let upload = status.upload;
        Self {
            upload_id: upload.id.to_string(),
            path: upload.path.to_string(),
            length: upload.length,
            digest: upload.digest.map(|digest| digest.to_string()),
            chunk_size: upload.chunk_size,
            chunk_count: status.chunk_count,
            received_bytes: upload.received_bytes,
            received: status.received,
            missing: status.missing,
            state: upload.state.name(),
            created_at: rfc3339(upload.created_at),
            expires_at: rfc3339(upload.expires_at),
            file: status.file.map(FileJson::from),
            challenge: status.challenge.map(ChallengeJson::from),
        }
    }
}

/// *file*.
#[derive(Serialize)]
pub(crate) struct FileJson {
    path: String,
    length: u64,
    digest: String,
    content_type: Option<String>,
    created_at: String,
    modified_at: String,
    metadata: Map<String, Value>,
}

impl From<File> for FileJson {
    fn from(file: File) -> Self {
        Self {
            path: file.path.to_string(),
            length: file.length,
            digest: file.digest.to_string(),
            content_type: file.content_type,
            created_at: rfc3339(file.created_at),
            modified_at: rfc3339(file.modified_at),
            metadata: file.metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_rfc_3339_in_utc() {
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(Timestamp(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
        assert_eq!(rfc3339(Timestamp(u64::MAX)).get(..4), Some("9999"));
    }
}
