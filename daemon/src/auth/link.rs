//! Signed links: rights that a URL carries with it, sealed with a key of the daemon's.
//!
//! A link is `KEY.PAYLOAD.SEAL`: the id of a key, what it grants as JSON in base64url, and HMAC-SHA-256 over both. The
//! payload can be read by whoever has the link, and written only by whoever has the key. Nothing of it is kept, but for
//! links of one use, which are remembered from their use to their end.

use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cairn_engine::{FilePath, Owner, Timestamp, UploadId, seal};
use serde::{Deserialize, Serialize};

use crate::config::LinkKey;

/// A secret has at least so many bytes.
const LEAST_SECRET: usize = 32;
/// What is sealed begins so: no other use of a key makes a link.
const PURPOSE: &str = "cairn link 1";

/// What a link is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Nobody can guess it; it may be told.
    pub id: String,
    /// Whose files it is about.
    pub owner: Owner,
    /// When it was made. A user of that name who came later is another.
    pub made_at: Timestamp,
    /// The moment from which on it is good for nothing.
    pub expires_at: Timestamp,
    /// What it is good for.
    pub grant: Grant,
}

/// What a link is good for, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// To send one file to one path.
    Upload {
        /// Where to.
        path: FilePath,
        /// The most bytes.
        max_length: u64,
        /// The media type, if it must be that one.
        content_type: Option<String>,
        /// Whether it may begin one upload only.
        once: bool,
    },
    /// To go on with an upload that a link began.
    Sending {
        /// Which one.
        upload: UploadId,
    },
    /// To read one file.
    Download {
        /// Which one.
        path: FilePath,
        /// Whether once only.
        once: bool,
    },
}

/// The keys of links: the first signs, each verifies.
#[derive(Default)]
pub struct Keys(Vec<Key>);

struct Key {
    id: String,
    secret: Vec<u8>,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadKey {
    /// Its file cannot be read.
    #[error("the key `{id}` of links cannot be read from {}", file.display())]
    Unreadable {
        /// The key.
        id: String,
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It can be guessed.
    #[error("the key `{id}` of links has {length} bytes; it needs {LEAST_SECRET}")]
    Short {
        /// The key.
        id: String,
        /// Its bytes.
        length: usize,
    },
    /// There is another of that id.
    #[error("there are two keys `{id}` of links")]
    Twice {
        /// The id.
        id: String,
    },
}

/// Why a text is not a link that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLink {
    /// It is none, or not one of a key that is known, or was changed.
    NotValid,
    /// It was one.
    Expired,
}

impl Keys {
    /// Reads the secrets. White space at the end of a file is not part of them.
    ///
    /// # Errors
    /// A file that cannot be read, a secret that is too short, an id that is there twice.
    pub fn load(keys: &[LinkKey]) -> Result<Self, BadKey> {
        let mut loaded: Vec<Key> = Vec::new();
        for LinkKey { id, secret_file } in keys {
            let secret = std::fs::read(secret_file).map_err(|source| BadKey::Unreadable {
                id: id.clone(),
                file: secret_file.clone(),
                source,
            })?;
            let secret = secret.trim_ascii_end().to_vec();
            if secret.len() < LEAST_SECRET {
                return Err(BadKey::Short { id: id.clone(), length: secret.len() });
            }
            if loaded.iter().any(|key| key.id == *id) {
                return Err(BadKey::Twice { id: id.clone() });
            }
            loaded.push(Key { id: id.clone(), secret });
        }
        Ok(Self(loaded))
    }

    /// Whether there are links at all.
    pub fn are_there(&self) -> bool {
        !self.0.is_empty()
    }

    /// The text of a link; `None` without a key to sign it.
    pub fn sign(&self, link: &Link) -> Option<String> {
        let key = self.0.first()?;
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(link).ok()?);
        let seal = seal::seal(&key.secret, sealed_text(&key.id, &payload).as_bytes());
        Some(format!("{}.{payload}.{}", key.id, URL_SAFE_NO_PAD.encode(seal)))
    }

    /// The link of a text, if it holds now.
    ///
    /// # Errors
    /// [`BadLink`]. Nothing of the payload is looked at before the seal.
    pub fn read(&self, text: &str, now: Timestamp) -> Result<Link, BadLink> {
        let link = self.sealed(text).ok_or(BadLink::NotValid)?;
        if link.expires_at <= now { Err(BadLink::Expired) } else { Ok(link) }
    }

