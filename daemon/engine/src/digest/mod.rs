//! Digests of content, and the checksum that cairn keeps of every extent.

pub mod body;
pub mod joining;
pub mod running;
pub mod tree;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The digest algorithms that may name a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// BLAKE3 with 32 bytes of output: a blob's identity.
    Blake3,
    /// SHA-1: looked up because clients send it, never an identity.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// The name in front of the colon.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blake3 => "blake3",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// Bytes of output.
    pub fn output_length(self) -> usize {
        match self {
            Self::Blake3 | Self::Sha256 => 32,
            Self::Sha1 => 20,
        }
    }
}

/// A digest of a whole content: `sha1:…`, `sha256:…` or `blake3:…`, lower-case hexadecimal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Digest {
    /// A digest of `bytes`, or `None` if there are not as many as the algorithm puts out.
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == algorithm.output_length()).then(|| Self { algorithm, bytes: bytes.to_vec() })
    }

    /// A BLAKE3 digest.
    pub fn blake3(hash: [u8; 32]) -> Self {
        Self { algorithm: Algorithm::Blake3, bytes: hash.to_vec() }
    }

    /// What computed it.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The output.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The output as lower-case hexadecimal, without the algorithm's name.
    pub fn hex(&self) -> String {
        hex(&self.bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Why a text is not a [`Digest`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDigest {
    /// No known algorithm in front of a colon.
    #[error("a digest is sha1:…, sha256:… or blake3:…")]
    Algorithm,
    /// Not as many hexadecimal digits as the algorithm puts out.
    #[error("a {algorithm} digest has {expected} hexadecimal digits")]
    Hex {
        /// The algorithm's name.
        algorithm: &'static str,
        /// Digits that it has.
        expected: usize,
    },
}

impl FromStr for Digest {
    type Err = BadDigest;

    /// Hexadecimal digits of either case are taken.
    fn from_str(text: &str) -> Result<Self, BadDigest> {
        let (name, digits) = text.split_once(':').ok_or(BadDigest::Algorithm)?;
        let algorithm = [Algorithm::Blake3, Algorithm::Sha1, Algorithm::Sha256]
            .into_iter()
            .find(|a| a.name() == name)
            .ok_or(BadDigest::Algorithm)?;
        let bad = BadDigest::Hex { algorithm: algorithm.name(), expected: algorithm.output_length() * 2 };
        let bytes = unhex(digits).ok_or_else(|| bad.clone())?;
        Self::new(algorithm, &bytes).ok_or(bad)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// CRC-64/NVME of an extent's bytes, written `crc64nvme:` and 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checksum(pub u64);

impl Checksum {
    /// The checksum of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut running = RunningChecksum::default();
        running.update(bytes);
        running.value()
    }

    /// The checksum of these bytes followed by `length` bytes whose checksum is `next`. For many in a row there is
    /// [`Joiner`](joining::Joiner).
    #[must_use]
    pub fn followed_by(self, next: Self, length: u64) -> Self {
        joining::Joiner::default().join(self, next, length)
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crc64nvme:{:016x}", self.0)
    }
}

/// A checksum in the making.
pub struct RunningChecksum(crc_fast::Digest);

impl Default for RunningChecksum {
    fn default() -> Self {
        Self(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme))
    }
}

impl RunningChecksum {
    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes taken so far.
    pub fn value(&self) -> Checksum {
        Checksum(self.0.finalize())
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that hexadecimal digits of either case stand for, or `None` if they are not that.
pub fn unhex(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    digits
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect()
}
