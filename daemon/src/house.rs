//! What every door of the daemon shares: the engine, the configuration in force, the supervisor, the counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use cairn_engine::engine::{
    Completion, Errand, Errands, Incoming, MergeOutcome, NewUpload, SweepReport, Sweeping,
};
use cairn_engine::{Caller, Digest, Engine, File, Owner, Refusal, Timestamp, Upload, UploadId};
use tokio::sync::watch;

use crate::audit::{Audit, Trail};
use crate::auth::jwt::KeysError;
use crate::auth::{Gate, Keys};
use crate::config::Config;
use crate::limits::{Bandwidth, Requests};
use crate::metrics::Metrics;
use crate::supervisor::Supervisor;

/// One running daemon.
pub struct House {
    /// Every operation.
    pub engine: Arc<Engine>,
    /// Finds out who asks.
    pub gate: Gate,
    /// Sign and verify links.
    pub links: Keys,
    /// Runs work and knows what is running.
    pub supervisor: Supervisor,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who did what.
    pub audit: Arc<Audit>,
    /// When the daemon started.
    pub started_at: Timestamp,
    /// How often who asked.
    pub(crate) requests: Requests,
    /// How fast whose bodies came.
    pub(crate) bandwidth: Bandwidth,
    config: watch::Sender<Arc<Config>>,
    ready: AtomicBool,
}

impl House {
    /// A house around an engine. It is not ready before [`set_ready`](Self::set_ready) says so.
    ///
    /// # Errors
    /// It could not be found out who asks.
    pub fn new(
        engine: Engine,
        config: Config,
        supervisor: Supervisor,
        metrics: Arc<Metrics>,
    ) -> Result<Self, KeysError> {
        let engine = Arc::new(engine);
        Ok(Self {
            started_at: engine.now(),
            gate: Gate::open(&config.auth, &engine)?,
            links: Keys::default(),
            engine,
            supervisor,
            metrics,
            requests: Requests::default(),
            bandwidth: Bandwidth::default(),
            audit: Arc::default(),
            config: watch::Sender::new(Arc::new(config)),
            ready: AtomicBool::new(false),
        })
    }

    /// The same house, whose links these keys sign.
    #[must_use]
    pub fn with_links(self, links: Keys) -> Self {
        Self { links, ..self }
    }

    /// The same house, with an audit log.
    #[must_use]
    pub fn with_audit(self, audit: Arc<Audit>) -> Self {
        Self { audit, ..self }
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    /// The configuration in force, and every one that comes after it.
    pub fn configs(&self) -> watch::Receiver<Arc<Config>> {
        self.config.subscribe()
    }

    /// Puts another configuration in force, and its limits and habits with it.
    pub fn set_config(&self, config: Config) {
        self.engine.set_policy(config.policy());
        self.config.send_replace(Arc::new(config));
    }

    /// Whether everything is open and nobody has asked to stop. It says nothing about stores that went away later.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) && !self.supervisor.stopping().is_cancelled()
    }

    /// Everything is open.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// [`Engine::complete`], timed.
    ///
    /// # Errors
    /// As the engine's.
    pub async fn complete(
        &self,
        caller: &Caller,
        id: UploadId,
        completion: Completion,
    ) -> Result<File, Refusal> {
        let begun = Instant::now();
        let answer = self.engine.complete(caller, id, completion).await;
        if let Ok(file) = &answer {
            self.metrics.completed(begun.elapsed());
            Trail::completed(id, file);
        }
        answer
    }

    /// [`Engine::upload_short`], timed.
    ///
    /// # Errors
    /// As the engine's.
    pub async fn upload_short(
        &self,
        owner: &Owner,
        new: NewUpload,
        incoming: Incoming,
    ) -> Result<(Upload, File), Refusal> {
        let begun = Instant::now();
        let answer = self.engine.upload_short(owner, new, incoming).await;
        if let Ok((upload, file)) = &answer {
            self.metrics.completed(begun.elapsed());
            Trail::begun(upload);
            Trail::completed(upload.id, file);
        }
        answer
    }

    /// [`Engine::merge`], counted.
    ///
    /// # Errors
    /// As the engine's.
    pub async fn merge(&self, blob: &Digest) -> Result<MergeOutcome, Refusal> {
        let begun = Instant::now();
        let answer = self.engine.merge(blob).await;
        self.metrics.merged(answer.as_ref().ok(), begun.elapsed());
        answer
    }

    /// [`Engine::sweep`], counted, unless it is a dry run.
    ///
    /// # Errors
    /// As the engine's.
    pub async fn sweep(&self, how: Sweeping) -> Result<SweepReport, Refusal> {
        let report = self.engine.sweep(how).await?;
        if !how.dry_run {
            self.metrics.sweep(&report);
        }
        Ok(report)
    }

    /// The counters as text. What the stores hold is asked for now; of a store that does not answer, the last figures
    /// stay.
    pub async fn scrape(&self) -> String {
        self.metrics.set_running_bodies(self.engine.running_uploads());
        match self.engine.count_uploads().await {
            Ok(counts) => self.metrics.set_uploads(&counts),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "uploads cannot be counted")
            }
        }
        match self.engine.totals().await {
            Ok(totals) => self.metrics.set_totals(&totals),
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "files cannot be counted"),
        }
        self.metrics.render()
    }
}

impl Errands for Supervisor {
    fn start(&self, name: &'static str, work: Errand) {
        Self::start(self, name, work);
    }
}
