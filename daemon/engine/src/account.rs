//! Users, and the tokens that say who asks.
//!
//! A token is `cairn_<id>_<secret>`: the id is public, 20 hexadecimal digits by which it is listed, revoked and looked
//! up; the secret is 256 random bits. Its text is shown once, when it is made. What is kept is the BLAKE3 of the
//! secret: so many bits cannot be guessed from it, and no slow hash is needed for what nobody chose. Hashes are
//! compared in constant time.

use std::fmt;
use std::str::FromStr;

use crate::id::Chance;
use crate::owner::Owner;
use crate::time::Timestamp;

/// What every token begins with.
const BEGINS: &str = "cairn_";

/// Limits of a user's own, by name: those of the configuration hold where there are none.
pub type Limits = serde_json::Map<String, serde_json::Value>;

/// Somebody who may ask.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The name: uploads and files are those of the owner of this name.
    pub name: Owner,
    /// When the user was added.
    pub created_at: Timestamp,
    /// Nothing that says it is this user is believed as long as this holds.
    pub disabled: bool,
    /// What the user may keep and stage.
    pub quota: Quota,
    /// Other limits of the user's own.
    pub limits: Limits,
}

/// Bytes that a user may keep and stage together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quota {
    /// As many as anybody may.
    #[default]
    AsConfigured,
    /// Any number.
    Unbounded,
    /// So many.
    Bytes(u64),
}

