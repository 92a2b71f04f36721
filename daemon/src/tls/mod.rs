//! TLS: the certificate of the daemon, kept up to date, and what it asks of clients.
//!
//! The files are read at the start, when the configuration is read again, and soon after one of them changes. What
//! cannot be used never replaces what is in use: it is told in the log, once for each change, and connections go on
//! with the old certificate. A connection keeps what it began with.

mod load;
mod name;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub use load::{Loaded, TlsError, load};
pub(crate) use name::name_of_client;

use crate::config::Tls;
use crate::house::House;
use crate::stamp::{Stamp, stamp};

/// How often is looked whether a file has changed.
const LOOK: Duration = Duration::from_secs(2);
/// A certificate that ends sooner is warned of.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// The certificate in use. Clones share it.
#[derive(Clone, Debug)]
pub struct Certificates(watch::Sender<Arc<ServerConfig>>);

impl Certificates {
    /// Reads the files that the configuration names; `None` without TLS. Blocks for small files.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn open(tls: &Tls) -> Result<Option<Self>, TlsError> {
        if !tls.is_on() {
            return Ok(None);
        }
        Ok(Some(Self(watch::Sender::new(load(tls)?.config))))
    }

    /// What a connection that comes now is met with.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.borrow()))
    }

    /// Reads the files again whenever one changes or the configuration is read again, until the shutdown begins.
    pub async fn keep(self, house: Arc<House>, stopping: CancellationToken) {
        let mut configs = house.configs();
        let mut tls = house.config().server.tls.clone();
        let mut seen = stamp_of(&tls).await;
        loop {
            let asked = tokio::select! {
                () = stopping.cancelled() => return,
                changed = configs.changed() => changed.is_ok(),
                () = tokio::time::sleep(LOOK) => false,
            };
            tls.clone_from(&configs.borrow_and_update().server.tls);
            let now = stamp_of(&tls).await;
            if asked || now != seen {
                seen = now;
                self.renew(&tls, house.engine.now()).await;
            }
        }
    }

    async fn renew(&self, tls: &Tls, now: cairn_engine::Timestamp) {
        let of_task = tls.clone();
        let loaded = tokio::task::spawn_blocking(move || load(&of_task)).await;
        match loaded {
            Ok(Ok(loaded)) => {
                loaded.warn(now);
                self.0.send_replace(loaded.config);
                tracing::info!(certificate = %tls.certificate.display(), "the certificate was read again");
            }
            Ok(Err(error)) => tracing::error!(
                error = &error as &dyn Error,
                "the new certificate is refused; the old one stays in use"
            ),
            Err(error) => tracing::error!(%error, "the certificate could not be read again"),
        }
    }
}

impl Loaded {
    /// Warns of a certificate that has ended or ends soon.
    pub fn warn(&self, now: cairn_engine::Timestamp) {
        let left = self.ends.since(now);
        if left < SOON {
            tracing::warn!(left_hours = left.as_secs() / 3600, "the certificate has ended or ends soon");
        }
    }
}

async fn stamp_of(tls: &Tls) -> Stamp {
    stamp(&[&tls.certificate, &tls.key, &tls.client_ca]).await
}
