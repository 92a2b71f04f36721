//! Tokens that somebody else issues (JWT, RFC 7519): from the text of one to whom it names and what they may.
//!
//! A token is believed if all of this holds, looked at in this order:
//!
//! - it is no longer than `max_token_bytes`, and its header is one;
//! - it is signed with the one configured algorithm, by whatever name it calls that; it asks for nothing that has to be
//!   understood (`crit`); a key that it brings along is not looked at;
//! - its signature is that of the one key it can be: where the keys have names, the one of that name (`kid`);
//! - it has an end (`exp`) that has not come, and no beginning (`nbf`) that has yet to, each within the leeway. At
//!   the end itself it is over (RFC 7519, section 4.1.4);
//! - it is of the configured issuer, and for the configured audience. Where no audience is configured a token that is for
//!   somebody is not for us (section 4.1.3);
//! - the claim that names the user is a name.
//!
//! What it may stands in the claim that lists scopes, words with spaces between them or an array of them: `read`,
//! `write` and `admin`, others mean nothing here. Without that claim it may read and write.
//!
//! The keys are read at the start, when the configuration is read again, and soon after their file changes. A file that
//! cannot be used never replaces what is in use.

mod claims;
mod jwks;
mod keys;
mod pem;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use cairn_engine::{Owner, Timestamp};
use jsonwebtoken::{Algorithm, Header, decode_header};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use keys::{Keys, KeysError, Unused};

use super::{By, Identity, Rights};
use crate::config::{Jwt, JwtAlgorithm};
use crate::house::House;
use crate::stamp::stamp;

/// How often is looked whether the file has changed.
const LOOK: Duration = Duration::from_secs(2);

/// Checks tokens. Clones share its keys.
#[derive(Clone)]
pub struct Verifier(watch::Sender<Arc<Rules>>);

/// What tokens are checked with.
#[derive(Clone, Debug)]
pub struct Rules {
    config: Jwt,
    keys: Keys,
}

/// Why a token is not believed: for the operator, never for whoever shows it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It is too long.
    #[error("it has {bytes} bytes, and may have {most}")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        most: u64,
    },
    /// It is no token, or its header is none.
    #[error("it is malformed")]
    Malformed,
    /// It is signed otherwise than configured.
    #[error("it says that it is signed with {told}, and only {configured} counts")]
    Algorithm {
        /// How it says that it is signed.
        told: String,
        /// The algorithm that counts.
        configured: JwtAlgorithm,
    },
    /// It asks for something that is not understood here.
    #[error("it says that something must be understood (crit) that is not")]
    Critical,
    /// It names no key, or one that there is not.
    #[error("there is no key that it can be signed with")]
    Key,
    /// The key did not sign it.
    #[error("its signature is not that of the key")]
    Signature,
    /// A claim is of a kind that it cannot be, or is missing where it is needed.
    #[error("its claim {0} is missing or malformed")]
    Claim(String),
    /// It is over.
    #[error("it has expired")]
    Expired,
    /// It is not good yet.
    #[error("it is not good yet")]
    Early,
    /// Somebody else issued it.
    #[error("another issuer made it")]
    Issuer,
    /// It is for somebody else.
    #[error("it is for somebody else")]
    Audience,
}

/// What a token says once it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    user: Owner,
    rights: Rights,
    /// From when on it is over, the leeway included, if that is a time that can be told.
    until: Option<Timestamp>,
}

