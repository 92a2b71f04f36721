//! Names that cairn makes itself: upload ids and object keys. Neither is ever built from what a client said.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The source of chance. The daemon asks the system; tests count.
pub trait Chance: Send + Sync {
    /// 128 bits that nobody can guess.
    fn bits(&self) -> u128;
}

/// An upload's name: 128 random bits, written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(u128);

impl UploadId {
    /// Length of the text form in bytes.
    pub const TEXT_LENGTH: usize = 32;

    /// Makes a new id.
    pub fn make(chance: &dyn Chance) -> Self {
        Self(chance.bits())
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UploadId({self})")
    }
}

/// The text is not an upload id. It says nothing about whether an upload exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an upload id")]
pub struct NotAnId;

impl FromStr for UploadId {
    type Err = NotAnId;

    /// Length and alphabet are checked before anything else is done with the text.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        if text.len() != Self::TEXT_LENGTH || !text.bytes().all(is_lower_hex) {
            return Err(NotAnId);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| NotAnId)
    }
}

impl Serialize for UploadId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UploadId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The key of an object: made by cairn, never from a client's words, never renamed.
///
/// The alphabet is `0-9`, `a-z`, `-` and `/`. These shapes exist:
///
/// | shape | what lies there |
/// |---|---|
/// | `uploads/ab/<id>/manifest` | the manifest of an upload |
/// | `uploads/ab/<id>/data` | bytes of an upload written in place, at their own offsets |
/// | `uploads/ab/<id>/receipts` | the receipt log beside them |
/// | `uploads/ab/<id>/<offset>-<nonce>` | one stretch of an upload, from `offset` (16 hex digits) on |
/// | `merged/ab/<nonce>` | a blob made one by a merge |
/// | `marker` | names the catalog that the objects belong to |
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The folder of an upload, with the slash at its end.
    pub fn folder(upload: UploadId) -> String {
        let id = upload.to_string();
        let shard = id.get(..2).unwrap_or_default();
        format!("uploads/{shard}/{id}/")
    }

    /// Where an upload's manifest lies.
    pub fn manifest(upload: UploadId) -> Self {
        Self(format!("{}manifest", Self::folder(upload)))
    }

    /// Where an upload's bytes lie when they are written in place.
    pub fn data(upload: UploadId) -> Self {
        Self(format!("{}data", Self::folder(upload)))
    }

    /// Where the receipt log of an upload that is written in place lies.
    pub fn receipts(upload: UploadId) -> Self {
        Self(format!("{}receipts", Self::folder(upload)))
    }

    /// An object of its own for one stretch of an upload that begins at `offset`.
    pub fn stretch(upload: UploadId, offset: u64, nonce: u128) -> Self {
        Self(format!("{}{offset:016x}-{nonce:032x}", Self::folder(upload)))
    }

    /// For an object of one stretch: its nonce, the greater the later it was begun.
    pub fn stretch_nonce(&self) -> Option<u128> {
        self.stretch_offset()?;
        let (_, nonce) = self.name().split_once('-')?;
        u128::from_str_radix(nonce, 16).ok()
    }

    /// An object that a merge writes.
    pub fn merged(nonce: u128) -> Self {
        let name = format!("{nonce:032x}");
        let shard = name.get(..2).unwrap_or_default();
        Self(format!("merged/{shard}/{name}"))
    }

    /// The marker that names the catalog.
    pub fn marker() -> Self {
        Self("marker".to_owned())
    }

    /// The key as storage sees it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The upload in whose folder this object lies, if it lies in one.
    pub fn upload(&self) -> Option<UploadId> {
        let mut parts = self.0.split('/');
        (parts.next() == Some("uploads")).then_some(())?;
        parts.nth(1)?.parse().ok()
    }

    /// The last part of the key.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// For an object of one stretch: the offset in the upload at which it begins.
    pub fn stretch_offset(&self) -> Option<u64> {
        self.upload()?;
        let (offset, nonce) = self.name().split_once('-')?;
        (offset.len() == 16 && nonce.len() == 32).then_some(())?;
        u64::from_str_radix(offset, 16).ok()
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text has a byte that no key of ours has, or a shape that none of ours has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an object key of cairn")]
pub struct NotAKey;

impl FromStr for ObjectKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let ours = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'/');
        if text.is_empty() || text.len() > 128 || !text.bytes().all(ours) {
            return Err(NotAKey);
        }
        if text.split('/').any(str::is_empty) {
            return Err(NotAKey);
        }
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for ObjectKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_what_they_print_and_refuse_everything_else() {
        let id = UploadId(0xab);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in [
            "",
            "ab",
            &"A".repeat(32),
            &"0".repeat(33),
            "../../../../../../../../etc/passwd",
            "+0000000000000000000000000000001",
        ] {
            assert_eq!(bad.parse::<UploadId>(), Err(NotAnId), "{bad}");
        }
    }

    #[test]
    fn keys_tell_whose_they_are_and_where_their_stretch_begins() {
        let id = UploadId(7);
        let key = ObjectKey::stretch(id, 5 << 20, 9);
        assert_eq!(key.upload(), Some(id));
        assert_eq!(key.stretch_offset(), Some(5 << 20));
        assert_eq!((key.stretch_nonce(), ObjectKey::data(id).stretch_nonce()), (Some(9), None));
        assert_eq!(ObjectKey::data(id).stretch_offset(), None);
        assert_eq!(ObjectKey::merged(3).upload(), None);
        assert_eq!(key.as_str().parse(), Ok(key));
        for bad in ["", "/a", "a//b", "a/../b", "a b", "A"] {
            assert_eq!(bad.parse::<ObjectKey>(), Err(NotAKey), "{bad}");
        }
    }
}
