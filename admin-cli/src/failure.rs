//! Why a verb did not do what was asked, and how that is told: on standard error, with an exit code.

use std::error::Error as _;
use std::process::ExitCode;

use cairn_admin_api::{ClientError, Problem};

use crate::output::Output;
use crate::table::{count, escaped};

/// The most bytes of one fact that are shown in a sentence; `--json` shows all.
const MAX_FACT: usize = 400;

/// Members of a problem document that say nothing to a person, or that are said otherwise.
const NO_FACTS: [&str; 3] = ["type", "instance", "request_id"];

/// Why a verb did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There is no answer, or it says no.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Long work stopped before its end.
    #[error("the daemon stopped before the end: {detail}; running it again goes on")]
    Stopped {
        /// Why.
        detail: String,
    },
    /// The operator pressed Ctrl-C.
    #[error("interrupted {}; running it again goes on", how_far(*done, *of, noun))]
    Interrupted {
        /// Items that were done.
        done: u64,
        /// Items that there were.
        of: u64,
        /// What one of them is.
        noun: &'static str,
    },
    /// Nobody can be asked whether this may be done.
    #[error("this would {verb} {what}, and nobody can be asked: say --yes to {verb} it")]
    NobodyToAsk {
        /// What would be done with it: `remove`, `move`.
        verb: &'static str,
        /// What would go.
        what: String,
    },
    /// Standard output cannot be written, or the terminal not be read.
    #[error("cannot print or ask")]
    Output(#[source] std::io::Error),
}

impl Failure {
    /// A stable word, for those that read JSON.
    fn kind(&self) -> &'static str {
        match self {
            Self::Client(ClientError::Unreachable { .. }) => "unreachable",
            Self::Client(ClientError::Refused(_)) => "refused",
            Self::Client(ClientError::Broken(_)) => "broken",
            Self::Client(ClientError::Protocol(_)) => "not_understood",
            Self::Stopped { .. } => "stopped",
            Self::Interrupted { .. } => "interrupted",
            Self::NobodyToAsk { .. } => "nobody_to_ask",
            Self::Output(_) => "output",
        }
    }

    /// The exit code: 1 the daemon said no, 2 usage, 3 the daemon is not reachable (any more), 130 interrupted.
    fn code(&self) -> u8 {
        match self {
            Self::Client(ClientError::Unreachable { .. } | ClientError::Broken(_)) => 3,
            Self::Client(ClientError::Refused(_) | ClientError::Protocol(_)) => 1,
            Self::Stopped { .. } | Self::Output(_) => 1,
            Self::NobodyToAsk { .. } => 2,
            Self::Interrupted { .. } => 130,
        }
    }

    /// Tells it on standard error; the exit code.
    pub(crate) fn tell(&self, output: &Output) -> ExitCode {
        if output.json() {
            eprintln!("{}", self.document());
        } else {
            eprintln!("cairnctl: {}", escaped(&self.sentence()));
        }
        ExitCode::from(self.code())
    }

    /// The problem document: the daemon's own if it sent one, else one that says the same of what happened here.
    fn document(&self) -> serde_json::Value {
        if let Self::Client(ClientError::Refused(problem)) = self {
            return serde_json::json!(problem);
        }
        let mut document = serde_json::json!({ "title": self.to_string(), "kind": self.kind() });
        if let (Some(detail), Some(members)) = (self.sources(), document.as_object_mut()) {
            members.insert("detail".to_owned(), detail.into());
        }
        document
    }

    /// The failure with its facts, on one line.
    fn sentence(&self) -> String {
        if let Self::Client(ClientError::Refused(problem)) = self {
            return with_facts(problem);
        }
        match self.sources() {
            Some(sources) => format!("{self}: {sources}"),
            None => self.to_string(),
        }
    }

    fn sources(&self) -> Option<String> {
        let sources = std::iter::successors(self.source(), |error| (**error).source());
        let sources: Vec<String> = sources.map(ToString::to_string).collect();
        (!sources.is_empty()).then(|| sources.join(": "))
    }
}

fn how_far(done: u64, of: u64, noun: &str) -> String {
    if of == 0 { "before it began".to_owned() } else { format!("after {done} of {}", count(of, noun)) }
}

fn with_facts(problem: &Problem) -> String {
    let facts = problem.rest.iter().filter(|(name, _)| !NO_FACTS.contains(&name.as_str()));
    let facts: Vec<String> = facts.map(|(name, value)| format!("{name} {}", short(value))).collect();
    if facts.is_empty() { problem.to_string() } else { format!("{problem} ({})", facts.join(", ")) }
}

fn short(value: &serde_json::Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    match text.char_indices().find(|(index, _)| *index >= MAX_FACT) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "…",
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(document: serde_json::Value) -> Failure {
        let problem: Problem = serde_json::from_value(document).unwrap();
        Failure::Client(ClientError::Refused(Box::new(problem)))
    }

    #[test]
    fn what_the_daemon_refused_is_told_with_its_facts() {
        let document = serde_json::json!({
            "type": "urn:cairn:error:incomplete", "title": "Incomplete", "status": 409, "kind": "incomplete",
            "detail": "chunks are missing", "request_id": "r", "missing": [[2, 3]],
        });
        let failure = refused(document.clone());
        assert_eq!(failure.sentence(), "Incomplete: chunks are missing (missing [[2,3]])");
        assert_eq!(failure.document(), document);
        assert_eq!(failure.code(), 1);
    }

    #[test]
    fn a_long_fact_is_cut_at_a_character() {
        let failure = refused(serde_json::json!({ "title": "No", "status": 400, "fact": "ü".repeat(300) }));
        assert_eq!(failure.sentence(), format!("No (fact {}…)", "ü".repeat(200)));
    }

    #[test]
    fn an_interruption_tells_how_far_it_came() {
        let told = |done, of| Failure::Interrupted { done, of, noun: "blob" }.sentence();
        assert_eq!(told(0, 0), "interrupted before it began; running it again goes on");
        assert_eq!(told(1, 2), "interrupted after 1 of 2 blobs; running it again goes on");
        assert_eq!(Failure::Interrupted { done: 1, of: 2, noun: "upload" }.code(), 130);
    }

    #[test]
    fn who_cannot_be_reached_is_named_with_the_reason() {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        let failure = Failure::Client(ClientError::Unreachable { socket: "/x/admin.sock".into(), source });
        assert_eq!(failure.sentence(), "the daemon is not reachable at /x/admin.sock: entity not found");
        assert_eq!(failure.code(), 3);
        assert_eq!(failure.document()["kind"], "unreachable");
        assert_eq!(failure.document()["detail"], "entity not found");
    }
}