    fn sealed(&self, text: &str) -> Option<Link> {
        let (id, rest) = text.split_once('.')?;
        let (payload, seal) = rest.split_once('.')?;
        let key = self.0.iter().find(|key| key.id == id)?;
        let shown = URL_SAFE_NO_PAD.decode(seal).ok()?;
        if !seal::is_sealed(&key.secret, sealed_text(id, payload).as_bytes(), &shown) {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

fn sealed_text(id: &str, payload: &str) -> String {
    format!("{PURPOSE}\n{id}.{payload}")
}

impl fmt::Debug for Keys {
    /// The ids; no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(named: &[(&str, &str)]) -> Keys {
        let key =
            |(id, secret): &(&str, &str)| Key { id: (*id).to_owned(), secret: secret.as_bytes().to_vec() };
        Keys(named.iter().map(key).collect())
    }

    fn link() -> Link {
        Link {
            id: "0".repeat(32),
            owner: "ann".parse().unwrap(),
            made_at: Timestamp(1),
            expires_at: Timestamp(1_000),
            grant: Grant::Download { path: "a/b".parse().unwrap(), once: false },
        }
    }

    #[test]
    fn a_link_is_read_as_it_was_signed_until_the_moment_of_its_end() {
        let keys = keys(&[("a", "one secret")]);
        let text = keys.sign(&link()).unwrap();
        assert_eq!(keys.read(&text, Timestamp(999)), Ok(link()));
        assert_eq!(keys.read(&text, Timestamp(1_000)), Err(BadLink::Expired));
        assert_eq!(keys.read(&text, Timestamp(1_001)), Err(BadLink::Expired));
        assert_eq!(Keys::default().sign(&link()), None);
        assert_eq!(Keys::default().read(&text, Timestamp(0)), Err(BadLink::NotValid));
    }

    #[test]
    fn no_character_of_a_link_can_be_another() {
        let keys = keys(&[("a", "one secret"), ("b", "another")]);
        let text = keys.sign(&link()).unwrap();
        for (at, was) in text.char_indices() {
            for other in ['a', 'b', 'A', '_', '.', '='] {
                let mut changed = text.clone();
                changed.replace_range(at..at + was.len_utf8(), &other.to_string());
                let told = keys.read(&changed, Timestamp(0));
                assert_eq!(told.is_ok(), changed == text, "{changed}");
            }
            assert_eq!(keys.read(&text[..at], Timestamp(0)), Err(BadLink::NotValid));
        }
        assert_eq!(keys.read(&format!("{text}A"), Timestamp(0)), Err(BadLink::NotValid));
    }

    #[test]
    fn a_key_that_was_put_behind_verifies_and_one_that_was_taken_away_does_not() {
        let text = keys(&[("old", "one secret")]).sign(&link()).unwrap();
        let both = keys(&[("new", "another"), ("old", "one secret")]);
        assert_eq!(both.read(&text, Timestamp(0)), Ok(link()));
        assert!(both.sign(&link()).unwrap().starts_with("new."));
        assert_eq!(keys(&[("new", "another")]).read(&text, Timestamp(0)), Err(BadLink::NotValid));
        assert_eq!(keys(&[("old", "another")]).read(&text, Timestamp(0)), Err(BadLink::NotValid));
    }

    #[test]
    fn secrets_are_long_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let key = |id: &str, secret: &str| {
            let secret_file = folder.path().join(format!("{id}-{}", secret.len()));
            std::fs::write(&secret_file, secret).unwrap();
            LinkKey { id: id.to_owned(), secret_file }
        };
        let (long, short) = (format!("{}\n", "s".repeat(32)), format!("{}\n", "s".repeat(31)));
        let loaded = Keys::load(&[key("a", &long), key("b", &long)]).unwrap();
        assert_eq!(format!("{loaded:?}"), "[\"a\", \"b\"]");
        assert!(matches!(Keys::load(&[key("a", &short)]), Err(BadKey::Short { length: 31, .. })));
        assert!(matches!(Keys::load(&[key("a", &long), key("a", &long)]), Err(BadKey::Twice { .. })));
        let nowhere = LinkKey { id: "a".to_owned(), secret_file: folder.path().join("none") };
        assert!(matches!(Keys::load(&[nowhere]), Err(BadKey::Unreadable { .. })));
    }
}
