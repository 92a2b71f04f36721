//! The keys that tokens are checked with, from their file.
//!
//! | the file holds | for | the key's name |
//! |---|---|---|
//! | one public key or certificate, PEM | RS256, ES256, EdDSA | none: whichever key a token names, it is this one |
//! | a JWKS (RFC 7517, section 5) | all | its `kid`; a token without one is checked where there is one key only |
//! | a secret, its last line's end not counted | HS256 | none |
//!
//! A PEM file is never a secret and a secret never a public key: a public key that everybody knows cannot come to
//! be what tokens are made with. Of a set, keys that cannot be used are told of; two of one name are refused, because
//! which of them counts would be anybody's guess.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use jsonwebtoken::{DecodingKey, DecodingKeyKind};

use super::{jwks, pem};
use crate::config::JwtAlgorithm;

/// The longest file.
const LONGEST_FILE: u64 = 1 << 20;
/// The shortest secret in bytes: that of the hash (RFC 7518, section 3.2).
const SHORTEST_SECRET: usize = 32;
/// The shortest and longest RSA key in bytes of its modulus (RFC 7518, section 3.3, and what the cryptography takes).
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// The keys of one algorithm.
#[derive(Clone, Debug)]
pub struct Keys {
    found: Found,
    unused: Vec<Unused>,
}

#[derive(Clone, Debug)]
enum Found {
    /// One that has no name.
    One(DecodingKey),
    /// Those of a set.
    Set(HashMap<Option<String>, DecodingKey>),
}

/// A key of a set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Its name, or its place in the set.
    pub key: String,
    /// Why.
    pub why: String,
}

/// Why a key cannot be used. Nothing of the key is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// It is of another kind.
    #[error("it is not of the kind that {0} needs")]
    Kind(JwtAlgorithm),
    /// It is malformed.
    #[error("it is malformed")]
    Malformed,
    /// It is too short or too long.
    #[error("an RSA key of {bits} bits is not within 2048 to 8192")]
    Length {
        /// How long it is.
        bits: usize,
    },
    /// It is the key that makes tokens, not the one that checks them.
    #[error("it is a private key: whoever checks tokens needs the public one only")]
    Private,
    /// There is none.
    #[error("there is no public key and no certificate in it")]
    None,
    /// There are several.
    #[error("there are several; a JWKS can hold several")]
    Several,
    /// It is shorter than the hash.
    #[error("the secret has {bytes} bytes; HS256 needs at least {SHORTEST_SECRET}")]
    ShortSecret {
        /// How long it is.
        bytes: usize,
    },
}

/// Why a file of keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// It cannot be read.
    #[error("the file of the keys for tokens, {}, cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is too long.
    #[error("the file of the keys for tokens, {}, has {bytes} bytes, and may have {LONGEST_FILE}", path.display())]
    Long {
        /// The file.
        path: PathBuf,
        /// How long it is.
        bytes: u64,
    },
    /// Its one key cannot be used.
    #[error("the key for tokens in {} cannot be used", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: BadKey,
    },
    /// It begins like a JWKS, and is none.
    #[error("{} is no JWKS", path.display())]
    NoSet {
        /// The file.
        path: PathBuf,
    },
    /// Two of its keys have one name.
    #[error("{} holds two keys that can be used under one name, {name}", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// None of its keys can be used.
    #[error("{} holds no key that {algorithm} can be checked with; {}", path.display(), told(unused))]
    NoneUsable {
        /// The file.
        path: PathBuf,
        /// What they are for.
        algorithm: JwtAlgorithm,
        /// The keys that it holds.
        unused: Vec<Unused>,
    },
}

fn told(unused: &[Unused]) -> String {
    let each: Vec<String> = unused.iter().map(|unused| format!("{}: {}", unused.key, unused.why)).collect();
    if each.is_empty() { "it is empty".to_owned() } else { each.join("; ") }
}

impl Keys {
    /// Reads a file. Blocks for a small one.
    pub(super) fn load(path: &Path, algorithm: JwtAlgorithm) -> Result<Self, KeysError> {
        let unread = |source| KeysError::Read { path: path.to_owned(), source };
        let bytes = fs::metadata(path).map_err(unread)?.len();
        if bytes > LONGEST_FILE {
            return Err(KeysError::Long { path: path.to_owned(), bytes });
        }
        Self::read(&fs::read(path).map_err(unread)?, path, algorithm)
    }

    /// Reads what a file holds.
    fn read(content: &[u8], path: &Path, algorithm: JwtAlgorithm) -> Result<Self, KeysError> {
        let begins = content.trim_ascii_start();
        if begins.starts_with(b"{") {
            return Self::of_set(content, path, algorithm);
        }
        let key = match (begins.starts_with(b"-----BEGIN "), algorithm) {
            (true, algorithm) => pem::read(content, algorithm),
            (false, JwtAlgorithm::HS256) => secret(content),
            (false, _) => Err(BadKey::None),
        };
        let found = key.map_err(|source| KeysError::Key { path: path.to_owned(), source })?;
        Ok(Self { found: Found::One(found), unused: Vec::new() })
    }

    fn of_set(content: &[u8], path: &Path, algorithm: JwtAlgorithm) -> Result<Self, KeysError> {
        let no_set = || KeysError::NoSet { path: path.to_owned() };
        let set = jwks::read(content, algorithm).ok_or_else(no_set)?;
        let mut found = HashMap::new();
        for (name, key) in set.keys {
            if found.insert(name.clone(), key).is_some() {
                let name = name.unwrap_or_else(|| "none".to_owned());
                return Err(KeysError::Twice { path: path.to_owned(), name });
            }
        }
        if found.is_empty() {
            return Err(KeysError::NoneUsable { path: path.to_owned(), algorithm, unused: set.unused });
        }
        Ok(Self { found: Found::Set(found), unused: set.unused })
    }

    /// The key that a token of that key's name can be signed with.
    pub(super) fn find(&self, name: Option<&str>) -> Option<&DecodingKey> {
        match (&self.found, name) {
            (Found::One(key), _) => Some(key),
            (Found::Set(keys), None) if keys.len() == 1 => keys.values().next(),
            (Found::Set(_), None) => None,
            (Found::Set(keys), Some(name)) => keys.get(&Some(name.to_owned())),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.found {
            Found::One(_) => 1,
            Found::Set(keys) => keys.len(),
        }
    }

    /// Whether there is none: never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys of the file that are not used.
    pub fn unused(&self) -> &[Unused] {
        &self.unused
    }
}

fn secret(content: &[u8]) -> Result<DecodingKey, BadKey> {
    let secret = content.strip_suffix(b"\n").unwrap_or(content);
    of_secret(secret.strip_suffix(b"\r").unwrap_or(secret))
}

/// A secret that is long enough.
pub(super) fn of_secret(secret: &[u8]) -> Result<DecodingKey, BadKey> {
    if secret.len() < SHORTEST_SECRET {
        return Err(BadKey::ShortSecret { bytes: secret.len() });
    }
    Ok(DecodingKey::from_secret(secret))
}

/// An RSA key, if its length is one that can be checked with.
pub(super) fn of_rsa(key: DecodingKey) -> Result<DecodingKey, BadKey> {
    let DecodingKeyKind::RsaModulusExponent { n, .. } = key.kind() else { return Err(BadKey::Malformed) };
    let bytes = n.iter().skip_while(|byte| **byte == 0).count();
    if !RSA_BYTES.contains(&bytes) {
        return Err(BadKey::Length { bits: bytes * 8 });
    }
    Ok(key)
}
