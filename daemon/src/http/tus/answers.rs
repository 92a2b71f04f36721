//! What tus tells of an upload: one table of fields.

use std::time::{Duration, SystemTime};

use cairn_engine::engine::Progress;
use cairn_engine::{State, Upload};
use http::header::{CACHE_CONTROL, HeaderMap, HeaderValue};

use super::fields::{
    UPLOAD_CONCAT, UPLOAD_DEFER_LENGTH, UPLOAD_EXPIRES, UPLOAD_LENGTH, UPLOAD_METADATA, UPLOAD_OFFSET,
};
use super::metadata;

/// Everything there is to tell: the answer to `HEAD`.
pub(super) fn whole(progress: &Progress) -> HeaderMap {
    let upload = &progress.upload;
    let mut fields = moved(progress);
    match upload.length {
        Some(length) => fields.insert(UPLOAD_LENGTH, length.into()),
        None => fields.insert(UPLOAD_DEFER_LENGTH, HeaderValue::from_static("1")),
    };
    if let Some(metadata) = metadata::as_sent(upload) {
        fields.insert(UPLOAD_METADATA, metadata);
    }
    if let Some(concat) = metadata::concat(upload) {
        fields.insert(UPLOAD_CONCAT, concat);
    }
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields
}

/// Where the upload stands: the answer to a `PATCH`, and to a `POST` with a body.
pub(super) fn moved(progress: &Progress) -> HeaderMap {
    let mut fields = lasting(&progress.upload);
    fields.insert(UPLOAD_OFFSET, progress.offset.into());
    fields
}

/// How long an upload lasts that is not finished. A part never is.
pub(super) fn lasting(upload: &Upload) -> HeaderMap {
    let mut fields = HeaderMap::new();
    let joined = upload.state == State::Completing && metadata::is_partial(upload);
    if upload.state == State::Open || joined {
        // Past the year 9999 HTTP has no dates.
        let seconds = (upload.expires_at.0 / 1000).min(253_402_300_799);
        let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        if let Ok(date) = HeaderValue::from_str(&date) {
            fields.insert(UPLOAD_EXPIRES, date);
        }
    }
    fields
}
