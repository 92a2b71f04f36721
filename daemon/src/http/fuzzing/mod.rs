//! One door per grammar; see [`crate::fuzzing`].

mod credentials;
mod forms;
mod names;

use http::Uri;
use http::header::{HeaderMap, HeaderName, HeaderValue};

pub use self::credentials::authorization;
pub use self::forms::{form_parameters, multipart_form};
pub(crate) use self::names::must_be_harmless;
pub use self::names::paths;
pub use super::content::fuzzing::{content_disposition, entity_tags, range};
pub use super::resumable::fuzzing::{draft_append, draft_creation};
pub use super::tus::fuzzing::{tus_address, tus_checksum, tus_concat, tus_creation, tus_metadata};

use super::{digests, numbers as grammar};

/// A head of one field, a line of these bytes for each of its values; `None` if no request could bring them.
pub(crate) fn head_of(field: &HeaderName, bytes: &[u8]) -> Option<HeaderMap> {
    bytes
        .split(|byte| *byte == b'\n')
        .map(|line| Some((field.clone(), HeaderValue::from_bytes(line).ok()?)))
        .collect()
}

/// A head as it stands on the wire: in each line a name, a colon and a value; `None` if no request could bring it.
pub(crate) fn head(bytes: &[u8]) -> Option<HeaderMap> {
    let field = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        let value = value.get(1..)?.trim_ascii();
        Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
    };
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.take(64).map(field).collect()
}

/// Lengths and offsets in decimal digits: as wide reading takes them, and never anything else.
pub fn numbers(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let number = grammar::decimal(text);
    if let Some(number) = number {
        assert!(text.bytes().all(|byte| byte.is_ascii_digit()), "more than digits was read");
        assert_eq!(text.parse::<u128>(), Ok(u128::from(number)), "another number was read");
        assert_eq!(grammar::decimal(&number.to_string()), Some(number), "a number written is not read");
    }
    let length = grammar::length(text);
    assert_eq!(length, number.filter(|number| i64::try_from(*number).is_ok()), "a length is below 2^63");
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) {
        let json = grammar::json_length(&value);
        assert!(json.is_none_or(|length| i64::try_from(length).is_ok()), "a length in JSON is below 2^63");
        return json.is_some() || number.is_some();
    }
    number.is_some()
}

/// `Content-Digest` and `Repr-Digest`: what is read has its algorithm's length, and what is told is read as the same.
pub fn digest_fields(bytes: &[u8]) -> bool {
    let Some(head) = head_of(&digests::CONTENT_DIGEST, bytes) else { return false };
    let content = digests::content_digest(&head);
    for digest in content.iter().flatten() {
        assert_eq!(digest.expected.len(), digest.algorithm.output_length(), "a digest of another length");
    }
    let Some(head) = head_of(&digests::REPR_DIGEST, bytes) else { return false };
    let whole = digests::repr_digest(&head);
    assert_eq!(whole.is_ok(), content.is_ok(), "the two fields have one grammar");
    let Ok((named, others)) = whole else { return false };
    let read = usize::from(named.is_some()) + others.len();
    assert_eq!(Ok(read), content.map(|all| all.len()).map_err(|_| ()), "no digest is lost");
    if let Some(named) = named {
        let told = digests::repr_digest_of(std::slice::from_ref(&named)).unwrap_or_default();
        let again = head_of(&digests::REPR_DIGEST, told.as_bytes()).map(|head| digests::repr_digest(&head));
        let again = again.and_then(Result::ok).and_then(|(again, _)| again);
        assert_eq!(again, Some(named), "what is told is not read");
    }
    read > 0
}

/// A request's target with these bytes after `prefix`; `None` if it is none.
pub(crate) fn target(prefix: &str, bytes: &[u8]) -> Option<Uri> {
    let rest = std::str::from_utf8(bytes).ok()?;
    format!("{prefix}{rest}").parse().ok()
}
