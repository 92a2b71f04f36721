//! `Content-Disposition` that is safe for any name (RFC 6266, RFC 8187).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 8187 lets stand as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Types that a browser may show in place: they carry no script.
const SHOWN: &[&str] = &[
    "audio/aac",
    "audio/flac",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "audio/webm",
    "image/avif",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/plain",
    "video/mp4",
    "video/ogg",
    "video/webm",
];

/// Parts of the names of types that a browser runs as a script, in whoever's page names the file.
const SCRIPTS: &[&str] = &["javascript", "ecmascript", "jscript", "livescript"];

/// Whether a browser may show content of this type in place.
pub(super) fn is_shown(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // Of several types in one field a browser takes the last.
    SHOWN.contains(&essence.as_str()) && !content_type.contains(',')
}

/// The type under which content is served. A script is served as bytes: `nosniff` keeps it from running only while its
/// type is none of a script. Several types in one field are none.
pub(super) fn served_type(content_type: &str) -> &str {
    let lower = content_type.to_ascii_lowercase();
    let runs = lower.contains(',') || SCRIPTS.iter().any(|part| lower.contains(part));
    if runs { "application/octet-stream" } else { content_type }
}

/// The field for a file of this name and type.
pub(super) fn of(name: &str, content_type: &str) -> String {
    let how = if is_shown(content_type) { "inline" } else { "attachment" };
    let name = visible(name);
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    if plain == name {
        return format!("{how}; filename=\"{plain}\"");
    }
    format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(&name, ENCODED))
}

/// The name without what only changes how it is shown; never empty.
fn visible(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control() && !is_mark(*c)).collect();
    if name.trim().is_empty() { "download".to_owned() } else { name }
}

/// Marks that turn the direction of text or separate lines: a name with them can look like another one.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// What every client reads as it stands in a quoted string. Some decode `%`, some read slashes as folders.
fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_stands_as_it_is() {
        assert_eq!(of("a b.mp4", "video/mp4"), "inline; filename=\"a b.mp4\"");
        assert_eq!(of("a.bin", "application/octet-stream"), "attachment; filename=\"a.bin\"");
    }

    #[test]
    fn another_name_is_told_twice() {
        assert_eq!(
            of("день.txt", "text/plain; charset=utf-8"),
            "inline; filename=\"____.txt\"; filename*=UTF-8''%D0%B4%D0%B5%D0%BD%D1%8C.txt"
        );
        assert_eq!(
            of("a\"b;c\\.txt", "x/y"),
            "attachment; filename=\"a_b;c_.txt\"; filename*=UTF-8''a%22b%3Bc%5C.txt"
        );
        assert_eq!(of("100%41", "x/y"), "attachment; filename=\"100_41\"; filename*=UTF-8''100%2541");
    }

    #[test]
    fn controls_and_marks_of_direction_are_left_out() {
        assert_eq!(of("a\r\nSet-Cookie: x", "x/y"), "attachment; filename=\"aSet-Cookie: x\"");
        assert_eq!(of("exe\u{202e}gpj.png", "x/y"), "attachment; filename=\"exegpj.png\"");
        assert_eq!(of("\u{200f}", "x/y"), "attachment; filename=\"download\"");
    }

    #[test]
    fn a_script_and_a_field_of_several_types_are_served_as_bytes() {
        for kind in ["text/javascript", "Application/X-JavaScript; a=b", "text/plain;a=b, text/html"] {
            assert_eq!(served_type(kind), "application/octet-stream", "{kind}");
            assert!(!is_shown(kind), "{kind}");
        }
        assert_eq!(served_type("text/plain; charset=utf-8"), "text/plain; charset=utf-8");
        assert!(is_shown("text/plain; charset=utf-8"));
    }

    #[test]
    fn what_may_carry_script_is_never_shown_in_place() {
        for kind in [
            "text/html",
            "image/svg+xml",
            "application/xml",
            "application/pdf",
            "text/javascript",
            "TEXT/HTML",
        ] {
            assert!(of("a", kind).starts_with("attachment"), "{kind}");
        }
    }
}
