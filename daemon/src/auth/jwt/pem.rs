//! One public key from PEM: as itself (`PUBLIC KEY`, RFC 7468, section 13), or in a certificate.

use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use rustls_pki_types::pem::{PemObject, SectionKind};
use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::keys::{BadKey, of_rsa};
use crate::config::JwtAlgorithm;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ELLIPTIC_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The one public key of a file.
pub(super) fn read(content: &[u8], algorithm: JwtAlgorithm) -> Result<DecodingKey, BadKey> {
    let sections: Result<Vec<(SectionKind, Vec<u8>)>, _> = PemObject::pem_slice_iter(content).collect();
    let mut sections = sections.map_err(|_| BadKey::Malformed)?.into_iter();
    let (kind, der) = sections.next().ok_or(BadKey::None)?;
    if sections.next().is_some() {
        return Err(BadKey::Several);
    }
    let key = match kind {
        SectionKind::PublicKey => der,
        SectionKind::Certificate => {
            let certificate = Certificate::from_der(&der).map_err(|_| BadKey::Malformed)?;
            let key = certificate.tbs_certificate.subject_public_key_info.to_der();
            key.map_err(|_| BadKey::Malformed)?
        }
        SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => {
            return Err(BadKey::Private);
        }
        _ => return Err(BadKey::None),
    };
    checked(&key, algorithm)
}

/// The key within its description (RFC 5280, section 4.1.2.7), if it is of the kind that the algorithm needs.
fn checked(der: &[u8], algorithm: JwtAlgorithm) -> Result<DecodingKey, BadKey> {
    let described = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| BadKey::Malformed)?;
    let bytes = described.subject_public_key.as_bytes().ok_or(BadKey::Malformed)?;
    let kind = described.algorithm.oid;
    let on_p256 = || described.algorithm.parameters_oid().is_ok_and(|curve| curve == P256);
    match algorithm {
        JwtAlgorithm::RS256 if kind == RSA => {
            let components = (DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key)(bytes);
            let (modulus, exponent) = components.map_err(|_| BadKey::Malformed)?;
            of_rsa(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
        }
        JwtAlgorithm::ES256 if kind == ELLIPTIC_CURVE && on_p256() => Ok(DecodingKey::from_ec_der(bytes)),
        JwtAlgorithm::EdDSA if kind == ED25519 => Ok(DecodingKey::from_ed_der(bytes)),
        _ => Err(BadKey::Kind(algorithm)),
    }
}
