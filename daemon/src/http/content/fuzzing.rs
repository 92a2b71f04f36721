//! Doors to the grammars of content on its way out.

use std::time::SystemTime;

use http::header::{HeaderMap, HeaderValue, IF_NONE_MATCH, IF_RANGE, RANGE};

use super::range::{Wanted, wanted};
use super::tags::{Tag, Tags};
use super::{conditions, disposition, tags};
use crate::http::fuzzing::head_of;

const TAG: &str = "\"0123\"";

/// `Range` and `If-Range`, a line each, of a content as long as the first eight bytes say: what is answered lies within
/// the content, and asking for just that answers the same.
pub fn range(bytes: &[u8]) -> bool {
    let Some((length, text)) = bytes.split_first_chunk::<8>() else { return false };
    let length = u64::from_le_bytes(*length);
    let mut lines = text.split(|byte| *byte == b'\n');
    let mut head = HeaderMap::new();
    for field in [RANGE, IF_RANGE] {
        let Some(line) = lines.next() else { break };
        let Ok(value) = HeaderValue::from_bytes(line) else { return false };
        head.insert(field, value);
    }
    let modified = SystemTime::UNIX_EPOCH;
    match wanted(&head, TAG, modified, length) {
        Wanted::Whole => false,
        Wanted::Nothing => {
            head.remove(IF_RANGE);
            assert_eq!(wanted(&head, TAG, modified, length), Wanted::Nothing, "a condition made a range");
            true
        }
        Wanted::Part(part) => {
            assert!(part.start < part.end && part.end <= length, "{part:?} of {length}");
            let text = format!("bytes={}-{}", part.start, part.end - 1);
            let head: HeaderMap =
                HeaderValue::try_from(text).map(|value| (RANGE, value)).into_iter().collect();
            assert_eq!(
                wanted(&head, TAG, modified, length),
                Wanted::Part(part),
                "the same range, otherwise said"
            );
            true
        }
    }
}

/// Entity tags, a line per field: written down again they are the same, and a list that names the content says so.
pub fn entity_tags(bytes: &[u8]) -> bool {
    let Some(head) = head_of(&IF_NONE_MATCH, bytes) else { return false };
    let verdict = conditions::judge(&head, TAG, SystemTime::UNIX_EPOCH);
    let (has_it, accepted) = match tags::of(&head, &IF_NONE_MATCH) {
        None => (false, false),
        Some(Tags::Any) => (true, true),
        Some(Tags::Listed(listed)) => {
            let list = listed.iter().map(written).collect::<Vec<_>>().join(", ");
            let again = head_of(&IF_NONE_MATCH, list.as_bytes());
            let again = again.and_then(|head| tags::of(&head, &IF_NONE_MATCH));
            assert_eq!(again, Some(Tags::Listed(listed.clone())), "tags written down are others");
            for tag in &listed {
                assert_eq!(tags::single(&written_alone(tag)).as_ref(), Some(tag), "a tag alone is another");
            }
            (listed.iter().any(|tag| written(tag).ends_with(TAG)), !listed.is_empty())
        }
    };
    assert_eq!(verdict == conditions::Verdict::NotModified, has_it, "a list names the content, or not");
    accepted
}

fn written(tag: &Tag) -> String {
    format!("{}\"{}\"", if tag.weak { "W/" } else { "" }, tag.opaque)
}

fn written_alone(tag: &Tag) -> String {
    format!(" {}\t", written(tag))
}

/// The disposition of a name, the type before it in a line of its own: a field's value without control characters and
/// marks of direction, which parses back to the name that is seen.
pub fn content_disposition(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Some((content_type, name)) = text.split_once('\n') else { return false };
    let field = disposition::of(name, content_type);
    assert!(HeaderValue::from_str(&field).is_ok() && field.is_ascii(), "no field has {field:?}");
    assert!(!field.chars().any(char::is_control), "a control character in {field:?}");
    let (how, told) = parsed(&field).unwrap_or_else(|| panic!("{field:?} is not the grammar"));
    assert!(!told.is_empty() && !told.chars().any(|c| c.is_control() || turns_direction(c)), "{told:?}");
    let seen: String = name.chars().filter(|c| !c.is_control()).collect();
    let rest: String = seen.chars().filter(|c| told.contains(*c)).collect();
    assert!(rest.contains(&told) || told == "download", "{told:?} of {name:?}");
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let kind = essence.split('/').next().unwrap_or_default();
    let quiet = matches!(kind, "audio" | "image" | "video") && !essence.contains("xml");
    assert!(how == "attachment" || quiet || essence == "text/plain", "{content_type:?} in place");
    how == "inline"
}

/// How a content is to be shown, and its name, as a client reads them (RFC 6266 section 4).
fn parsed(field: &str) -> Option<(&str, String)> {
    let (how, rest) = field.split_once("; filename=\"")?;
    let (plain, rest) = rest.split_once('"')?;
    if rest.is_empty() {
        return Some((how, plain.to_owned()));
    }
    let encoded = rest.strip_prefix("; filename*=UTF-8''")?;
    let of_attribute = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~%".contains(&byte);
    let decoded = percent_encoding::percent_decode_str(encoded).decode_utf8().ok()?;
    encoded.bytes().all(of_attribute).then(|| (how, decoded.into_owned()))
}

/// Unicode's `Bidi_Control`.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
