//! The daemon's life, from the command line to the exit code.
//!
//! It starts in this order, and stops at the first thing that is wrong, having changed nothing after it:
//! configuration; log; limit of open files; data directory and its lock; audit log; catalog, sessions, objects (each refuses a newer schema, or a
//! place that it cannot write); the engine; after a reboot, a look at what may have been lost, or that look as soon as a
//! session store that is away is back, and nothing of uploads before; listeners; the admin
//! socket; readiness told; sweeper and merger.
//!
//! Told to stop, it accepts nobody any more and waits for the running requests, at most `server.shutdown_timeout`; then
//! connections are dropped, and what had arrived of an append is still recorded.

mod check;
mod error;
mod files;
mod ground;
mod listeners;
mod recheck;
mod sessions;

use std::error::Error;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use cairn_engine::Engine;
use cairn_engine::engine::{Ground, Witness};
use clap::Parser;
use tokio_util::sync::CancellationToken;

use crate::audit::Audit;
use crate::auth::Keys;
use crate::config::{Config, Environment, Flags, Sources};
use crate::data_dir::DataDir;
use crate::house::House;
use crate::logging::{self, LogLevel};
use crate::metrics::Metrics;
use crate::signals::{self, Asked, Inbox};
use crate::supervisor::Supervisor;
use crate::{background, http, systemd};

pub use error::{Exit, StartError};
use listeners::Listeners;
use recheck::Recheck;

/// Threads for calls that block. Databases have threads of their own; these are for files.
const BLOCKING_THREADS: usize = 64;
/// How long operations have after their connections were dropped.
const AFTER_THE_CUT: Duration = Duration::from_secs(5);

/// Runs the daemon of this process to its end.
pub fn main() -> ExitCode {
    // A wrong command line ends here with 2, `--help` and `--version` with 0.
    let flags = Flags::parse();
    let sources = Sources::of_process(&flags);
    match dispatch(&flags, &sources) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cairnd: {}", error::chain(&error));
            error.exit().into()
        }
    }
}

fn dispatch(flags: &Flags, sources: &Sources) -> Result<(), StartError> {
    let config = sources.read()?;
    if flags.print_config {
        print!("{}", config.print().map_err(StartError::Print)?);
        return Ok(());
    }
    if flags.print_routes {
        print!("{}", http::routes_text(&config));
        return Ok(());
    }
    if flags.check_config {
        return check::check(&config);
    }
    let level = logging::start(&config.log, &Environment::of_process())?;
    files::raise(config.server.max_connections);
    let told = run(config, sources, &level);
    if let Err(error) = &told {
        tracing::error!(error = error as &dyn Error, "cairnd ends");
    }
    told
}

fn run(config: Config, sources: &Sources, level: &LogLevel) -> Result<(), StartError> {
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    if config.server.worker_threads > 0 {
        threads.worker_threads(config.server.worker_threads);
    }
    let threads = threads.max_blocking_threads(BLOCKING_THREADS).thread_name("cairn").enable_all();
    let runtime = threads.build().map_err(StartError::Runtime)?;
    let told = runtime.block_on(live(config, sources, level));
    // Whatever still blocks after the shutdown has waited is not waited for again.
    runtime.shutdown_background();
    told
}

/// From the data directory to the end. It runs on the main thread, where opening databases may block.
async fn live(config: Config, sources: &Sources, level: &LogLevel) -> Result<(), StartError> {
    let mut inbox = Inbox::open().map_err(StartError::Signals)?;
    let data_dir = DataDir::take(&config.server.data_dir)?;
    let supervisor = Supervisor::default();
    let fed = systemd::feed_watchdog(&supervisor);
    tokio::select! {
        ended = serve(config, sources, level, &mut inbox, &data_dir, supervisor.clone()) => ended,
        () = fed => Ok(()),
    }
}

