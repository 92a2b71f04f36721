//! Seals: HMAC-SHA-256 (RFC 2104) over a text, so that only whoever has the key can have written it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a seal.
pub const LENGTH: usize = 32;

/// The seal of a text.
pub fn seal(key: &[u8], text: &[u8]) -> [u8; LENGTH] {
    mac(key, text).map(|mac| mac.finalize().into_bytes().into()).unwrap_or_default()
}

/// Whether `shown` is the seal of a text; compared in constant time.
pub fn is_sealed(key: &[u8], text: &[u8], shown: &[u8]) -> bool {
    mac(key, text).is_some_and(|mac| mac.verify_slice(shown).is_ok())
}

/// HMAC takes a key of any length; an empty one is none.
fn mac(key: &[u8], text: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok().filter(|_| !key.is_empty())?;
    mac.update(text);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_that_of_its_key_and_its_text_alone() {
        let sealed = seal(b"Jefe", b"what do ya want for nothing?");
        // RFC 4231, test case 2.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(crate::digest::hex(&sealed), expected);
        assert!(is_sealed(b"Jefe", b"what do ya want for nothing?", &sealed));
        assert!(!is_sealed(b"Jeff", b"what do ya want for nothing?", &sealed));
        assert!(!is_sealed(b"Jefe", b"what do ya want for nothing!", &sealed));
        assert!(!is_sealed(b"Jefe", b"what do ya want for nothing?", &sealed[..31]));
        assert!(!is_sealed(b"", b"", &seal(b"", b"")));
    }
}
