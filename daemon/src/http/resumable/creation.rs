//! What a request asks for that begins an upload.

use cairn_engine::contracts::IfExists;
use cairn_engine::digest::body::BodyDigest;
use cairn_engine::engine::{Completion, NewUpload};
use cairn_engine::upload::{Metadata, Upload};
use cairn_engine::{FilePath, Refusal};
use http::header::{CONTENT_TYPE, HeaderMap, IF_MATCH, IF_NONE_MATCH};
use serde_json::json;

use super::disposition;
use super::fields::{UPLOAD_LENGTH, completes, integer, is_partial_upload, version};
use super::refusals::No;
use crate::config::Protocols;
use crate::http::native::members;
use crate::http::problem::Problem;
use crate::http::tus::metadata;
use crate::http::{body, digests};

/// The member of an upload's metadata that is the draft's own.
const OURS: &str = "resumable";
const IF_EXISTS: &str = "if_exists";

/// What a head says of the upload that it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Begins {
    /// The version to repeat.
    pub(super) version: Option<u64>,
    /// Whether the body is all of it.
    pub(super) completes: bool,
}

/// Whether a request begins a resumable upload, and what kind of one.
pub(super) fn begins(headers: &HeaderMap, protocols: &Protocols) -> Option<Begins> {
    let version = version(headers);
    let spoken = version.is_some() || protocols.resumable_without_version;
    let completes = completes(headers).filter(|_| spoken && protocols.resumable)?;
    Some(Begins { version, completes })
}

/// An upload to begin, and what must hold of its first body.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) new: NewUpload,
    /// More digests of the body.
    pub(super) digests: Vec<BodyDigest>,
}

/// The upload that the head asks for, at a path of its own or at one that the sender's name for it makes.
///
/// # Errors
/// 400 or 413: lengths that contradict each other, a digest or a type that is none.
pub(super) fn wish(headers: &HeaderMap, path: Option<FilePath>, completes: bool) -> Result<Wish, No> {
    let (digest, others) = digests::repr_digest(headers)?;
    let if_exists = match (&path, none_may_match(headers)?) {
        (None, _) => "rename",
        (Some(_), false) => "replace",
        (Some(_), true) => "fail",
    };
    // Clients of tus that speak the draft too name the file in tus's way.
    let sent = metadata::of(headers).unwrap_or_default();
    let named =
        || disposition::filename(headers).map_or_else(|| sent.path(), |name| metadata::harmless(&name));
    let content_type = content_type(headers)?.or_else(|| sent.content_type());
    let new = NewUpload {
        path: path.or_else(named),
        length: length(headers, completes)?,
        digest,
        chunk_size: None,
        content_type,
        metadata: Metadata::from_iter([(OURS.to_owned(), json!({ IF_EXISTS: if_exists }))]),
        idempotency_key: None,
    };
    // A body that is all of it is what the other digests are of; of a part of it they say nothing.
    Ok(Wish { new, digests: if completes { others } else { Vec::new() } })
}

/// The length: as it is told, or that of a body that is all of it.
fn length(headers: &HeaderMap, completes: bool) -> Result<Option<u64>, Refusal> {
    let told = integer(headers, &UPLOAD_LENGTH);
    let body = body::content_length(headers);
    match (told, body) {
        (Some(known), Some(declared)) if completes && known != declared => {
            Err(Refusal::LengthConflict { known, declared })
        }
        (Some(known), Some(declared)) if declared > known => Err(Refusal::LengthConflict { known, declared }),
        (None, body) if completes => Ok(body),
        (told, _) => Ok(told),
    }
}

/// The type of the content. The draft's own is of the message, and says nothing of it.
fn content_type(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(CONTENT_TYPE).filter(|_| !is_partial_upload(headers)) else {
        return Ok(None);
    };
    members::content_type(value.to_str().unwrap_or_default()).map(Some)
}

/// Whether the path must name nothing. That holds at the end as well; other conditions cannot be kept so long.
fn none_may_match(headers: &HeaderMap) -> Result<bool, Problem> {
    let any = headers.get(IF_NONE_MATCH).map(|value| value.as_bytes().trim_ascii() == b"*");
    match (headers.contains_key(IF_MATCH), any) {
        (false, None) => Ok(false),
        (false, Some(true)) => Ok(true),
        _ => Err(Problem::bad("bad_precondition", "Not a precondition")
            .detail("a resumable upload takes only If-None-Match: *")),
    }
}

/// The path of an upload that must name nothing, if it must.
pub(super) fn is_for_a_free_path(new: &NewUpload) -> Option<FilePath> {
    let ours = new.metadata.get(OURS).and_then(|ours| ours.get(IF_EXISTS)?.as_str());
    new.path.clone().filter(|_| ours == Some("fail"))
}

/// How an upload is completed that somebody says is whole: as it was begun, in whichever protocol.
pub(super) fn completion(upload: &Upload, length: u64) -> Completion {
    let ours = upload.metadata.get(OURS).and_then(|ours| ours.get(IF_EXISTS)?.as_str());
    let if_exists = match ours {
        Some("rename") => IfExists::Rename,
        Some("fail") => IfExists::Fail,
        None if metadata::is_ours(upload) => IfExists::Rename,
        _ => IfExists::Replace,
    };
    Completion { digest: None, length: Some(length), if_exists }
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};

    use super::*;

    fn headers(fields: &[(HeaderName, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn lengths_that_contradict_each_other_are_refused() {
        let read = |completes, fields: &[_]| length(&headers(fields), completes).ok();
        let both = [(UPLOAD_LENGTH, "5"), (CONTENT_LENGTH, "3")];
        assert_eq!(read(false, &both), Some(Some(5)));
        assert_eq!(read(true, &both), None);
        assert_eq!(read(false, &[(UPLOAD_LENGTH, "3"), (CONTENT_LENGTH, "5")]), None);
        assert_eq!(read(true, &[(CONTENT_LENGTH, "5")]), Some(Some(5)));
        assert_eq!(read(false, &[(CONTENT_LENGTH, "5")]), Some(None));
        assert_eq!(read(true, &[]), Some(None));
    }

    #[test]
    fn only_that_a_path_is_free_can_be_asked_for() {
        let read = |fields: &[_]| none_may_match(&headers(fields)).ok();
        assert_eq!(read(&[]), Some(false));
        assert_eq!(read(&[(IF_NONE_MATCH, "*")]), Some(true));
        assert_eq!(read(&[(IF_NONE_MATCH, "\"a\"")]), None);
        assert_eq!(read(&[(IF_MATCH, "*")]), None);
    }
}
