//! `Content-Disposition` of a request (RFC 6266): the name that its sender gave to the content.
//!
//! Read leniently, because a name is only a wish: what cannot be read is no name, and never a refusal.

use http::header::{CONTENT_DISPOSITION, HeaderMap};

/// The name: `filename*` (RFC 8187) before `filename`.
pub(super) fn filename(headers: &HeaderMap) -> Option<String> {
    let value = std::str::from_utf8(headers.get(CONTENT_DISPOSITION)?.as_bytes()).ok()?;
    let parameters = parameters(value);
    let find = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let extended = find("filename*").and_then(|value| extended(value));
    extended.or_else(|| find("filename").cloned()).filter(|name| !name.is_empty())
}

/// The parameters after the type, names in small letters, quotes taken off.
fn parameters(value: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = value.find(';').and_then(|at| value.get(at + 1..)).unwrap_or_default();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = one_value(after.trim_start());
        found.push((name.trim().to_ascii_lowercase(), value));
        rest = after.split_once(';').map(|(_, rest)| rest).unwrap_or_default();
    }
    found
}

/// A token or a quoted string, and what follows it.
fn one_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => value.extend(letters.next()),
            other => value.push(other),
        }
    }
    (value, letters.as_str())
}

/// `UTF-8'en'percent-encoded`.
fn extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    let decoded = percent_encoding::percent_decode_str(encoded).decode_utf8().ok()?;
    charset.eq_ignore_ascii_case("utf-8").then(|| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_name_is_read_from_every_form() {
        for (value, name) in [
            ("inline; filename=a.mp4", Some("a.mp4")),
            ("attachment; FileName = \"a; b=\\\"c\\\".mp4\" ; x=y", Some("a; b=\"c\".mp4")),
            ("attachment; filename=plain; filename*=UTF-8''%D1%84%20x", Some("ф x")),
            ("attachment; filename=plain; filename*=latin1''%ff", Some("plain")),
            ("attachment; filename=\"зоя.bin\"", Some("зоя.bin")),
            ("attachment; filename=\"open", Some("open")),
            ("attachment", None),
            ("attachment; filename=", None),
            ("; ; ;=", None),
        ] {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            let headers = HeaderMap::from_iter([(CONTENT_DISPOSITION, value.clone())]);
            assert_eq!(filename(&headers).as_deref(), name, "{value:?}");
        }
    }
}
