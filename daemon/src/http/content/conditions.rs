//! Conditional requests (RFC 9110 section 13), in the order of its section 13.2.2.

use std::time::SystemTime;

use http::header::{self, HeaderMap, HeaderName};

use super::tags::{self, Tags};

/// What the conditions of a `GET` or `HEAD` say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They hold.
    Go,
    /// The asker has this content already.
    NotModified,
    /// They do not hold.
    Failed,
}

/// Judges the conditions of a request against what is there: its entity tag, quoted, and when it last changed.
pub(crate) fn judge(headers: &HeaderMap, tag: &str, modified: SystemTime) -> Verdict {
    let matches = match tags::of(headers, &header::IF_MATCH) {
        Some(tags) => names(&tags, tag, false),
        None => date(headers, &header::IF_UNMODIFIED_SINCE).is_none_or(|date| modified <= date),
    };
    if !matches {
        return Verdict::Failed;
    }
    let has_it = match tags::of(headers, &header::IF_NONE_MATCH) {
        Some(tags) => names(&tags, tag, true),
        None => date(headers, &header::IF_MODIFIED_SINCE).is_some_and(|date| modified <= date),
    };
    if has_it { Verdict::NotModified } else { Verdict::Go }
}

/// Whether the list names the tag; a weak one counts only where weak comparison is asked for.
fn names(tags: &Tags, tag: &str, weakly: bool) -> bool {
    match tags {
        Tags::Any => true,
        Tags::Listed(listed) => {
            listed.iter().any(|one| (weakly || !one.weak) && tag.trim_matches('"') == one.opaque)
        }
    }
}

/// The date of a field; one that is none is passed over.
pub(super) fn date(headers: &HeaderMap, field: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(field)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;

    fn judged(fields: &[(HeaderName, &str)]) -> Verdict {
        let headers = fields.iter().map(|(n, v)| (n.clone(), HeaderValue::from_str(v).unwrap())).collect();
        judge(&headers, "\"x\"", SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000))
    }

    const BEFORE: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
    const THEN: &str = "Sun, 09 Sep 2001 01:46:40 GMT";

    #[test]
    fn tags_come_before_dates() {
        use header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
        assert_eq!(judged(&[]), Verdict::Go);
        assert_eq!(judged(&[(IF_NONE_MATCH, "W/\"x\"")]), Verdict::NotModified);
        assert_eq!(judged(&[(IF_NONE_MATCH, "*")]), Verdict::NotModified);
        assert_eq!(judged(&[(IF_NONE_MATCH, "\"y\""), (IF_MODIFIED_SINCE, THEN)]), Verdict::Go);
        assert_eq!(judged(&[(IF_MODIFIED_SINCE, THEN)]), Verdict::NotModified);
        assert_eq!(judged(&[(IF_MODIFIED_SINCE, BEFORE)]), Verdict::Go);
        assert_eq!(judged(&[(IF_MODIFIED_SINCE, "yesterday")]), Verdict::Go);
        assert_eq!(judged(&[(IF_MATCH, "\"y\"")]), Verdict::Failed);
        assert_eq!(judged(&[(IF_MATCH, "W/\"x\"")]), Verdict::Failed);
        assert_eq!(judged(&[(IF_MATCH, "\"x\""), (IF_UNMODIFIED_SINCE, BEFORE)]), Verdict::Go);
        assert_eq!(judged(&[(IF_UNMODIFIED_SINCE, BEFORE)]), Verdict::Failed);
    }
}
