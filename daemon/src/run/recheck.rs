//! After a reboot: bytes that were acknowledged before they were synced may be gone, so every open upload is looked at
//! before anything that its session says is believed again. Where the session store is away then, that has to wait, and
//! whoever asks for an upload has to wait with it.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use cairn_engine::contracts::Store;
use cairn_engine::engine::{Ground, Witness};
use cairn_engine::{Engine, Refusal};

use super::StartError;
use super::ground::Opened;
use crate::audit::Audit;
use crate::config::{Config, Durability};
use crate::data_dir::DataDir;
use crate::metered::Gate;

/// How often is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// The look at every open upload.
pub(super) struct Recheck<'a> {
    /// An engine of its own, past the gate: nobody else works on uploads while it does.
    engine: Engine,
    gate: Gate,
    data_dir: &'a DataDir,
    unsynced: bool,
}

impl<'a> Recheck<'a> {
    pub(super) fn of(opened: &Opened, config: &Config, data_dir: &'a DataDir, audit: &Arc<Audit>) -> Self {
        let ground = Ground { sessions: opened.sessions.clone(), ..opened.ground.clone() };
        let engine = Engine::new(ground, config.policy()).with_witness(Arc::clone(audit) as Arc<dyn Witness>);
        let unsynced = config.uploads.durability == Durability::Complete;
        Self { engine, gate: opened.gate.clone(), data_dir, unsynced }
    }

    /// Looks, if it is needed; whether that is done. Otherwise the session store is away, and the gate closed.
    pub(super) async fn at_once(&self) -> Result<bool, StartError> {
        if self.data_dir.may_have_lost_bytes() {
            tracing::info!("the machine was started again: every open upload is looked at");
            match self.look().await {
                Ok(()) => {}
                Err(refusal) if is_away(&refusal) => {
                    self.gate.close();
                    tracing::warn!(
                        error = &refusal as &dyn Error,
                        "open uploads are looked at when the session store answers, and wait until then"
                    );
                    return Ok(false);
                }
                Err(refusal) => return Err(StartError::Recheck(refusal)),
            }
        }
        self.remember()?;
        Ok(true)
    }

    /// Looks as soon as that can be done, and opens the gate. Comes back only with a failure.
    pub(super) async fn afterwards(&self, done: bool) -> StartError {
        match self.until_done(done).await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    async fn until_done(&self, done: bool) -> Result<Infallible, StartError> {
        let mut done = done;
        while !done {
            tokio::time::sleep(AGAIN).await;
            match self.look().await {
                Ok(()) => done = true,
                Err(refusal) if is_away(&refusal) => continue,
                Err(refusal) => return Err(StartError::Recheck(refusal)),
            }
            self.remember()?;
            self.gate.open();
        }
        std::future::pending().await
    }

    async fn look(&self) -> Result<(), Refusal> {
        let ended = self.engine.recheck().await?;
        tracing::info!(uploads.ended = ended, "every open upload was looked at");
        Ok(())
    }

    fn remember(&self) -> Result<(), StartError> {
        self.data_dir.remember_boot(self.unsynced).map_err(StartError::Boot)
    }
}

fn is_away(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Unavailable { source } if source.store == Store::Sessions)
}
