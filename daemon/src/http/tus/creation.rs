//! What a `POST` asks for.

use cairn_engine::contracts::IfExists;
use cairn_engine::engine::NewUpload;
use cairn_engine::upload::Naming;
use http::header::HeaderMap;

use super::concat::Role;
use super::fields::{UPLOAD_CONCAT, UPLOAD_DEFER_LENGTH, UPLOAD_LENGTH, bad, bytes, single};
use super::metadata;
use crate::http::problem::Problem;

/// What a head asks for.
pub(super) struct Wish {
    /// The upload; of uploads in a row without a length, because that is theirs.
    pub(super) new: NewUpload,
    /// What it is among others.
    pub(super) role: Role,
}

/// The upload that the head asks for; `base` is the address of tus's path, `path` its path alone.
///
/// # Errors
/// 400 `bad_field`.
pub(super) fn wish(headers: &HeaderMap, base: &str, path: &str) -> Result<Wish, Problem> {
    let role = Role::of(headers, base, path)?;
    let metadata = metadata::of(headers)?;
    let length = match role {
        Role::Alone | Role::Partial => length(headers)?,
        Role::Final(_) => no_length(headers)?,
    };
    let concat = single(headers, &UPLOAD_CONCAT)?.and_then(|value| std::str::from_utf8(value).ok());
    let new = NewUpload {
        path: metadata.path(),
        length,
        digest: None,
        chunk_size: None,
        content_type: metadata.content_type(),
        metadata: metadata.kept(concat),
        // Who speaks tus knows the address of an upload, and did not ask to replace anything.
        naming: Naming { if_exists: Some(IfExists::Rename), precondition: None },
        idempotency_key: None,
    };
    Ok(Wish { new, role })
}

/// Uploads in a row have the length that they have.
fn no_length(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let told = single(headers, &UPLOAD_LENGTH)?.or(single(headers, &UPLOAD_DEFER_LENGTH)?);
    told.map_or(Ok(None), |_| Err(bad(&UPLOAD_LENGTH, "a final upload is as long as its parts")))
}

/// The length: told now, or to be told later; exactly one of both must be said.
fn length(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    match (bytes(headers, &UPLOAD_LENGTH)?, single(headers, &UPLOAD_DEFER_LENGTH)?) {
        (Some(length), None) => Ok(Some(length)),
        (None, Some(b"1")) => Ok(None),
        (_, Some(deferred)) if deferred != b"1" => Err(bad(&UPLOAD_DEFER_LENGTH, "it can only be 1")),
        (None, None) => Err(bad(&UPLOAD_LENGTH, "it, or Upload-Defer-Length, is needed")),
        (Some(_), Some(_)) => Err(bad(&UPLOAD_LENGTH, "it and Upload-Defer-Length exclude each other")),
        (None, Some(_)) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn exactly_one_of_the_two_lengths_is_needed() {
        let read = |fields: &[(HeaderName, &'static str)]| {
            let headers: HeaderMap =
                fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
            length(&headers).ok()
        };
        assert_eq!(read(&[(UPLOAD_LENGTH, "300")]), Some(Some(300)));
        assert_eq!(read(&[(UPLOAD_DEFER_LENGTH, "1")]), Some(None));
        for wrong in [
            &[][..],
            &[(UPLOAD_LENGTH, "300"), (UPLOAD_DEFER_LENGTH, "1")],
            &[(UPLOAD_DEFER_LENGTH, "0")],
            &[(UPLOAD_DEFER_LENGTH, "2")],
            &[(UPLOAD_LENGTH, "")],
            &[(UPLOAD_LENGTH, "-5")],
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
