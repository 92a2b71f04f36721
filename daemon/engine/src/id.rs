//! Names that cairn makes itself: upload ids and object keys, none of them ever built from what a client said; and the
//! names that the operator gives to storages.

use std::borrow::Cow;
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

/// The name of a storage: 1 to 32 of `0-9`, `a-z` and `-`.
///
/// One storage is always there: `default`. An operator may name others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorageName(Cow<'static, str>);

impl StorageName {
    /// The storage that has no name of its own in a key.
    pub const DEFAULT: Self = Self(Cow::Borrowed("default"));

    /// The most bytes of a name.
    pub const MOST_BYTES: usize = 32;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the one that is always there.
    pub fn is_default(&self) -> bool {
        *self == Self::DEFAULT
    }
}

impl Default for StorageName {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for StorageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not a name that a storage can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a storage: 1 to 32 of a-z, 0-9 and -")]
pub struct NotAStorageName;

impl FromStr for StorageName {
    type Err = NotAStorageName;

    fn from_str(text: &str) -> Result<Self, NotAStorageName> {
        let ours = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.is_empty() || text.len() > Self::MOST_BYTES || !text.bytes().all(ours) {
            return Err(NotAStorageName);
        }
        Ok(if text == Self::DEFAULT.0 { Self::DEFAULT } else { Self(Cow::Owned(text.to_owned())) })
    }
}

impl Serialize for StorageName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for StorageName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The key of an object: made by cairn, never from a client's words, never renamed.
///
/// A key tells the storage in which its object lies: `cold:merged/ab/…` lies in the storage `cold` under
/// `merged/ab/…`; a key without a storage lies in the default one. Storage itself never sees the prefix. After it the
/// alphabet is `0-9`, `a-z`, `-` and `/`. These shapes exist:
///
/// | shape | what lies there |
/// |---|---|
/// | `uploads/ab/<id>/manifest` | the manifest of an upload |
/// | `uploads/ab/<id>/data` | bytes of an upload written in place, at their own offsets |
/// | `uploads/ab/<id>/receipts` | the receipt log beside them |
/// | `uploads/ab/<id>/<offset>-<nonce>` | one stretch of an upload, from `offset` (16 hex digits) on |
/// | `merged/ab/<nonce>` | a blob made one by a merge, or moved from another storage |
/// | `marker` | names the catalog that the objects belong to |
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ObjectKey(String);

/// Between the name of a storage and the key inside it.
const STORAGE_END: char = ':';

impl ObjectKey {
    /// The folder of an upload inside its storage, with the slash at its end.
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

    /// An object that a merge or a move writes.
    pub fn merged(nonce: u128) -> Self {
        let name = format!("{nonce:032x}");
        let shard = name.get(..2).unwrap_or_default();
        Self(format!("merged/{shard}/{name}"))
    }

    /// The marker that names the catalog.
    pub fn marker() -> Self {
        Self("marker".to_owned())
    }

    /// The key as the catalog and the session store keep it: with its storage.
    ///
    /// A store of objects is given keys without one, so there this is what storage itself sees.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The storage in which the object lies.
    pub fn storage(&self) -> StorageName {
        let name = self.0.split_once(STORAGE_END).and_then(|(name, _)| name.parse().ok());
        name.unwrap_or(StorageName::DEFAULT)
    }

    /// The key as the storage itself sees it.
    pub fn inside(&self) -> Self {
        Self(self.inside_text().to_owned())
    }

    /// The same key in this storage.
    #[must_use]
    pub fn lying_in(&self, storage: &StorageName) -> Self {
        match storage.is_default() {
            true => self.inside(),
            false => Self(format!("{storage}{STORAGE_END}{}", self.inside_text())),
        }
    }

    fn inside_text(&self) -> &str {
        self.0.split_once(STORAGE_END).map_or(&self.0, |(_, inside)| inside)
    }

    /// The upload in whose folder this object lies, if it lies in one.
    pub fn upload(&self) -> Option<UploadId> {
        let mut parts = self.inside_text().split('/');
        (parts.next() == Some("uploads")).then_some(())?;
        parts.nth(1)?.parse().ok()
    }

    /// The last part of the key.
    pub fn name(&self) -> &str {
        self.inside_text().rsplit('/').next().unwrap_or_default()
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
        let (storage, inside) = match text.split_once(STORAGE_END) {
            Some((name, inside)) => (Some(name.parse::<StorageName>().map_err(|_| NotAKey)?), inside),
            None => (None, text),
        };
        // One object has one key: the default storage is never named in it.
        if storage.is_some_and(|name| name.is_default()) {
            return Err(NotAKey);
        }
        let ours = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'/');
        if inside.is_empty() || text.len() > 128 || !inside.bytes().all(ours) {
            return Err(NotAKey);
        }
        if inside.split('/').any(str::is_empty) {
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

    #[test]
    fn keys_tell_the_storage_that_they_lie_in_and_nothing_else_changes() {
        let cold: StorageName = "cold".parse().unwrap();
        let plain = ObjectKey::stretch(UploadId(7), 5 << 20, 9);
        let moved = plain.lying_in(&cold);
        assert_eq!(moved.as_str(), format!("cold:{plain}"));
        assert_eq!((moved.storage(), plain.storage()), (cold.clone(), StorageName::DEFAULT));
        assert_eq!((moved.inside(), moved.lying_in(&StorageName::DEFAULT)), (plain.clone(), plain.clone()));
        assert_eq!((moved.upload(), moved.stretch_offset()), (plain.upload(), plain.stretch_offset()));
        assert_eq!((moved.name(), moved.stretch_nonce()), (plain.name(), Some(9)));
        assert_eq!(moved.as_str().parse(), Ok(moved.clone()));
        assert_eq!(ObjectKey::marker().lying_in(&cold).name(), "marker");
        let longest: StorageName = "n".repeat(32).parse().unwrap();
        let longest = plain.lying_in(&longest);
        assert_eq!(longest.as_str().parse(), Ok(longest.clone()));
        for bad in ["cold:", ":a", "default:a", "Cold:a", "a:b:c", "co/ld:a", "../x:a"] {
            assert_eq!(bad.parse::<ObjectKey>(), Err(NotAKey), "{bad}");
        }
    }

    #[test]
    fn storages_have_plain_short_names() {
        assert_eq!("default".parse(), Ok(StorageName::DEFAULT));
        for bad in ["", "Cold", "a b", "a:b", "a/b", "a.b", "a_b", &"n".repeat(33)] {
            assert_eq!(bad.parse::<StorageName>(), Err(NotAStorageName), "{bad}");
        }
    }
}
