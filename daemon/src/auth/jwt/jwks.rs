//! A set of keys (JWKS, RFC 7517, section 5).

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use serde_json::Value;

use super::keys::{BadKey, Unused, of_rsa, of_secret};
use crate::config::JwtAlgorithm;

/// The most keys that a set may hold; those past it are not used.
const MOST: usize = 1000;
/// Bytes of an Ed25519 key, and of a coordinate of P-256.
const POINT_BYTES: usize = 32;

/// What a set holds.
pub(super) struct Set {
    /// The keys that can be used, by their names.
    pub(super) keys: Vec<(Option<String>, DecodingKey)>,
    /// The others.
    pub(super) unused: Vec<Unused>,
}

/// Reads a set; `None` if it is none.
pub(super) fn read(content: &[u8], algorithm: JwtAlgorithm) -> Option<Set> {
    let document: Value = serde_json::from_slice(content).ok()?;
    let mut set = Set { keys: Vec::new(), unused: Vec::new() };
    for (place, key) in document.get("keys")?.as_array()?.iter().enumerate() {
        let name = key.get("kid").and_then(Value::as_str);
        let why = match usable(key, algorithm) {
            Ok(key) if place < MOST => {
                set.keys.push((name.map(str::to_owned), key));
                continue;
            }
            Ok(_) => format!("it comes after {MOST} others"),
            Err(why) => why,
        };
        let key = name.map_or_else(|| format!("number {}", place + 1), str::to_owned);
        set.unused.push(Unused { key, why });
    }
    Some(set)
}

/// The key, if the algorithm can be checked with it; else a sentence that says why not.
fn usable(key: &Value, algorithm: JwtAlgorithm) -> Result<DecodingKey, String> {
    let key: Jwk = serde_json::from_value(key.clone()).map_err(|_| BadKey::Malformed.to_string())?;
    let common = &key.common;
    if let Some(other) = common.key_algorithm.filter(|told| told.to_string() != algorithm.to_string()) {
        return Err(format!("it is for {other}"));
    }
    if common.public_key_use.as_ref().is_some_and(|told| *told != PublicKeyUse::Signature) {
        return Err("it is not for signatures".to_owned());
    }
    if common.key_operations.as_ref().is_some_and(|told| !told.contains(&KeyOperations::Verify)) {
        return Err("it is not for checking signatures".to_owned());
    }
    checked(&key, algorithm).map_err(|bad| bad.to_string())
}

fn checked(jwk: &Jwk, algorithm: JwtAlgorithm) -> Result<DecodingKey, BadKey> {
    let key = || DecodingKey::from_jwk(jwk).map_err(|_| BadKey::Malformed);
    match (&jwk.algorithm, algorithm) {
        (AlgorithmParameters::OctetKey(_), JwtAlgorithm::HS256) => {
            of_secret(key()?.try_get_as_bytes().map_err(|_| BadKey::Malformed)?)
        }
        (AlgorithmParameters::RSA(_), JwtAlgorithm::RS256) => of_rsa(key()?),
        (AlgorithmParameters::EllipticCurve(told), JwtAlgorithm::ES256)
            if told.curve == EllipticCurve::P256 =>
        {
            // Both coordinates behind the byte that says that they are there.
            of_length(key()?, 1 + 2 * POINT_BYTES)
        }
        (AlgorithmParameters::OctetKeyPair(told), JwtAlgorithm::EdDSA)
            if told.curve == EllipticCurve::Ed25519 =>
        {
            of_length(key()?, POINT_BYTES)
        }
        _ => Err(BadKey::Kind(algorithm)),
    }
}

fn of_length(key: DecodingKey, bytes: usize) -> Result<DecodingKey, BadKey> {
    let whole = key.try_get_as_bytes().is_ok_and(|point| point.len() == bytes);
    if whole { Ok(key) } else { Err(BadKey::Malformed) }
}
