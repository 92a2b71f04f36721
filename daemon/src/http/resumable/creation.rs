//! What a request asks for that begins an upload.

use cairn_engine::contracts::{IfExists, Precondition};
use cairn_engine::digest::body::BodyDigest;
use cairn_engine::engine::NewUpload;
use cairn_engine::upload::{Metadata, Naming};
use cairn_engine::{FilePath, Refusal};
use http::header::{CONTENT_TYPE, HeaderMap};

use super::disposition;
use super::fields::{UPLOAD_LENGTH, completes, integer, is_partial_upload, version};
use super::refusals::No;
use crate::config::Protocols;
use crate::http::native::{files, members};
use crate::http::problem::Problem;
use crate::http::tus::metadata;
use crate::http::{body, digests};

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
/// 400 or 413: lengths that contradict each other, a digest, a type or a precondition that is none.
pub(super) fn wish(headers: &HeaderMap, path: Option<FilePath>, completes: bool) -> Result<Wish, No> {
    let (digest, others) = digests::repr_digest(headers)?;
    let naming = naming(headers, path.is_some())?;
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
        metadata: Metadata::new(),
        naming,
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

/// What is to become of the path. On a path of its own an upload replaces what is there, if the preconditions of the
/// request that began it hold at the end too; among uploads it takes a free name, so that no other condition makes
/// sense there.
fn naming(headers: &HeaderMap, has_path: bool) -> Result<Naming, Problem> {
    let precondition = files::precondition(headers)?;
    if has_path {
        return Ok(Naming { if_exists: Some(IfExists::Replace), precondition });
    }
    match precondition {
        None | Some(Precondition::Absent) => {
            Ok(Naming { if_exists: Some(IfExists::Rename), precondition: None })
        }
        Some(_) => Err(Problem::bad("bad_precondition", "Not a precondition")
            .detail("If-Match needs the path of a file")),
    }
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};

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
    fn a_condition_is_of_a_path() {
        let read = |fields: &[_], has_path| naming(&headers(fields), has_path).ok();
        let replaced = |precondition| Some(Naming { if_exists: Some(IfExists::Replace), precondition });
        let numbered = Some(Naming { if_exists: Some(IfExists::Rename), precondition: None });
        assert_eq!((read(&[], true), read(&[], false)), (replaced(None), numbered.clone()));
        let free = [(IF_NONE_MATCH, "*")];
        assert_eq!(read(&free, true), replaced(Some(Precondition::Absent)));
        assert_eq!(read(&free, false), numbered);
        let there = [(IF_MATCH, "*")];
        assert_eq!((read(&there, true), read(&there, false)), (replaced(Some(Precondition::Present)), None));
        assert_eq!(read(&[(IF_NONE_MATCH, "\"a\"")], true), None);
    }
}
