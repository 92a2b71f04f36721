//! Long work: its events are collected, a bar on the terminal shows how far it is, Ctrl-C ends it between two items.

use std::time::Duration;

use cairn_admin_api::{Client, ClientError, Event};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::table::count;

/// How often the bar's rate and time are brought up to date while one blob takes long.
const TICK: Duration = Duration::from_millis(200);

/// A bar that counts bytes.
const BYTES: &str = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left, {msg}";
/// A bar that counts items.
const ITEMS: &str = "{bar:30} {msg}, {eta} left";

/// What came of long work.
#[derive(Debug)]
pub(crate) struct Work<T> {
    /// What was done.
    pub(crate) items: Vec<T>,
    /// Why there are no more, if the work was cut short.
    pub(crate) cut_short: Option<Failure>,
}

/// Collects the events of one piece of long work.
struct Collector<T> {
    bar: ProgressBar,
    /// What an item is.
    noun: &'static str,
    of: u64,
    items: Vec<T>,
    ended: bool,
    stopped: Option<Failure>,
}

/// Asks for long work on blobs and waits for its end. `length` tells by how many bytes an item moves the bar.
///
/// # Errors
/// The daemon refused to begin, or is not reachable. What cuts the work short after it has begun is in the answer.
pub(crate) async fn follow<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    request: &impl serde::Serialize,
    length: impl Fn(&T) -> u64,
) -> Result<Work<T>, Failure> {
    collect(Collector::new("blob", bar(BYTES)), client, path, request, length).await
}

/// Asks for long work on uploads, each of which moves the bar by one, and waits for its end.
///
/// # Errors
/// As those of [`follow`].
pub(crate) async fn follow_uploads<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    request: &impl serde::Serialize,
) -> Result<Work<T>, Failure> {
    collect(Collector::new("upload", bar(ITEMS)), client, path, request, |_| 1).await
}

async fn collect<T: DeserializeOwned>(
    mut collector: Collector<T>,
    client: &Client,
    path: &str,
    request: &impl serde::Serialize,
    length: impl Fn(&T) -> u64,
) -> Result<Work<T>, Failure> {
    let interrupted = {
        let events = client.events(path, request, |event| collector.take(event, &length));
        tokio::select! {
            outcome = events => outcome.map(|()| false),
            pressed = tokio::signal::ctrl_c() => pressed.map(|()| true).map_err(|error| ClientError::Broken(error.into())),
        }
    };
    collector.finish(interrupted)
}

impl<T> Collector<T> {
    fn new(noun: &'static str, bar: ProgressBar) -> Self {
        Self { bar, noun, of: 0, items: Vec::new(), ended: false, stopped: None }
    }

    /// Takes one event; whether more are awaited.
    fn take(&mut self, event: Event<T>, length: &impl Fn(&T) -> u64) -> bool {
        match event {
            Event::Begin { items, length } => {
                self.of = items;
                self.bar.set_length(if length == 0 { items } else { length });
                self.bar.enable_steady_tick(TICK);
            }
            Event::Item(item) => {
                self.bar.inc(length(&item));
                self.items.push(item);
                self.bar.set_message(format!("{} of {}", self.items.len(), count(self.of, self.noun)));
            }
            Event::End => self.ended = true,
            Event::Stopped { detail } => self.stopped = Some(Failure::Stopped { detail }),
        }
        !self.ended && self.stopped.is_none()
    }

    /// The work as it ended; an error only if it never began.
    fn finish(self, interrupted: Result<bool, ClientError>) -> Result<Work<T>, Failure> {
        self.bar.finish_and_clear();
        let done = self.items.len() as u64;
        let cut_short = match interrupted {
            Err(error) if self.items.is_empty() => return Err(error.into()),
            Err(error) => Some(error.into()),
            Ok(true) => Some(Failure::Interrupted { done, of: self.of, noun: self.noun }),
            Ok(false) if self.ended => None,
            Ok(false) => Some(self.stopped.unwrap_or_else(without_end)),
        };
        Ok(Work { items: self.items, cut_short })
    }
}

fn without_end() -> Failure {
    ClientError::Broken("the last event is missing".into()).into()
}

/// A bar on standard error; it stays hidden where that is no terminal.
fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    // A template that is not understood leaves indicatif's own, which shows less.
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(events: Vec<Event<u64>>, interrupted: Result<bool, ClientError>) -> Result<Work<u64>, Failure> {
        let mut collector = Collector::new("blob", bar(BYTES));
        for event in events {
            if !collector.take(event, &|length| *length) {
                break;
            }
        }
        collector.finish(interrupted)
    }

    #[test]
    fn work_that_ended_has_all_its_items() {
        let work = events(
            vec![Event::Begin { items: 2, length: 7 }, Event::Item(3), Event::Item(4), Event::End],
            Ok(false),
        );
        let work = work.unwrap();
        assert_eq!(work.items, [3, 4]);
        assert!(work.cut_short.is_none(), "{:?}", work.cut_short);
    }

    #[test]
    fn work_that_was_cut_short_keeps_what_was_done_and_says_why() {
        let begin = || vec![Event::Begin { items: 2, length: 7 }, Event::Item(3)];
        let interrupted = events(begin(), Ok(true)).unwrap();
        assert_eq!(interrupted.items, [3]);
        assert!(matches!(interrupted.cut_short, Some(Failure::Interrupted { done: 1, of: 2, noun: "blob" })));

        let mut stopping = begin();
        stopping.push(Event::Stopped { detail: "going down".to_owned() });
        assert!(matches!(events(stopping, Ok(false)).unwrap().cut_short, Some(Failure::Stopped { .. })));

        let silent = events(begin(), Ok(false)).unwrap().cut_short;
        assert!(matches!(silent, Some(Failure::Client(ClientError::Broken(_)))));
    }

    #[test]
    fn work_that_never_began_is_an_error() {
        let broken = Err(ClientError::Broken("gone".into()));
        assert!(matches!(events(Vec::new(), broken), Err(Failure::Client(ClientError::Broken(_)))));
    }
}
