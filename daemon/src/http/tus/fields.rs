//! tus's fields, and numbers in them.

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::http::numbers;
use crate::http::problem::Problem;

/// The one version there is.
pub(super) const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");

pub(super) const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(super) const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
pub(super) const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub(super) const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
pub(super) const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
pub(super) const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub(super) const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(super) const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
pub(super) const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub(super) const UPLOAD_CONCAT: HeaderName = HeaderName::from_static("upload-concat");
pub(super) const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
pub(super) const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
pub(super) const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

const BODY_TYPE: &[u8] = b"application/offset+octet-stream";

/// The one value of a field. A field that is there twice is refused: two parsers could read it in two ways.
///
/// # Errors
/// 400 `bad_field`.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Problem> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(HeaderValue::as_bytes);
    if values.next().is_some() {
        return Err(bad(name, "the field is there twice"));
    }
    Ok(value)
}

/// A number of bytes: decimal digits, below 2^63.
///
/// # Errors
/// 400 `bad_field`.
pub(super) fn bytes(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, Problem> {
    let Some(value) = single(headers, name)? else { return Ok(None) };
    let number = std::str::from_utf8(value).ok().and_then(numbers::length);
    let number =
        number.ok_or_else(|| bad(name, "it must be a number of bytes, in decimal digits, below 2^63"))?;
    Ok(Some(number))
}

/// Where a `PATCH` begins.
///
/// # Errors
/// 400 `bad_offset`.
pub(super) fn offset(headers: &HeaderMap) -> Result<u64, Problem> {
    bytes(headers, &UPLOAD_OFFSET)?.ok_or_else(|| bad(&UPLOAD_OFFSET, "the field is missing"))
}

/// Whether the body says that it is bytes of an upload.
pub(super) fn has_body_type(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = value.split(|b| *b == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(BODY_TYPE)
}

/// A field that is not what it must be.
pub(super) fn bad(name: &HeaderName, detail: &str) -> Problem {
    let problem = Problem::bad("bad_field", "Not what this field must be");
    problem.detail(format!("{name}: {detail}")).fact("field", name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn only_plain_decimal_digits_are_an_offset() {
        let read = |value: &str| offset(&headers(&UPLOAD_OFFSET, &[value]));
        assert_eq!(read("0").unwrap(), 0);
        assert_eq!(read("9223372036854775807").unwrap(), i64::MAX as u64);
        for bad in
            ["", "-0", "-1", "+5", "5.0", "0x5", "1e3", "5 5", "18446744073709551616", "9223372036854775808"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(offset(&HeaderMap::new()).is_err());
        assert!(offset(&headers(&UPLOAD_OFFSET, &["5", "5"])).is_err());
    }

    #[test]
    fn a_content_type_may_have_parameters() {
        let read = |value: &str| has_body_type(&headers(&CONTENT_TYPE, &[value]));
        assert!(read("application/offset+octet-stream"));
        assert!(read("Application/Offset+Octet-Stream ; charset=x"));
        assert!(!read("application/octet-stream"));
        assert!(!has_body_type(&HeaderMap::new()));
    }
}