async fn serve(
    config: Config,
    sources: &Sources,
    level: &LogLevel,
    inbox: &mut Inbox,
    data_dir: &DataDir,
    supervisor: Supervisor,
) -> Result<(), StartError> {
    let metrics = Arc::new(Metrics::default());
    let audit = Audit::open(&config, &metrics)
        .map_err(|source| StartError::Audit { path: config.audit_path(), source })?;
    let audit = Arc::new(audit);
    let opened = ground::open(&config, &supervisor, &metrics)?;
    must_have_every_storage(&opened.ground).await?;
    let recheck = Recheck::of(&opened, &config, data_dir, &audit);
    let rechecked = recheck.at_once().await?;
    supervisor.start("tell of the sessions", sessions::tell(opened.sessions));
    let engine =
        Engine::new(opened.ground, config.policy()).with_witness(Arc::clone(&audit) as Arc<dyn Witness>);
    let listeners = Listeners::open(&config).await?;
    let links = Keys::load(&config.links.keys)?;
    let house =
        Arc::new(House::new(engine, config, supervisor, metrics)?.with_links(links).with_audit(audit));
    let admin_socket = listeners.admin_path().to_owned();
    let address = listeners.address();
    if let Some(address) = address {
        data_dir.tell_address(address).map_err(StartError::Address)?;
    }
    let failed = CancellationToken::new();
    let places = listeners.serve(&house, &failed);
    background::start(&house);
    house.gate.keep(&house);
    house.set_ready();
    systemd::tell_ready(&format!("listening on {places}"));
    tracing::info!(listen = places, admin = %admin_socket.display(), "cairnd {} is ready", env!("CARGO_PKG_VERSION"));
    greet(&places, &house.config());
    let told = tokio::select! {
        told = until_stopped(&house, inbox, sources, level, &failed) => told,
        failed = recheck.afterwards(rechecked) => Err(failed),
    };
    stop(&house, inbox).await;
    house.audit.flush().await;
    data_dir.forget_address();
    listeners::remove_socket(&admin_socket);
    told
}

/// Whoever started it by hand learns where it is.
fn greet(places: &str, config: &Config) {
    if std::io::stdout().is_terminal() {
        println!(
            "cairn listens on {places} and keeps everything in {}; Ctrl-C stops it",
            config.server.data_dir.display()
        );
    }
}

/// A storage that blobs lie in must be there: without it they would look lost, one by one.
async fn must_have_every_storage(ground: &Ground) -> Result<(), StartError> {
    let known = ground.objects.names();
    let totals = ground.catalog.storage_totals().await.map_err(|error| StartError::Totals(error.into()))?;
    match totals.into_iter().find(|total| !known.contains(&total.storage)) {
        Some(total) => {
            Err(StartError::StorageGone { storage: total.storage, blobs: total.blobs, bytes: total.bytes })
        }
        None => Ok(()),
    }
}

/// Does what signals ask for until one asks to stop, or a listener fails.
async fn until_stopped(
    house: &House,
    inbox: &mut Inbox,
    sources: &Sources,
    level: &LogLevel,
    failed: &CancellationToken,
) -> Result<(), StartError> {
    loop {
        let asked = tokio::select! {
            asked = inbox.next() => asked,
            () = failed.cancelled() => return Err(StartError::Listener),
        };
        match asked {
            Asked::Stop => return Ok(()),
            Asked::Reload => signals::reload(house, sources, level),
            Asked::Summary => signals::summarise(house).await,
        }
    }
}

/// Lets running requests end, for as long as the configuration says or until a second signal; then drops connections.
async fn stop(house: &House, inbox: &mut Inbox) {
    let limit = house.config().server.shutdown_timeout;
    systemd::tell_stopping();
    let running = house.supervisor.running();
    tracing::info!(running.work = running, limit_ms = limit.as_millis(), "stopping");
    let ended = tokio::select! {
        ended = house.supervisor.shut_down(limit) => ended,
        () = inbox.stop() => false,
    };
    if !ended {
        tracing::warn!(running.work = house.supervisor.running(), "connections are dropped");
        house.supervisor.cut();
        house.supervisor.shut_down(AFTER_THE_CUT).await;
    }
    match house.supervisor.running() {
        0 => tracing::info!("stopped"),
        left => tracing::warn!(running.work = left, "stopped while work was running"),
    }
}
