//! `[auth.jwt]`: whose tokens are believed, and what in them says who asks.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::values::{byte_count, optional_text, period};

/// Whose tokens are believed (RFC 7519), and what in them says who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jwt {
    /// The one algorithm that tokens are signed with. What a token says of itself never decides.
    pub algorithm: JwtAlgorithm,
    /// The file of the keys: a public key or a certificate (PEM), a set of keys (JWKS), or a secret.
    pub keys: PathBuf,
    /// Who must have issued a token (`iss`); `None` is anybody who has the key.
    #[serde(with = "optional_text")]
    pub issuer: Option<String>,
    /// Whom a token must be for (`aud`); `None` is a token that is for nobody in particular.
    #[serde(with = "optional_text")]
    pub audience: Option<String>,
    /// How far the issuer's clock may be from ours.
    #[serde(with = "period")]
    pub leeway: Duration,
    /// The claim that names the user.
    pub user_claim: String,
    /// The claim that lists what the token is good for.
    pub scope_claim: String,
    /// The longest token.
    #[serde(with = "byte_count")]
    pub max_token_bytes: u64,
}

impl Default for Jwt {
    fn default() -> Self {
        Self {
            algorithm: JwtAlgorithm::default(),
            keys: PathBuf::new(),
            issuer: None,
            audience: None,
            leeway: Duration::from_secs(30),
            user_claim: "sub".to_owned(),
            scope_claim: "scope".to_owned(),
            max_token_bytes: 8 << 10,
        }
    }
}

/// How tokens are signed (RFC 7518, section 3.1, and RFC 8037).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256: whoever checks tokens could make them.
    HS256,
    /// RSA (PKCS #1 v1.5) with SHA-256.
    #[default]
    RS256,
    /// ECDSA over P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl fmt::Display for JwtAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
