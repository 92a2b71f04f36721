//! What a token says, looked at after its signature was found to be right.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cairn_engine::Timestamp;
use serde_json::{Map, Value};

use super::{BadToken, Told};
use crate::auth::Rights;
use crate::config::Jwt;

/// The claims of one token.
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    /// Reads them from their part of the token.
    pub(super) fn read(part: &str) -> Result<Self, BadToken> {
        let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| BadToken::Malformed)?;
        serde_json::from_slice(&bytes).map(Self).map_err(|_| BadToken::Malformed)
    }

    /// What they tell, if they are to be believed now.
    pub(super) fn told(&self, config: &Jwt, now: Timestamp) -> Result<Told, BadToken> {
        let until = self.in_time(config, now)?;
        self.is_of_issuer(config.issuer.as_deref())?;
        self.is_for_audience(config.audience.as_deref())?;
        let bad_user = || BadToken::Claim(config.user_claim.clone());
        let user = self.0.get(&config.user_claim).and_then(Value::as_str).ok_or_else(bad_user)?;
        let user = user.parse().map_err(|_| bad_user())?;
        Ok(Told { user, rights: self.rights(&config.scope_claim)?, until })
    }

    /// Until when it is good. Numbers of seconds since 1970, maybe with a fraction (RFC 7519, section 2, `NumericDate`).
    fn in_time(&self, config: &Jwt, now: Timestamp) -> Result<Option<Timestamp>, BadToken> {
        let (now, leeway) = (now.0 as f64 / 1000.0, config.leeway.as_secs_f64());
        let end = self.time("exp")?.ok_or_else(|| BadToken::Claim("exp".to_owned()))?;
        if now >= end + leeway {
            return Err(BadToken::Expired);
        }
        match self.time("nbf")? {
            Some(beginning) if now < beginning - leeway => Err(BadToken::Early),
            _ => Ok(Duration::try_from_secs_f64(end + leeway).ok().map(|end| Timestamp(0).after(end))),
        }
    }

    fn time(&self, name: &str) -> Result<Option<f64>, BadToken> {
        let number = |value: &Value| value.as_f64().ok_or_else(|| BadToken::Claim(name.to_owned()));
        self.0.get(name).map(number).transpose()
    }

    fn is_of_issuer(&self, wanted: Option<&str>) -> Result<(), BadToken> {
        let Some(wanted) = wanted else { return Ok(()) };
        let told = self.0.get("iss").and_then(Value::as_str);
        if told == Some(wanted) { Ok(()) } else { Err(BadToken::Issuer) }
    }

    fn is_for_audience(&self, wanted: Option<&str>) -> Result<(), BadToken> {
        let is_for = match (self.0.get("aud"), wanted) {
            (None, None) => true,
            (Some(Value::String(one)), Some(wanted)) => one == wanted,
            (Some(Value::Array(several)), Some(wanted)) => several.iter().any(|one| one == wanted),
            _ => false,
        };
        if is_for { Ok(()) } else { Err(BadToken::Audience) }
    }

    fn rights(&self, claim: &str) -> Result<Rights, BadToken> {
        let malformed = || BadToken::Claim(claim.to_owned());
        match self.0.get(claim) {
            None => Ok(Rights { read: true, write: true, admin: false }),
            Some(Value::String(words)) => Ok(words.split(' ').collect()),
            Some(Value::Array(words)) => {
                words.iter().map(|word| word.as_str().ok_or_else(malformed)).collect()
            }
            Some(_) => Err(malformed()),
        }
    }
}

/// The rights that words name; words that name none are those of others.
impl<'a> FromIterator<&'a str> for Rights {
    fn from_iter<I: IntoIterator<Item = &'a str>>(words: I) -> Self {
        let mut rights = Self::default();
        for word in words {
            match word {
                "read" => rights.read = true,
                "write" => rights.write = true,
                "admin" => rights.admin = true,
                _ => {}
            }
        }
        rights
    }
}
