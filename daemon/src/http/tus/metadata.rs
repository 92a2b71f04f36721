//! `Upload-Metadata`: keys with values in base64, and what is kept of them.
//!
//! The field is kept as it came, so that it can be told byte for byte. What of it is text is kept decoded as well,
//! for whoever looks at the upload or the file by another protocol; long values only as they came. Names are texts of
//! strangers: what is made of them is a row in a table, without anything that a path may not have.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cairn_engine::FilePath;
use cairn_engine::upload::{Metadata, Upload};
use http::header::{HeaderMap, HeaderValue};
use serde_json::{Map, Value};

use super::fields::{UPLOAD_METADATA, bad, single};
use crate::http::native::members;
use crate::http::problem::Problem;

/// The member of an upload's metadata that is tus's own.
const OURS: &str = "tus";
const AS_SENT: &str = "metadata";
const CONCAT: &str = "concat";
/// Longer values are not kept decoded.
const MAX_DECODED: usize = 1024;

/// Metadata on their way to a command.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Sent {
    raw: Option<String>,
    pairs: Vec<(String, Vec<u8>)>,
}

/// The metadata of a request; an empty field is none.
///
/// # Errors
/// 400 `bad_field` for anything that is not keys, each once, with a value in base64 or none.
pub(crate) fn of(headers: &HeaderMap) -> Result<Sent, Problem> {
    let refuse = |detail: &str| bad(&UPLOAD_METADATA, detail);
    let Some(value) = single(headers, &UPLOAD_METADATA)? else { return Ok(Sent::default()) };
    let raw = std::str::from_utf8(value).ok().filter(|text| text.is_ascii());
    let raw = raw.ok_or_else(|| refuse("it must be ASCII"))?;
    if raw.trim().is_empty() {
        return Ok(Sent::default());
    }
    let mut pairs: Vec<(String, Vec<u8>)> = Vec::new();
    for pair in raw.split(',') {
        let pair = pair.trim_matches(' ');
        let (key, encoded) = pair.split_once(' ').unwrap_or((pair, ""));
        if key.is_empty() {
            return Err(refuse("a key is empty"));
        }
        if pairs.iter().any(|(known, _)| known == key) {
            return Err(refuse("a key is there twice"));
        }
        let value = STANDARD.decode(encoded).map_err(|_| refuse("a value is not base64"))?;
        pairs.push((key.to_owned(), value));
    }
    Ok(Sent { raw: Some(raw.to_owned()), pairs })
}

impl Sent {
    /// What the file will be called, if a name was sent of which anything can be made.
    pub(crate) fn path(&self) -> Option<FilePath> {
        let name = self.text("filename").or_else(|| self.text("name"))?;
        harmless(name)
    }

    /// The media type, if one was sent that is one.
    pub(crate) fn content_type(&self) -> Option<String> {
        let text = self.text("filetype").or_else(|| self.text("type"))?;
        members::content_type(text).ok()
    }

    /// What is kept with the upload, and with it what it said of concatenation.
    pub(super) fn kept(self, concat: Option<&str>) -> Metadata {
        let short = self.pairs.iter().filter(|(key, value)| key != OURS && value.len() <= MAX_DECODED);
        let texts =
            short.filter_map(|(key, value)| Some((key.clone(), std::str::from_utf8(value).ok()?.into())));
        let mut metadata: Metadata = texts.collect();
        let mut ours = Map::new();
        if let Some(raw) = self.raw {
            ours.insert(AS_SENT.to_owned(), Value::String(raw));
        }
        if let Some(concat) = concat {
            ours.insert(CONCAT.to_owned(), Value::String(concat.to_owned()));
        }
        metadata.insert(OURS.to_owned(), Value::Object(ours));
        metadata
    }

    fn text(&self, key: &str) -> Option<&str> {
        let (_, value) = self.pairs.iter().find(|(known, _)| known == key)?;
        std::str::from_utf8(value).ok().filter(|text| !text.is_empty())
    }
}

/// Whether tus began this upload, so that tus says when it is whole.
pub(crate) fn is_ours(upload: &Upload) -> bool {
    upload.metadata.contains_key(OURS)
}

/// The metadata as they were sent.
pub(super) fn as_sent(upload: &Upload) -> Option<HeaderValue> {
    HeaderValue::from_str(ours(upload, AS_SENT)?).ok()
}

/// What was said of concatenation, as it was sent.
pub(super) fn concat(upload: &Upload) -> Option<HeaderValue> {
    HeaderValue::from_str(ours(upload, CONCAT)?).ok()
}

/// Whether the upload is a part, and never a file by itself.
pub(super) fn is_partial(upload: &Upload) -> bool {
    ours(upload, CONCAT) == Some("partial")
}

/// Whether the upload is others in a row, and takes no bytes.
pub(super) fn is_final(upload: &Upload) -> bool {
    ours(upload, CONCAT).is_some_and(|said| said != "partial")
}

fn ours<'a>(upload: &'a Upload, name: &str) -> Option<&'a str> {
    upload.metadata.get(OURS)?.get(name)?.as_str()
}

/// A path without what a path may not have; `None` if nothing is left.
pub(crate) fn harmless(name: &str) -> Option<FilePath> {
    let visible: String = name.chars().filter(|c| !c.is_control()).collect();
    let segments = visible.split('/').filter(|segment| !matches!(*segment, "" | "." | ".."));
    let joined = segments.collect::<Vec<_>>().join("/");
    let mut end = joined.len().min(FilePath::MAX_LENGTH);
    while !joined.is_char_boundary(end) {
        end -= 1;
    }
    joined.get(..end)?.trim_end_matches('/').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Sent, Problem> {
        of(&HeaderMap::from_iter([(UPLOAD_METADATA, HeaderValue::from_str(value).unwrap())]))
    }

    #[test]
    fn keys_may_stand_alone_and_spaces_may_follow_commas() {
        let sent = read("filename YS5tcDQ=, is_confidential,empty ,filetype dmlkZW8vbXA0").unwrap();
        assert_eq!(sent.path().unwrap().as_str(), "a.mp4");
        assert_eq!(sent.content_type().as_deref(), Some("video/mp4"));
        let kept = sent.kept(None);
        assert_eq!(kept["is_confidential"], "");
        assert_eq!(
            kept["tus"]["metadata"],
            "filename YS5tcDQ=, is_confidential,empty ,filetype dmlkZW8vbXA0"
        );
    }

    #[test]
    fn an_empty_field_is_none() {
        for empty in ["", " "] {
            assert_eq!(read(empty).unwrap(), Sent::default());
        }
    }

    #[test]
    fn what_is_not_the_grammar_is_refused() {
        for wrong in ["a %%%", "a YQ==,a Yg==", ",", "a YQ==,", "a YQ", "a YQ== YQ=="] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hostile_names_become_harmless_ones_or_none() {
        for (name, path) in [
            ("../../etc/passwd", Some("etc/passwd")),
            ("/a//b/", Some("a/b")),
            ("a\0\r\nb", Some("ab")),
            ("..", None),
            ("/", None),
            ("\n", None),
        ] {
            assert_eq!(harmless(name).as_ref().map(FilePath::as_str), path, "{name:?}");
        }
        assert_eq!(harmless(&"д".repeat(2000)).unwrap().as_str().len(), 1024);
    }

    #[test]
    fn long_values_and_those_that_are_no_text_are_kept_as_they_came_only() {
        let long = STANDARD.encode(vec![b'x'; 2000]);
        let kept = read(&format!("long {long},bytes /w==,tus YQ==")).unwrap().kept(None);
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["tus"]);
    }
}