impl Quota {
    /// The bound that holds, where anybody else has this one; `None` is none.
    pub fn or(self, configured: Option<u64>) -> Option<u64> {
        match self {
            Self::AsConfigured => configured,
            Self::Unbounded => None,
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    /// To read its user's files and uploads.
    pub read: bool,
    /// To make, change and remove them.
    pub write: bool,
    /// To see how the daemon is doing.
    pub admin: bool,
}

/// The text is no list of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scopes are read, write and admin, with commas between them, at least one")]
pub struct BadScopes;

impl FromStr for Scopes {
    type Err = BadScopes;

    fn from_str(text: &str) -> Result<Self, BadScopes> {
        let mut scopes = Self::default();
        for name in text.split(',').map(str::trim) {
            match name {
                "read" => scopes.read = true,
                "write" => scopes.write = true,
                "admin" => scopes.admin = true,
                _ => return Err(BadScopes),
            }
        }
        Ok(scopes)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [("read", self.read), ("write", self.write), ("admin", self.admin)];
        let names: Vec<&str> = names.into_iter().filter_map(|(name, is)| is.then_some(name)).collect();
        f.write_str(&names.join(","))
    }
}

/// A token as everybody may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its public name.
    pub id: TokenId,
    /// Whom it is one of.
    pub user: Owner,
    /// What it is good for.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is good for nothing; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the hour; `None` is never.
    pub used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Token {
    /// Whether it is good for anything, as far as it can tell by itself.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// A token's public name: 80 random bits, written as 20 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(u128);

/// The text is no token's public name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token's id has {} hexadecimal digits", TokenId::TEXT_LENGTH)]
pub struct NotATokenId;

impl TokenId {
    /// Length of the text form in bytes.
    pub const TEXT_LENGTH: usize = 20;

    fn make(chance: &dyn Chance) -> Self {
        Self(chance.bits() & ((1 << 80) - 1))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020x}", self.0)
    }
}

impl FromStr for TokenId {
    type Err = NotATokenId;

    fn from_str(text: &str) -> Result<Self, NotATokenId> {
        if text.len() != Self::TEXT_LENGTH || !text.bytes().all(is_lower_hex) {
            return Err(NotATokenId);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| NotATokenId)
    }
}

/// A whole token, its secret with it. It is never printed but by [`reveal`](Self::reveal).
#[derive(Clone)]
pub struct TokenText {
    /// Its public name.
    pub id: TokenId,
    secret: [u8; 32],
}

/// The text is no token. It is not told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token of cairn")]
pub struct NotAToken;

impl TokenText {
    /// Makes a new one.
    pub fn make(chance: &dyn Chance) -> Self {
        let mut secret = [0; 32];
        let (first, second) = secret.split_at_mut(16);
        first.copy_from_slice(&chance.bits().to_be_bytes());
        second.copy_from_slice(&chance.bits().to_be_bytes());
        Self { id: TokenId::make(chance), secret }
    }

    /// The text, for the one who may have it.
    pub fn reveal(&self) -> String {
        format!("{BEGINS}{}_{}", self.id, blake3::Hash::from_bytes(self.secret).to_hex())
    }

    /// What is kept of the secret.
    pub fn hash(&self) -> SecretHash {
        SecretHash(blake3::hash(&self.secret))
    }
}

impl FromStr for TokenText {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let (id, secret) =
            text.strip_prefix(BEGINS).and_then(|rest| rest.split_once('_')).ok_or(NotAToken)?;
        if secret.len() != 64 || !secret.bytes().all(is_lower_hex) {
            return Err(NotAToken);
        }
        let secret = blake3::Hash::from_hex(secret).map_err(|_| NotAToken)?;
        Ok(Self { id: id.parse().map_err(|_| NotAToken)?, secret: *secret.as_bytes() })
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenText").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is kept of a token's secret. Two are compared in constant time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretHash(blake3::Hash);

impl SecretHash {
    /// From its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(blake3::Hash::from_bytes(bytes))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

/// What a token is at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// It is good for what it says.
    Valid,
    /// Its time ran out.
    Expired,
    /// It was revoked.
    Revoked,
}

impl TokenState {
    /// What a token is at a moment.
    pub fn of(token: &Token, now: Timestamp) -> Self {
        match token.revoked_at {
            Some(_) => Self::Revoked,
            None if token.is_valid(now) => Self::Valid,
            None => Self::Expired,
        }
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::testing::world::CountingChance;

    #[test]
    fn a_token_reads_back_and_shows_its_secret_only_when_asked() {
        let token = TokenText::make(&CountingChance::default());
        let text = token.reveal();
        assert_eq!(text.len(), 6 + 20 + 1 + 64);
        let again: TokenText = text.parse().unwrap();
        assert_eq!((again.id, again.hash()), (token.id, token.hash()));
        let (_, secret) = text.rsplit_once('_').unwrap();
        assert!(!format!("{token:?} {:?}", token.hash()).contains(secret));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let text = TokenText::make(&CountingChance::default()).reveal();
        let upper = text.to_uppercase();
        let cut = &text[..text.len() - 1];
        let longer = format!("{text}0");
        let bare = text.trim_start_matches("cairn_");
        for bad in ["", "cairn_", "cairn__", "x", &upper, cut, &longer, bare, &text.replace('0', "ü")] {
            assert_eq!(bad.parse::<TokenText>().unwrap_err(), NotAToken, "{bad}");
        }
    }

    #[test]
    fn scopes_are_a_list_in_any_order() {
        let scopes: Scopes = " write,read".parse().unwrap();
        assert_eq!(scopes, Scopes { read: true, write: true, admin: false });
        assert_eq!(scopes.to_string(), "read,write");
        for bad in ["", "read,", "READ", "all"] {
            assert_eq!(bad.parse::<Scopes>(), Err(BadScopes), "{bad}");
        }
    }

    #[test]
    fn a_token_is_valid_until_its_end_and_not_at_it() {
        let token = Token {
            id: TokenId(1),
            user: Owner::default(),
            scopes: Scopes::default(),
            created_at: Timestamp(1),
            expires_at: Some(Timestamp(10)),
            used_at: None,
            revoked_at: None,
        };
        assert!(token.is_valid(Timestamp(9)) && !token.is_valid(Timestamp(10)));
        assert_eq!(TokenState::of(&token, Timestamp(10)), TokenState::Expired);
        let revoked = Token { revoked_at: Some(Timestamp(5)), ..token };
        assert!(!revoked.is_valid(Timestamp(6)));
        assert_eq!(TokenState::of(&revoked, Timestamp(6)), TokenState::Revoked);
    }
}
