//! Digests of one request's body (RFC 9530 `Content-Digest`).

/// A digest of one request's body, to be verified before any of it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyDigest {
    /// What computes it.
    pub algorithm: BodyAlgorithm,
    /// The output that is expected.
    pub expected: Vec<u8>,
}

/// Algorithms that a request's body is verified with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// SHA-1.
    Sha1,
    /// MD5.
    Md5,
}
