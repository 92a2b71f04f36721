//! One line: what it tells, and how it is written.

use std::net::IpAddr;

use cairn_engine::Owner;
use serde::{Serialize, Serializer};

/// What a request does to an upload or a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It changes nothing and reads no content.
    Ask,
    /// It begins an upload.
    Begin,
    /// It brings bytes of an upload.
    Bring,
    /// It makes a file of an upload.
    Complete,
    /// It answers a challenge, to have a file.
    Prove,
    /// It removes an upload.
    Abort,
    /// It reads a file's content.
    Read,
    /// It writes a whole file.
    Write,
    /// It gives a file another name, or one more.
    Name,
    /// It removes a file.
    Remove,
    /// It makes a link.
    Link,
    /// It is an operator's verb.
    Operate,
}

impl Deed {
    /// Its name in a line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Begin => "upload.create",
            Self::Bring => "upload.append",
            Self::Complete => "upload.complete",
            Self::Prove => "upload.prove",
            Self::Abort => "upload.abort",
            Self::Read => "file.read",
            Self::Write => "file.write",
            Self::Name => "file.name",
            Self::Remove => "file.remove",
            Self::Link => "link.create",
            Self::Operate => "operate",
        }
    }
}

/// What a line tells. What is not known or does not apply is left out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Line {
    /// When the request came, RFC 3339 in UTC.
    pub time: String,
    /// The id that the answer carried as `X-Request-Id`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    /// `native`, `compat`, `tus`, `resumable` or `admin`; `cairn` where nobody asked.
    pub protocol: &'static str,
    /// What was done: [`Deed::name`], or what the engine did beside requests.
    pub action: &'static str,
    /// Method and route, of an operator's verb.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// Whose thing it is.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub owner: Option<Owner>,
    /// How the asker is known: `nobody`, `token`, `uid`, …; `cairn` where nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<&'static str>,
    /// The public id of the credential, or the number of the system's user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
    /// The file's path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The id of the link that was made, which opens nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The name that it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why it was done, where nobody asked for that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The storage that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// How many objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<usize>,
    /// Bytes of the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// Its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The status of the answer; none where the client was gone before there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `done`, the kind of the refusal, `refused`, `failed`, or `gone`.
    pub outcome: &'static str,
}

impl Line {
    /// The line as one JSON object without a line end.
    pub fn text(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_else(|_| "{\"outcome\":\"unwritable\"}".to_owned());
        if text.chars().any(is_obeyed) { escaped(&text) } else { text }
    }
}

fn as_text<S: Serializer>(owner: &Option<Owner>, serializer: S) -> Result<S::Ok, S::Error> {
    match owner {
        Some(owner) => serializer.serialize_str(owner.as_str()),
        None => serializer.serialize_none(),
    }
}

/// JSON allows these characters in strings, and a terminal or an editor may obey them: the delete of ASCII and the controls
/// above it, line and paragraph ends, and the marks that turn the direction of text (Unicode Technical Report 36).
fn is_obeyed(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delete_is_escaped_where_all_else_is_ascii() {
        let line = Line { path: Some("a\u{7f}".to_owned()), ..Line::default() };
        assert!(line.text().contains("a\\u007f"), "{}", line.text());
    }

    #[test]
    fn nothing_ends_a_line_or_hides_in_it() {
        let path = "a\n{\"forged\":true}\r\u{1b}[2J\u{202e}\u{2028}\u{85}\"зоя";
        let line = Line { path: Some(path.to_owned()), outcome: "done", ..Line::default() };
        let text = line.text();
        assert!(text.chars().all(|c| !c.is_control() && !"\u{202e}\u{2028}".contains(c)), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["path"], path);
        assert!(text.contains("зоя"));
    }
}
