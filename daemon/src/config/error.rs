//! Why a configuration is refused. No error shows the value of a secret.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the file; line and column count from 1, columns in characters.
    File {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// In a variable of the environment.
    Variable(String),
    /// In a flag.
    Flag(&'static str),
    /// Nowhere: it is the default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file could not be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Origin,
        /// What is wrong.
        message: String,
    },
    /// A section or key that there is not.
    #[error("{place}: there is no key `{key}`{}", nearest_text(.nearest.as_deref()))]
    Unknown {
        /// Where.
        place: Origin,
        /// What was written: `section` or `section.key`.
        key: String,
        /// The known one that is most like it.
        nearest: Option<String>,
    },
    /// A value that cannot be.
    #[error("{place}: {key}: {message}")]
    Value {
        /// Where.
        place: Origin,
        /// The key: `section.key`.
        key: String,
        /// The facts.
        message: String,
    },
    /// Everybody who reaches the address could be anybody.
    #[error(
        "{listen} can be reached from other machines, and with auth.mode = \"none\" every caller is whoever it says it \
         is: listen on 127.0.0.1 behind a proxy, or set auth.insecure = true if the network itself is the protection"
    )]
    Insecure {
        /// The address.
        listen: SocketAddr,
    },
}

fn nearest_text(nearest: Option<&str>) -> String {
    nearest.map(|key| format!("; is `{key}` meant?")).unwrap_or_default()
}
