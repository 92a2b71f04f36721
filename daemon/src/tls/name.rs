//! What a certificate says: whose it is, and when it ends.
//!
//! The name of a client is the first e-mail address among its alternative names, else the first DNS name there, else
//! the subject's common name (the last, if there are several).

use cairn_engine::Timestamp;
use rustls_pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::{ObjectIdentifier, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// The client that a chain of certificates names. Whether it may be believed was decided before.
pub(crate) fn name_of_client(chain: &[CertificateDer<'_>]) -> Option<String> {
    let certificate = Certificate::from_der(chain.first()?).ok()?;
    alternative_name(&certificate).or_else(|| common_name(&certificate))
}

/// When a certificate ends; `None` if it is malformed.
pub(super) fn ends(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let since_1970 = certificate.tbs_certificate.validity.not_after.to_unix_duration();
    u64::try_from(since_1970.as_millis()).ok().map(Timestamp)
}

fn alternative_name(certificate: &Certificate) -> Option<String> {
    let (_, names) = certificate.tbs_certificate.get::<SubjectAltName>().ok()??;
    let e_mail = names.0.iter().find_map(|name| match name {
        GeneralName::Rfc822Name(name) => Some(name.as_str()),
        _ => None,
    });
    let dns = || {
        names.0.iter().find_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.as_str()),
            _ => None,
        })
    };
    e_mail.or_else(dns).map(str::to_owned)
}

fn common_name(certificate: &Certificate) -> Option<String> {
    let parts = certificate.tbs_certificate.subject.0.iter().flat_map(|part| part.0.iter());
    let value = &parts.rev().find(|part| part.oid == COMMON_NAME)?.value;
    let utf8 = value.decode_as::<Utf8StringRef<'_>>().ok().map(|text| text.as_str().to_owned());
    let printable = || value.decode_as::<PrintableStringRef<'_>>().ok().map(|text| text.as_str().to_owned());
    let teletex = || value.decode_as::<TeletexStringRef<'_>>().ok().map(|text| text.as_str().to_owned());
    utf8.or_else(printable).or_else(teletex)
}
