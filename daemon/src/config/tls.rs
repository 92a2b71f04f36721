//! `[server.tls]`: the certificate of the daemon, and what it asks of clients.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The certificate of the daemon. Without one it speaks plain HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The file of the certificate and its chain, PEM; empty is plain HTTP.
    pub certificate: PathBuf,
    /// The file of its private key, PEM.
    pub key: PathBuf,
    /// The least version spoken.
    pub min_version: TlsVersion,
    /// Whether clients show a certificate too.
    pub client_auth: ClientAuth,
    /// The file of the authorities that may have issued it, PEM.
    pub client_ca: PathBuf,
}

impl Tls {
    /// Whether TLS is spoken.
    pub fn is_on(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }

    /// What is missing or too much: the key, and the facts.
    pub(super) fn wrong(&self) -> Option<(&'static str, &'static str)> {
        let (key, authority) = (!self.key.as_os_str().is_empty(), !self.client_ca.as_os_str().is_empty());
        let asks = self.client_auth != ClientAuth::Off;
        match self.is_on() {
            true if !key => Some(("server.tls.key", "a certificate needs its key")),
            true if asks && !authority => {
                Some(("server.tls.client_ca", "it is empty: nobody could have issued a client's certificate"))
            }
            false if key => Some(("server.tls.key", "a key needs its certificate")),
            false if asks => Some(("server.tls.client_auth", "without TLS nobody can show a certificate")),
            _ => None,
        }
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    V1_3,
}

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    Off,
    /// They may; a wrong one is refused.
    Optional,
    /// They must.
    Required,
}
