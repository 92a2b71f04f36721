//! The data of answers: keys as the tutorial wrote them.

use cairn_engine::engine::UploadStatus;
use cairn_engine::{Algorithm, Digest, File};
use serde::Serialize;

use crate::http::native::json::rfc3339;

/// What `init` tells.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Begun {
    file_hash: String,
    file_size: u64,
    #[serde(rename = "UploadID")]
    upload_id: String,
    chunk_size: u64,
    chunk_count: u64,
    /// Every chunk that is there, however many: the client sends all others.
    chunk_exists: Vec<u64>,
}

impl From<&UploadStatus> for Begun {
    fn from(status: &UploadStatus) -> Self {
        let upload = &status.upload;
        Self {
            file_hash: upload.digest.as_ref().map(hash_text).unwrap_or_default(),
            file_size: upload.length.unwrap_or(upload.received_bytes),
            upload_id: upload.id.to_string(),
            chunk_size: upload.chunk_size,
            chunk_count: status.chunk_count.unwrap_or_default(),
            chunk_exists: status.received.iter().flat_map(|(first, last)| *first..=*last).collect(),
        }
    }
}

/// What `status` tells.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Progress {
    #[serde(flatten)]
    begun: Begun,
    state: &'static str,
    received_bytes: u64,
    expires_at: String,
}

impl From<&UploadStatus> for Progress {
    fn from(status: &UploadStatus) -> Self {
        Self {
            begun: Begun::from(status),
            state: status.upload.state.name(),
            received_bytes: status.upload.received_bytes,
            expires_at: rfc3339(status.upload.expires_at),
        }
    }
}

/// A file of a user.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UserFile {
    user_name: String,
    file_hash: String,
    file_name: String,
    file_size: u64,
    upload_at: String,
    last_updated: String,
}

impl From<&File> for UserFile {
    fn from(file: &File) -> Self {
        Self {
            user_name: file.owner.to_string(),
            file_hash: hash_text(&file.digest),
            file_name: file.path.to_string(),
            file_size: file.length,
            upload_at: rfc3339(file.created_at),
            last_updated: rfc3339(file.modified_at),
        }
    }
}

/// What `meta` tells.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FileMeta {
    file_sha1: String,
    file_name: String,
    file_size: u64,
    location: String,
    upload_at: String,
}

impl FileMeta {
    /// Of a file that can be fetched at `location`.
    pub(crate) fn new(file: &File, location: String) -> Self {
        Self {
            file_sha1: hash_text(&file.digest),
            file_name: file.path.to_string(),
            file_size: file.length,
            location,
            upload_at: rfc3339(file.created_at),
        }
    }
}

/// A digest as `filehash`: a SHA-1 as its digits alone, any other with its algorithm in front.
pub(crate) fn hash_text(digest: &Digest) -> String {
    match digest.algorithm() {
        Algorithm::Sha1 => digest.hex(),
        Algorithm::Sha256 | Algorithm::Blake3 => digest.to_string(),
    }
}
