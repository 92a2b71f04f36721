//! An owner's name for a file. It is a row in a table and never a path of the system.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::UploadId;

/// A file's path: UTF-8, `/`-separated, no empty, `.` or `..` segment, no control character, at most 1024 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct FilePath(String);

/// Why a text is not a [`FilePath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// Nothing at all.
    #[error("the path is empty")]
    Empty,
    /// More bytes than a path may have.
    #[error("the path has {length} bytes; {limit} are allowed")]
    TooLong {
        /// Bytes of the path.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A segment that is empty, `.` or `..`.
    #[error("the path has the segment {segment:?}")]
    Segment {
        /// The segment.
        segment: String,
    },
    /// A control character.
    #[error("the path has the control character U+{code:04X}")]
    Control {
        /// Its code point.
        code: u32,
    },
}

impl FilePath {
    /// The most bytes that a path may have.
    pub const MAX_LENGTH: usize = 1024;

    /// The path as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The path with ` (n)` before the extension of its last segment: how `if_exists = "rename"` finds a free name.
    ///
    /// # Errors
    /// [`BadPath::TooLong`] if the longer name does not fit.
    pub fn numbered(&self, n: u64) -> Result<Self, BadPath> {
        let stem_end = match self.file_name().rfind('.') {
            Some(dot) if dot > 0 => self.0.len() - self.file_name().len() + dot,
            _ => self.0.len(),
        };
        let (stem, extension) = self.0.split_at(stem_end);
        format!("{stem} ({n}){extension}").parse()
    }
}

impl From<UploadId> for FilePath {
    /// The name of what nobody gave a name to.
    fn from(id: UploadId) -> Self {
        Self(id.to_string())
    }
}

impl FromStr for FilePath {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        if text.is_empty() {
            return Err(BadPath::Empty);
        }
        if text.len() > Self::MAX_LENGTH {
            return Err(BadPath::TooLong { length: text.len(), limit: Self::MAX_LENGTH });
        }
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            return Err(BadPath::Control { code: u32::from(control) });
        }
        if let Some(segment) = text.split('/').find(|s| matches!(*s, "" | "." | "..")) {
            return Err(BadPath::Segment { segment: segment.to_owned() });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_any_script_are_kept_as_they_are() {
        for good in
            ["a", "videos/a.mp4", "видео/файл.mp4", "日本/語", "a b", "...", "a/.hidden", &"x".repeat(1024)]
        {
            assert_eq!(good.parse::<FilePath>().map(|p| p.to_string()).as_deref(), Ok(good));
        }
    }

    #[test]
    fn bad_paths_say_what_is_bad() {
        let segment = |s: &str| BadPath::Segment { segment: s.to_owned() };
        assert_eq!("".parse::<FilePath>(), Err(BadPath::Empty));
        assert_eq!("/a".parse::<FilePath>(), Err(segment("")));
        assert_eq!("a/".parse::<FilePath>(), Err(segment("")));
        assert_eq!("a/../b".parse::<FilePath>(), Err(segment("..")));
        assert_eq!("./b".parse::<FilePath>(), Err(segment(".")));
        assert_eq!("a\0b".parse::<FilePath>(), Err(BadPath::Control { code: 0 }));
        assert_eq!("a\r\nb".parse::<FilePath>(), Err(BadPath::Control { code: 13 }));
        assert_eq!("x".repeat(1025).parse::<FilePath>(), Err(BadPath::TooLong { length: 1025, limit: 1024 }));
    }

    #[test]
    fn a_numbered_path_keeps_its_folder_and_its_extension() {
        let numbered = |text: &str| text.parse::<FilePath>().unwrap().numbered(2).unwrap().to_string();
        assert_eq!(numbered("v/a.tar.gz"), "v/a.tar (2).gz");
        assert_eq!(numbered("v.d/a"), "v.d/a (2)");
        assert_eq!(numbered(".bashrc"), ".bashrc (2)");
    }
}
