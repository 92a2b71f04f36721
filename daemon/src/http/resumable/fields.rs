//! The draft's fields: structured fields (RFC 9651). One that is not of its type counts as if it were not there.

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::http::problem::Problem;

pub(super) const UPLOAD_COMPLETE: HeaderName = HeaderName::from_static("upload-complete");
pub(super) const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub(super) const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(super) const UPLOAD_LIMIT: HeaderName = HeaderName::from_static("upload-limit");
pub(super) const UPLOAD_DRAFT_INTEROP_VERSION: HeaderName =
    HeaderName::from_static("upload-draft-interop-version");

/// More follows.
pub(super) const MORE: HeaderValue = HeaderValue::from_static("?0");
/// That was all.
pub(super) const ALL: HeaderValue = HeaderValue::from_static("?1");

const PARTIAL_UPLOAD: &[u8] = b"application/partial-upload";

/// The interop version of the request, if it is spoken here.
pub(super) fn version(headers: &HeaderMap) -> Option<u64> {
    integer(headers, &UPLOAD_DRAFT_INTEROP_VERSION).filter(|version| (6..=9).contains(version))
}

/// Whether the request's content is the last of its upload, if it says.
pub(super) fn completes(headers: &HeaderMap) -> Option<bool> {
    item(headers, &UPLOAD_COMPLETE)?.as_boolean()
}

/// A number of bytes: an integer that is not negative, of at most 15 digits.
pub(super) fn integer(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    let integer = item(headers, name)?.as_integer()?;
    u64::try_from(integer).ok()
}

/// Lines of one field are one value with commas in it, and so two of them are no item.
fn item(headers: &HeaderMap, name: &HeaderName) -> Option<sfv::BareItem> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    if lines.is_empty() {
        return None;
    }
    let item: sfv::Item = sfv::Parser::new(&lines.join(&b", "[..])).parse().ok()?;
    Some(item.bare_item)
}

/// What an append says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Where it begins.
    pub(super) offset: u64,
    /// Whether it is the last one.
    pub(super) completes: bool,
    /// Bytes of the whole, if they are told.
    pub(super) length: Option<u64>,
}

/// What a `PATCH` asks for.
///
/// # Errors
/// 415 for another type, 400 `bad_field` if a field is missing that must be there.
pub(super) fn append(headers: &HeaderMap) -> Result<Asked, Problem> {
    if !is_partial_upload(headers) {
        return Err(Problem::plain(http::StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .detail("an append has Content-Type: application/partial-upload"));
    }
    let missing = |name: &HeaderName, what: &str| {
        Problem::bad("bad_field", "Not what this field must be")
            .detail(format!("{name}: {what}, as a structured field"))
            .fact("field", name.as_str())
    };
    let offset = integer(headers, &UPLOAD_OFFSET)
        .ok_or_else(|| missing(&UPLOAD_OFFSET, "an append needs a number of bytes"))?;
    let completes =
        completes(headers).ok_or_else(|| missing(&UPLOAD_COMPLETE, "an append needs ?0 or ?1"))?;
    Ok(Asked { offset, completes, length: integer(headers, &UPLOAD_LENGTH) })
}

/// Whether the body says that it is a part of an upload.
pub(super) fn is_partial_upload(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = value.split(|b| *b == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(PARTIAL_UPLOAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn what_is_not_of_its_type_is_not_there() {
        let read = |value: &str| integer(&headers(&UPLOAD_LENGTH, &[value]), &UPLOAD_LENGTH);
        assert_eq!(read("5"), Some(5));
        assert_eq!(read("  5;x=1 "), Some(5));
        assert_eq!(read("-0"), Some(0));
        assert_eq!(read("999999999999999"), Some(999_999_999_999_999));
        for wrong in ["", "-1", "+5", "5.0", "1e3", "0x5", "5, 5", "?1", "\"5\"", "1000000000000000"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(integer(&headers(&UPLOAD_LENGTH, &["5", "5"]), &UPLOAD_LENGTH), None);
    }

    #[test]
    fn complete_is_a_boolean_and_nothing_else() {
        let read = |value: &str| completes(&headers(&UPLOAD_COMPLETE, &[value]));
        assert_eq!((read("?1"), read("?0;a"), read(" ?0 ")), (Some(true), Some(false), Some(false)));
        for wrong in ["1", "0", "true", "?2", "?", "(?1)", ""] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn versions_6_to_9_are_spoken() {
        let read = |value: &str| version(&headers(&UPLOAD_DRAFT_INTEROP_VERSION, &[value]));
        assert_eq!([read("6"), read("9")], [Some(6), Some(9)]);
        for other in ["5", "10", "42", "abc", "6.0", "-6", "6, 6"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
