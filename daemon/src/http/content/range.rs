//! Ranges of bytes (RFC 9110 section 14): one range is answered as such, several may be answered with the whole.

use std::ops::Range;
use std::time::SystemTime;

use http::header::{HeaderMap, IF_RANGE, RANGE};

use super::conditions::date;
use super::tags;
use crate::http::numbers::decimal;

/// Which bytes a request wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of them: no range, several, or one that is to be passed over.
    Whole,
    /// These; at least one.
    Part(Range<u64>),
    /// Bytes that are not there.
    Nothing,
}

/// Which bytes a request wants of a content with this tag, date and length.
pub(crate) fn wanted(headers: &HeaderMap, tag: &str, modified: SystemTime, length: u64) -> Wanted {
    let mut fields = headers.get_all(RANGE).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return Wanted::Whole };
    if !is_still(headers, tag, modified) {
        return Wanted::Whole;
    }
    field.to_str().ok().and_then(|text| single(text, length)).unwrap_or(Wanted::Whole)
}

/// Whether the content is the one that `If-Range` speaks of.
fn is_still(headers: &HeaderMap, tag: &str, modified: SystemTime) -> bool {
    let Some(field) = headers.get(IF_RANGE) else { return true };
    match field.to_str().ok().and_then(tags::single) {
        Some(one) => !one.weak && one.opaque == tag.trim_matches('"'),
        None => date(headers, &IF_RANGE) == Some(modified),
    }
}

/// One range; `None` if the text is none or has several.
fn single(text: &str, length: u64) -> Option<Wanted> {
    let (unit, spec) = text.split_once('=')?;
    let (first, last) = spec.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let range = match (first, last) {
        ("", suffix) => length.saturating_sub(decimal(suffix)?)..length,
        (first, "") => decimal(first)?..length,
        (first, last) => {
            let (first, last) = (decimal(first)?, decimal(last)?);
            (first <= last).then(|| first..last.saturating_add(1).min(length))?
        }
    };
    Some(if range.is_empty() { Wanted::Nothing } else { Wanted::Part(range) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;

    fn of(range: &str, length: u64) -> Wanted {
        let headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_str(range).unwrap())]);
        wanted(&headers, "\"x\"", SystemTime::UNIX_EPOCH, length)
    }

    #[test]
    fn one_range_is_a_part() {
        assert_eq!(of("bytes=0-0", 10), Wanted::Part(0..1));
        assert_eq!(of("Bytes=2-", 10), Wanted::Part(2..10));
        assert_eq!(of("bytes=-3", 10), Wanted::Part(7..10));
        assert_eq!(of("bytes=-30", 10), Wanted::Part(0..10));
        assert_eq!(of("bytes=5-18446744073709551615", 10), Wanted::Part(5..10));
    }

    #[test]
    fn bytes_that_are_not_there_are_nothing() {
        for range in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert_eq!(of(range, 10), Wanted::Nothing, "{range}");
        }
        assert_eq!(of("bytes=0-", 0), Wanted::Nothing);
        assert_eq!(of("bytes=-1", 0), Wanted::Nothing);
    }

    #[test]
    fn what_is_no_single_range_is_the_whole() {
        for range in
            ["bytes=0-1,3-4", "bytes=5-2", "bytes=a-b", "bytes=", "bytes=-", "rows=0-1", "bytes=+1-2", "0-1"]
        {
            assert_eq!(of(range, 10), Wanted::Whole, "{range}");
        }
    }

    #[test]
    fn a_range_of_other_content_is_the_whole() {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let of = |condition: &str| {
            let condition = HeaderValue::from_str(condition).unwrap();
            let headers =
                HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=1-2")), (IF_RANGE, condition)]);
            wanted(&headers, "\"x\"", modified, 10)
        };
        assert_eq!(of("\"x\""), Wanted::Part(1..3));
        assert_eq!(of("Sun, 09 Sep 2001 01:46:40 GMT"), Wanted::Part(1..3));
        for other in ["\"y\"", "W/\"x\"", "Sun, 09 Sep 2001 01:46:41 GMT", "what"] {
            assert_eq!(of(other), Wanted::Whole, "{other}");
        }
    }
}
