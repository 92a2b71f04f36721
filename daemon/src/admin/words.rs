//! The engine's values in the words of the admin API.

use std::collections::BTreeSet;

use cairn_admin_api as api;
use cairn_engine::account::{Quota, Token, TokenState, User};
use cairn_engine::contracts::{Session, StateCount, StorageTotals, Totals};
use cairn_engine::engine::{MergeOutcome, MoveOutcome, SweepReason, UploadStatus, Verified};
use cairn_engine::file::Content;
use cairn_engine::{Blob, Extent, File, Timestamp, Upload};

use crate::http::rfc3339;

pub(super) fn upload(upload: &Upload, chunk_count: Option<u64>) -> api::Upload {
    api::Upload {
        upload_id: upload.id.to_string(),
        owner: upload.owner.to_string(),
        path: upload.path.to_string(),
        state: upload.state.name().to_owned(),
        length: upload.length,
        received_bytes: upload.received_bytes,
        chunk_size: upload.chunk_size,
        chunk_count,
        digest: upload.digest.as_ref().map(ToString::to_string),
        created_at: rfc3339(upload.created_at),
        expires_at: rfc3339(upload.expires_at),
    }
}

pub(super) fn upload_detail(status: UploadStatus, session: &Session) -> api::UploadDetail {
    api::UploadDetail {
        upload: upload(&status.upload, status.chunk_count),
        offset: status.offset,
        received: status.received,
        missing: status.missing,
        extents: session.receipts.iter().map(|receipt| extent(&receipt.extent)).collect(),
        file: status.file.map(file),
    }
}

pub(super) fn extent(extent: &Extent) -> api::Extent {
    api::Extent {
        offset: extent.offset,
        length: extent.length,
        object: extent.object.to_string(),
        object_offset: extent.object_offset,
        checksum: extent.checksum.to_string(),
    }
}

pub(super) fn file(file: File) -> api::File {
    api::File {
        owner: file.owner.to_string(),
        path: file.path.to_string(),
        length: file.length,
        digest: file.digest.to_string(),
        blob: file.blob.to_string(),
        content_type: file.content_type,
        created_at: rfc3339(file.created_at),
        modified_at: rfc3339(file.modified_at),
        metadata: file.metadata,
    }
}

pub(super) fn blob(blob: &Blob) -> api::Blob {
    api::Blob {
        blob: blob.id.to_string(),
        length: blob.length,
        extents: blob.content.extents().len(),
        storages: storages(blob),
        files: blob.files,
        created_at: rfc3339(blob.created_at),
    }
}

pub(super) fn blob_detail(blob: &Blob) -> api::BlobDetail {
    api::BlobDetail {
        blob: blob.id.to_string(),
        length: blob.length,
        digests: blob.digests.iter().map(ToString::to_string).collect(),
        inline: matches!(blob.content, Content::Inline(_)),
        storages: storages(blob),
        extents: blob.content.extents().iter().map(extent).collect(),
        files: blob.files,
        created_at: rfc3339(blob.created_at),
    }
}

pub(super) fn merged(blob: &Blob, outcome: &MergeOutcome) -> api::Merged {
    let (outcome, moved_bytes) = match outcome {
        MergeOutcome::AlreadyOne => ("already_one", 0),
        MergeOutcome::Merged { moved_bytes, .. } => ("merged", *moved_bytes),
        MergeOutcome::NotHere => ("not_here", 0),
        MergeOutcome::Overtaken => ("overtaken", 0),
    };
    api::Merged {
        blob: blob.id.to_string(),
        length: blob.length,
        detail: (outcome == "not_here").then(|| "this storage never merges".to_owned()),
        outcome: outcome.to_owned(),
        extents: blob.content.extents().len(),
        moved_bytes,
    }
}

/// The storages in which a blob's extents lie, each once.
pub(super) fn storages(blob: &Blob) -> Vec<String> {
    let names: BTreeSet<_> = blob.content.extents().iter().map(|extent| extent.object.storage()).collect();
    names.iter().map(ToString::to_string).collect()
}

pub(super) fn moved(blob: &Blob, outcome: &str, detail: Option<String>) -> api::Moved {
    api::Moved {
        blob: blob.id.to_string(),
        length: blob.length,
        outcome: outcome.to_owned(),
        from: storages(blob),
        detail,
    }
}

pub(super) fn move_outcome(outcome: &MoveOutcome) -> &'static str {
    match outcome {
        MoveOutcome::AlreadyThere => "already_there",
        MoveOutcome::Inline => "in_catalog",
        MoveOutcome::Moved { .. } => "moved",
        MoveOutcome::Overtaken => "overtaken",
    }
}

pub(super) fn storage_totals(total: StorageTotals) -> api::StorageTotals {
    api::StorageTotals { storage: total.storage.to_string(), blobs: total.blobs, bytes: total.bytes }
}

pub(super) fn verified(verified: &Verified) -> api::Verified {
    api::Verified {
        blob: verified.blob.to_string(),
        length: verified.length,
        identical: verified.identical,
        damaged: verified.damaged.iter().map(extent).collect(),
        detail: None,
    }
}

pub(super) fn reason(reason: SweepReason) -> &'static str {
    match reason {
        SweepReason::ExpiredUpload => "expired_upload",
        SweepReason::EndedUpload => "ended_upload",
        SweepReason::UnnamedBlob => "unnamed_blob",
        SweepReason::OrphanObject => "orphan_object",
        SweepReason::UnfinishedWrite => "unfinished_write",
    }
}

pub(super) fn state_count(count: &StateCount) -> api::StateCount {
    api::StateCount {
        state: count.state.name().to_owned(),
        uploads: count.uploads,
        staged_bytes: count.staged_bytes,
    }
}

pub(super) fn totals(totals: Totals) -> api::CatalogTotals {
    api::CatalogTotals {
        owners: totals.owners,
        files: totals.files,
        blobs: totals.blobs,
        blob_bytes: totals.blob_bytes,
        scattered_blobs: totals.scattered_blobs,
    }
}

pub(super) fn user(user: User) -> api::User {
    api::User {
        name: user.name.to_string(),
        disabled: user.disabled,
        quota: quota(user.quota),
        limits: user.limits,
        created_at: rfc3339(user.created_at),
    }
}

fn quota(quota: Quota) -> api::Quota {
    match quota {
        Quota::AsConfigured => api::Quota::Named(api::NamedQuota::Configured),
        Quota::Unbounded => api::Quota::Named(api::NamedQuota::Unbounded),
        Quota::Bytes(bytes) => api::Quota::Bytes(bytes),
    }
}

pub(super) fn quota_of(quota: api::Quota) -> Quota {
    match quota {
        api::Quota::Named(api::NamedQuota::Configured) => Quota::AsConfigured,
        api::Quota::Named(api::NamedQuota::Unbounded) => Quota::Unbounded,
        api::Quota::Bytes(bytes) => Quota::Bytes(bytes),
    }
}

pub(super) fn token(token: &Token, now: Timestamp) -> api::Token {
    api::Token {
        id: token.id.to_string(),
        user: token.user.to_string(),
        scopes: token.scopes.to_string().split(',').map(str::to_owned).collect(),
        state: TokenState::of(token, now).name().to_owned(),
        created_at: rfc3339(token.created_at),
        expires_at: token.expires_at.map(rfc3339),
        used_at: token.used_at.map(rfc3339),
        revoked_at: token.revoked_at.map(rfc3339),
    }
}
