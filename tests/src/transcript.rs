//! Transcripts: what commands print, whole, kept as text files in `tests/transcripts/`.
//!
//! What differs from run to run is replaced: an id by a number of the same width, counted in the order of appearance;
//! moments, places and sizes of this machine by their names. `UPDATE_TRANSCRIPTS=1` writes the files anew; read the
//! difference before you keep it.

use std::fmt::Write as _;
use std::path::PathBuf;

use regex::{Captures, Regex};

use crate::binaries::workspace;
use crate::daemon::{Daemon, Printed};

/// A session with `cairnctl` that is being written down.
#[derive(Debug)]
pub struct Transcript<'a> {
    daemon: &'a Daemon,
    file: PathBuf,
    text: String,
}

impl<'a> Transcript<'a> {
    /// A transcript that is kept in `tests/transcripts/<name>.txt`.
    pub fn new(daemon: &'a Daemon, name: &str) -> Self {
        let folder = workspace().join("tests/transcripts");
        // What tells of the session store is another text on Redis; everything else is the same.
        let own = folder.join(format!("{name}.redis.txt"));
        let file =
            if daemon.is_on_redis() && own.exists() { own } else { folder.join(format!("{name}.txt")) };
        Self { daemon, file, text: String::new() }
    }

    /// Runs `cairnctl` with these arguments and writes down all that it prints.
    pub async fn run(&mut self, arguments: &[&str]) -> Printed {
        let printed = self.daemon.cairnctl(arguments).await;
        self.note(&format!("cairnctl {}", arguments.join(" ")), &printed);
        printed
    }

    /// The same, and once more with `--json`.
    pub async fn run_both(&mut self, arguments: &[&str]) {
        self.run(arguments).await;
        self.run(&[arguments, &["--json"]].concat()).await;
    }

    /// Writes down what a command printed.
    pub fn note(&mut self, command: &str, printed: &Printed) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let _ = writeln!(self.text, "$ {command}");
        for line in printed.stdout.lines() {
            let _ = writeln!(self.text, "{}", line.trim_end());
        }
        for line in printed.stderr.lines() {
            let _ = writeln!(self.text, "{}", format!("stderr: {line}").trim_end());
        }
        let _ = writeln!(self.text, "exit code {}", printed.code);
    }

    /// Compares with the file; panics, with both, if they differ.
    #[track_caller]
    pub fn check(self) {
        let text = self.comparable();
        // Only for whoever changes on purpose what is printed.
        if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
            std::fs::create_dir_all(self.file.parent().expect("a folder")).expect("the folder can be made");
            std::fs::write(&self.file, &text).expect("the transcript can be written");
        }
        let kept = std::fs::read_to_string(&self.file)
            .unwrap_or_else(|error| panic!("{}: {error}", self.file.display()));
        if kept == text {
            return;
        }
        let differs = kept.lines().zip(text.lines()).position(|(kept, now)| kept != now);
        let line = differs.unwrap_or_else(|| kept.lines().count().min(text.lines().count())) + 1;
        panic!("{} differs from line {line} on; now it is:\n{text}", self.file.display());
    }

    /// The text without what differs from run to run.
    fn comparable(&self) -> String {
        let data_dir = self.daemon.data_dir().display().to_string();
        let seen_data_dir = self.daemon.seen_data_dir().display().to_string();
        let text = self.text.replace(&seen_data_dir, "DATA_DIR").replace(&data_dir, "DATA_DIR");
        let text = numbered(&text, r"\b[0-9a-f]{32}\b");
        // Tokens: their secrets, then their ids, which are 20 digits long and stand inside of them.
        let text = expression(r"cairn_([0-9a-f]{20})_[0-9a-f]{64}").replace_all(&text, "cairn_<$1>_SECRET");
        let text = numbered(&text, r"\b[0-9a-f]{20}\b");
        let text =
            expression(r"cairn_<(\d{20})>_SECRET").replace_all(&text, "cairn_${1}_SECRET").into_owned();
        let replacements = [
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "0000-00-00T00:00:00Z"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "0000-00-00T00:00:00.000Z"),
            (r#"("request_id": ?)"[^"]*""#, r#"$1"REQUEST""#),
            (r#"("pid": |process +)\d+"#, "${1}PID"),
            (r#"("uptime_seconds": )\d+"#, "${1}SECONDS"),
            (r"(up for +).*", "${1}SECONDS"),
            (r#"("free_bytes": )\d+"#, "${1}BYTES"),
            (r"(?m)^(free +).*", "${1}BYTES"),
            (r"(redis://127\.0\.0\.1):\d+", "$1:PORT"),
            // That of Redis; the daemon's own stands further left.
            (r#"(?m)^( {6,}"version": )"[^"]*"#, r#"$1"VERSION"#),
            (r"\bversion \d[^,\s]*", "version VERSION"),
            // The shard of an object's key comes from its random name.
            (r"\b(uploads|merged)/[0-9a-f]{2}/", "$1/xx/"),
        ];
        replacements.iter().fold(text, |text, (pattern, replacement)| {
            expression(pattern).replace_all(&text, *replacement).into_owned()
        })
    }
}

/// Replaces every different match by its number, in as many digits as it had.
fn numbered(text: &str, pattern: &str) -> String {
    let mut seen: Vec<String> = Vec::new();
    let replaced = expression(pattern).replace_all(text, |found: &Captures<'_>| {
        let found = &found[0];
        let number = seen.iter().position(|earlier| earlier == found).unwrap_or_else(|| {
            seen.push(found.to_owned());
            seen.len() - 1
        });
        format!("{:0width$}", number + 1, width = found.len())
    });
    replaced.into_owned()
}

fn expression(pattern: &str) -> Regex {
    Regex::new(pattern).expect("an expression")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_counted_and_keep_their_width() {
        let text = "ab12 cd34 ab12 abcdef";
        assert_eq!(numbered(text, r"\b[0-9a-f]{4}\b"), "0001 0002 0001 abcdef");
    }
}
