//! The log: structured events, shown as the operator wants them.
//!
//! For people on a terminal; as JSON, one object a line, elsewhere; to the journal of systemd, with fields, if standard
//! error is connected to it. The level can be changed while the daemon runs. Nothing secret is ever an event's field.

use std::io::{self, IsTerminal};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::config::{Environment, Log, LogFormat};

type AnyLayer = Box<dyn Layer<Filtered> + Send + Sync>;
type Filtered = tracing_subscriber::layer::Layered<reload::Layer<EnvFilter, Registry>, Registry>;

/// Changes the level of the log.
#[derive(Clone, Debug)]
pub struct LogLevel(reload::Handle<EnvFilter, Registry>);

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is no filter.
    #[error("log.level is no filter")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// The journal cannot be reached.
    #[error("the journal cannot be reached")]
    Journal(#[source] io::Error),
    /// There is a log already.
    #[error("the log is set up already")]
    Twice(#[from] TryInitError),
    /// The log is gone.
    #[error("the level cannot be changed any more")]
    Gone(#[from] reload::Error),
}

/// Sets the log up, once for the whole process.
///
/// # Errors
/// See [`LogError`].
pub fn start(log: &Log, environment: &Environment) -> Result<LogLevel, LogError> {
    let (filter, handle) = reload::Layer::new(log.level.parse::<EnvFilter>()?);
    let format = match log.format {
        LogFormat::Auto => automatic(environment),
        chosen => chosen,
    };
    tracing_subscriber::registry().with(filter).with(layer(format)?).try_init()?;
    Ok(LogLevel(handle))
}

impl LogLevel {
    /// Shows these events from now on.
    ///
    /// # Errors
    /// The level is no filter, or the log is gone.
    pub fn set(&self, level: &str) -> Result<(), LogError> {
        Ok(self.0.reload(level.parse::<EnvFilter>()?)?)
    }
}

fn layer(format: LogFormat) -> Result<AnyLayer, LogError> {
    Ok(match format {
        LogFormat::Journald => {
            let journal = tracing_journald::layer().map_err(LogError::Journal)?;
            Box::new(journal.with_field_prefix(Some("CAIRN".to_owned())))
        }
        LogFormat::Json => Box::new(fmt::layer().json().flatten_event(true).with_writer(io::stderr)),
        LogFormat::Human | LogFormat::Auto => {
            let colours = io::stderr().is_terminal();
            Box::new(fmt::layer().with_target(false).with_ansi(colours).with_writer(io::stderr))
        }
    })
}

/// The journal if standard error is the very stream that systemd connected to it, people on a terminal, JSON otherwise.
fn automatic(environment: &Environment) -> LogFormat {
    if is_journal(environment) {
        LogFormat::Journald
    } else if io::stderr().is_terminal() {
        LogFormat::Human
    } else {
        LogFormat::Json
    }
}

/// `JOURNAL_STREAM` names device and inode of the stream; a child whose standard error was redirected inherits it too.
fn is_journal(environment: &Environment) -> bool {
    let Ok(stat) = rustix::fs::fstat(io::stderr()) else { return false };
    environment.journal_stream.as_deref() == Some(format!("{}:{}", stat.st_dev, stat.st_ino).as_str())
}