impl Rules {
    /// Reads the file of the keys. Blocks for a small file.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn load(config: &Jwt) -> Result<Self, KeysError> {
        let keys = Keys::load(&config.keys, config.algorithm)?;
        Ok(Self { config: config.clone(), keys })
    }

    /// The keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Whom a token names, and what they may, at that time.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self, token: &str, now: Timestamp) -> Result<Identity, BadToken> {
        let most = self.config.max_token_bytes;
        if token.len() as u64 > most {
            return Err(BadToken::TooLong { bytes: token.len(), most });
        }
        let header = decode_header(token).map_err(|_| BadToken::Malformed)?;
        let algorithm = algorithm(self.config.algorithm);
        if header.alg != algorithm {
            let told = format!("{:?}", header.alg);
            return Err(BadToken::Algorithm { told, configured: self.config.algorithm });
        }
        if header.crit.is_some() {
            return Err(BadToken::Critical);
        }
        let told = self.claims(token, &header, algorithm)?.told(&self.config, now)?;
        Ok(Identity { owner: told.user, rights: told.rights, by: By::Jwt, until: told.until })
    }

    /// What is signed; only after the signature was found to be right.
    fn claims(&self, token: &str, header: &Header, algorithm: Algorithm) -> Result<claims::Claims, BadToken> {
        let key = self.keys.find(header.kid.as_deref()).ok_or(BadToken::Key)?;
        let (message, signature) = token.rsplit_once('.').ok_or(BadToken::Malformed)?;
        let signed = jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, algorithm);
        if !signed.map_err(|_| BadToken::Signature)? {
            return Err(BadToken::Signature);
        }
        let (_, claims) = message.split_once('.').ok_or(BadToken::Malformed)?;
        claims::Claims::read(claims)
    }
}

fn algorithm(configured: JwtAlgorithm) -> Algorithm {
    match configured {
        JwtAlgorithm::HS256 => Algorithm::HS256,
        JwtAlgorithm::RS256 => Algorithm::RS256,
        JwtAlgorithm::ES256 => Algorithm::ES256,
        JwtAlgorithm::EdDSA => Algorithm::EdDSA,
    }
}

impl Verifier {
    /// Reads the file of the keys, and warns of those that are not used. Blocks for a small file.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn open(config: &Jwt) -> Result<Self, KeysError> {
        let rules = Rules::load(config)?;
        rules.tell();
        Ok(Self(watch::Sender::new(Arc::new(rules))))
    }

    /// Whom a token names, and what they may, at that time.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self, token: &str, now: Timestamp) -> Result<Identity, BadToken> {
        let rules = Arc::clone(&self.0.borrow());
        rules.check(token, now)
    }

    /// Reads the keys again whenever their file changes or the configuration is read again, until the shutdown begins.
    pub async fn keep(self, house: Arc<House>, stopping: CancellationToken) {
        let mut configs = house.configs();
        let mut config = house.config().auth.jwt.clone();
        let mut seen = stamp(&[&config.keys]).await;
        loop {
            let asked = tokio::select! {
                () = stopping.cancelled() => return,
                changed = configs.changed() => changed.is_ok(),
                () = tokio::time::sleep(LOOK) => false,
            };
            config.clone_from(&configs.borrow_and_update().auth.jwt);
            let now = stamp(&[&config.keys]).await;
            if asked || now != seen {
                seen = now;
                self.renew(&config).await;
            }
        }
    }

    async fn renew(&self, config: &Jwt) {
        let of_task = config.clone();
        let loaded = tokio::task::spawn_blocking(move || Rules::load(&of_task)).await;
        match loaded {
            Ok(Ok(rules)) => {
                rules.tell();
                self.0.send_replace(Arc::new(rules));
            }
            Ok(Err(error)) => tracing::error!(
                error = &error as &dyn Error,
                "the new keys for tokens are refused; the old ones stay in use"
            ),
            Err(error) => tracing::error!(%error, "the keys for tokens could not be read again"),
        }
    }
}

impl Rules {
    fn tell(&self) {
        for Unused { key, why } in self.keys.unused() {
            tracing::warn!(key, why, "a key for tokens is not used");
        }
        let file = self.config.keys.display();
        tracing::info!(%file, keys = self.keys.len(), algorithm = %self.config.algorithm, "keys for tokens were read");
    }
}

#[cfg(test)]
mod tests;
