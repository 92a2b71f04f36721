//! Certificate, key and authorities from their files, each checked, and the key against the certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cairn_engine::Timestamp;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, VerifierBuilderError, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ALL_VERSIONS, RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::name;
use crate::config::{ClientAuth, Tls, TlsVersion};

/// Protocols offered, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What the files hold.
#[derive(Debug)]
pub struct Loaded {
    /// What connections are met with.
    pub config: Arc<ServerConfig>,
    /// When the certificate ends.
    pub ends: Timestamp,
}

/// Why the files cannot be used. No error shows anything of a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM, or holds nothing of what it should.
    #[error("{} holds no {what} that can be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// A certificate is not one.
    #[error("{} holds a certificate that is malformed", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// An authority cannot be one.
    #[error("{} holds an authority that cannot be used", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// Clients cannot be verified.
    #[error("clients' certificates cannot be verified")]
    Verifier(#[from] VerifierBuilderError),
    /// The key does not belong to the certificate, or is of a kind that cannot be used.
    #[error("the key {} cannot be used with the certificate {}", key.display(), certificate.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The cryptography offers no such version.
    #[error("these versions of TLS cannot be spoken")]
    Versions(#[source] rustls::Error),
}

/// Reads the files. Blocks for small ones.
///
/// # Errors
/// The first thing that is wrong with them. An expired certificate is not wrong: an old one is better than none.
pub fn load(tls: &Tls) -> Result<Loaded, TlsError> {
    let chain = certificates(&tls.certificate, "certificate")?;
    let malformed = || TlsError::Malformed { path: tls.certificate.clone() };
    let ends = chain.first().and_then(|own| name::ends(own)).ok_or_else(malformed)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|source| refused(&tls.key, "key", source))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(tls.min_version))
        .map_err(TlsError::Versions)?;
    let pair = |source| TlsError::Pair { certificate: tls.certificate.clone(), key: tls.key.clone(), source };
    let mut config = builder
        .with_client_cert_verifier(verifier(tls, &provider)?)
        .with_single_cert(chain, key)
        .map_err(pair)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Loaded { config: Arc::new(config), ends })
}

fn versions(least: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static NEWEST: [&SupportedProtocolVersion; 1] = [&TLS13];
    match least {
        TlsVersion::V1_2 => ALL_VERSIONS,
        TlsVersion::V1_3 => &NEWEST,
    }
}

fn verifier(tls: &Tls, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    if tls.client_auth == ClientAuth::Off {
        return Ok(Arc::new(NoClientAuth));
    }
    let mut authorities = RootCertStore::empty();
    for authority in certificates(&tls.client_ca, "certificate of an authority")? {
        let refused = |source| TlsError::Authority { path: tls.client_ca.clone(), source };
        authorities.add(authority).map_err(refused)?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), Arc::clone(provider));
    let builder =
        if tls.client_auth == ClientAuth::Optional { builder.allow_unauthenticated() } else { builder };
    Ok(builder.build()?)
}

/// All certificates of a file, at least one.
fn certificates(path: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(path).and_then(|found| found.collect::<Result<Vec<_>, _>>());
    match found {
        Ok(found) if found.is_empty() => Err(refused(path, what, pem::Error::NoItemsFound)),
        found => found.map_err(|source| refused(path, what, source)),
    }
}

fn refused(path: &Path, what: &'static str, source: pem::Error) -> TlsError {
    TlsError::File { path: path.to_owned(), what, source }
}
