//! Entity tags (RFC 9110 section 8.8.3).

use http::header::{HeaderMap, HeaderName};

/// One entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// Whether it is a weak one.
    pub(crate) weak: bool,
    /// What stands between the quotes.
    pub(crate) opaque: String,
}

/// What a field of entity tags says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tags {
    /// `*`
    Any,
    /// These; what is none is left out.
    Listed(Vec<Tag>),
}

/// The entity tags of a field; `None` if it is not there.
pub(crate) fn of(headers: &HeaderMap, field: &HeaderName) -> Option<Tags> {
    let mut lines = headers.get_all(field).iter().peekable();
    lines.peek()?;
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).map(str::trim).collect();
    if lines == ["*"] {
        return Some(Tags::Any);
    }
    Some(Tags::Listed(lines.into_iter().flat_map(listed).collect()))
}

/// One entity tag and nothing else.
pub(crate) fn single(text: &str) -> Option<Tag> {
    let (tag, rest) = first(text.trim())?;
    rest.trim().is_empty().then_some(tag)
}

fn listed(line: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = line;
    while let Some((tag, after)) = first(rest.trim_start_matches([' ', '\t', ','])) {
        tags.push(tag);
        rest = after;
    }
    tags
}

/// The tag that a text begins with, and what follows it.
fn first(text: &str) -> Option<(Tag, &str)> {
    let (weak, quoted) = match text.strip_prefix("W/") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (opaque, rest) = quoted.strip_prefix('"')?.split_once('"')?;
    Some((Tag { weak, opaque: opaque.to_owned() }, rest))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::IF_MATCH;

    use super::*;

    fn read(lines: &[&str]) -> Option<Tags> {
        let headers = lines.iter().map(|l| (IF_MATCH, HeaderValue::from_str(l).unwrap())).collect();
        of(&headers, &IF_MATCH)
    }

    fn tag(weak: bool, opaque: &str) -> Tag {
        Tag { weak, opaque: opaque.to_owned() }
    }

    #[test]
    fn tags_are_read_from_all_lines() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[" * "]), Some(Tags::Any));
        assert_eq!(
            read(&["\"a,b\" , W/\"c\"", "\"d\""]),
            Some(Tags::Listed(vec![tag(false, "a,b"), tag(true, "c"), tag(false, "d")]))
        );
        assert_eq!(read(&["abc"]), Some(Tags::Listed(vec![])));
        assert_eq!(single("\"a\""), Some(tag(false, "a")));
        assert_eq!(single("\"a\", \"b\""), None);
    }
}
