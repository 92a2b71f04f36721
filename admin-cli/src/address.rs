//! Paths and queries as they go over the socket: whatever the operator typed stays one segment, or one value.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same, for several segments.
const SEGMENTS: &AsciiSet = &SEGMENT.remove(b'/');

/// An id or a digest below a collection such as `/blobs`.
pub(crate) fn item(collection: &str, name: &str) -> String {
    format!("{collection}/{}", utf8_percent_encode(name, SEGMENT))
}

/// A file.
pub(crate) fn file(owner: &str, path: &str) -> String {
    format!("{}/{}", item("/files", owner), utf8_percent_encode(path, SEGMENTS))
}

/// A collection with those of the parameters that have a value.
pub(crate) fn query(collection: &str, parameters: &[(&str, Option<String>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
    if query.is_empty() { collection.to_owned() } else { format!("{collection}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_segment() {
        assert_eq!(item("/blobs", "sha1:00"), "/blobs/sha1%3A00");
        assert_eq!(item("/uploads", "../../x?y#z"), "/uploads/..%2F..%2Fx%3Fy%23z");
        assert_eq!(file("a/b", "ü b/c%d.txt"), "/files/a%2Fb/%C3%BC%20b/c%25d.txt");
    }

    #[test]
    fn absent_parameters_are_not_sent() {
        assert_eq!(query("/uploads", &[("user", None)]), "/uploads");
        let parameters = [("user", Some("a&b".to_owned())), ("state", None), ("limit", Some("7".to_owned()))];
        assert_eq!(query("/uploads", &parameters), "/uploads?user=a%26b&limit=7");
    }
}
