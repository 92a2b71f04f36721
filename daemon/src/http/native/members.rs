//! The members of a JSON object that a request carries, each read with its own refusal. Members that nobody asks for
//! are passed over, so that a newer client can speak to an older daemon.

use cairn_engine::contracts::IfExists;
use cairn_engine::{Digest, FilePath};
use http::HeaderValue;
use serde_json::{Map, Value};

use crate::http::numbers;
use crate::http::problem::Problem;

/// A JSON object on its way to a command. A member that is `null` is absent.
pub(crate) struct Members(pub(crate) Map<String, Value>);

impl Members {
    fn present(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str, kind: &'static str) -> Result<Option<&str>, Problem> {
        let Some(value) = self.present(name) else { return Ok(None) };
        let wrong = || Problem::bad(kind, "Not a text").detail(format!("\"{name}\" must be a text"));
        value.as_str().map(Some).ok_or_else(wrong)
    }

    /// A path, if there is one.
    pub(crate) fn path(&self, name: &str) -> Result<Option<FilePath>, Problem> {
        self.text(name, "bad_path")?.map(path).transpose()
    }

    /// A length in bytes: a whole number below 2^63.
    pub(crate) fn length(&self, name: &str, kind: &'static str) -> Result<Option<u64>, Problem> {
        let Some(value) = self.present(name) else { return Ok(None) };
        numbers::json_length(value).map(Some).ok_or_else(|| {
            Problem::bad(kind, "Not a number of bytes")
                .detail(format!("\"{name}\" must be a whole number from 0 to {}", numbers::MAX_LENGTH))
                .fact("member", name)
                .fact("value", shortened(value))
        })
    }

    /// A digest, if there is one.
    pub(crate) fn digest(&self, name: &str) -> Result<Option<Digest>, Problem> {
        let Some(text) = self.text(name, "bad_digest")? else { return Ok(None) };
        let bad = |error| Problem::bad("bad_digest", "Not a digest").detail(error).fact("member", name);
        text.parse().map(Some).map_err(bad)
    }

    /// A media type, if there is one.
    pub(crate) fn content_type(&self, name: &str) -> Result<Option<String>, Problem> {
        self.text(name, "bad_content_type")?.map(content_type).transpose()
    }

    /// What the client attaches: an object.
    pub(crate) fn metadata(&self, name: &str) -> Result<Map<String, Value>, Problem> {
        match self.present(name) {
            None => Ok(Map::new()),
            Some(Value::Object(object)) => Ok(object.clone()),
            Some(_) => {
                Err(Problem::bad("bad_metadata", "Not metadata")
                    .detail(format!("\"{name}\" must be an object")))
            }
        }
    }

    /// What to do if the path is taken.
    pub(crate) fn if_exists(&self, name: &str) -> Result<Option<IfExists>, Problem> {
        match self.text(name, "bad_if_exists")? {
            None => Ok(None),
            Some("replace") => Ok(Some(IfExists::Replace)),
            Some("fail") => Ok(Some(IfExists::Fail)),
            Some("rename") => Ok(Some(IfExists::Rename)),
            Some(_) => Err(Problem::bad("bad_if_exists", "Not a way to go on")
                .detail(format!("\"{name}\" is \"replace\", \"fail\" or \"rename\""))),
        }
    }
}

/// A text as a path.
pub(crate) fn path(text: &str) -> Result<FilePath, Problem> {
    text.parse().map_err(|error| Problem::bad("bad_path", "Not a path").detail(error))
}

/// A text as a media type: visible, short, and with a slash in it.
pub(crate) fn content_type(text: &str) -> Result<String, Problem> {
    let visible = HeaderValue::from_str(text).is_ok() && text.is_ascii();
    if visible && text.len() <= 255 && text.contains('/') {
        return Ok(text.to_owned());
    }
    Err(Problem::bad("bad_content_type", "Not a media type")
        .detail("a media type is at most 255 visible ASCII characters, as in \"video/mp4\""))
}

/// A value as it may be told back: never long.
fn shortened(value: &Value) -> Value {
    match value {
        Value::Number(_) | Value::Bool(_) | Value::Null => value.clone(),
        Value::String(text) if text.len() <= 64 => value.clone(),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(value: Value) -> Members {
        let Value::Object(object) = value else { panic!("an object") };
        Members(object)
    }

    #[test]
    fn members_are_read_strictly() {
        let good = members(json!({
            "path": "a/b", "length": 5, "digest": null, "content_type": "a/b", "if_exists": "rename",
        }));
        assert_eq!(good.path("path").unwrap().unwrap().as_str(), "a/b");
        assert_eq!(good.length("length", "bad_length").unwrap(), Some(5));
        assert_eq!(good.digest("digest").unwrap(), None);
        assert_eq!(good.content_type("content_type").unwrap().as_deref(), Some("a/b"));
        assert_eq!(good.if_exists("if_exists").unwrap(), Some(IfExists::Rename));
        let bad = members(json!({
            "path": "../b", "length": -1, "digest": "md5:00", "content_type": "a\r\nb/c", "metadata": [], "if_exists": "x",
        }));
        assert!(bad.path("path").is_err());
        assert!(bad.length("length", "bad_length").is_err());
        assert!(bad.digest("digest").is_err());
        assert!(bad.content_type("content_type").is_err());
        assert!(bad.metadata("metadata").is_err());
        assert!(bad.if_exists("if_exists").is_err());
    }
}
