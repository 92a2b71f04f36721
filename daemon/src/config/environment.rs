//! What else the environment says about where the daemon runs. Everything that is configuration is a key.

/// Where the daemon runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Device and inode of the stream that systemd connected to the journal.
    pub journal_stream: Option<String>,
}

impl Environment {
    /// As this process was started.
    pub fn of_process() -> Self {
        let text = |name| std::env::var_os(name).and_then(|value| value.into_string().ok());
        Self { journal_stream: text("JOURNAL_STREAM") }
    }
}
