//! Long work: its events are collected, a bar on the terminal shows how far it is, Ctrl-C ends it between two blobs.

use std::time::Duration;

use cairn_admin_api::{Client, ClientError, Event, Which};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// How often the bar's rate and time are brought up to date while one blob takes long.
const TICK: Duration = Duration::from_millis(200);

/// What came of long work.
#[derive(Debug)]
pub(crate) struct Work<T> {
    /// The blobs that were done.
    pub(crate) items: Vec<T>,
    /// Why there are no more, if the work was cut short.
    pub(crate) cut_short: Option<Failure>,
}

/// Collects the events of one piece of long work.
struct Collector<T> {
    bar: ProgressBar,
    blobs: u64,
    items: Vec<T>,
    ended: bool,
    stopped: Option<Failure>,
}

/// Asks for long work and waits for its end. `length` tells by how many bytes an item moves the bar.
///
/// # Errors
/// The daemon refused to begin, or is not reachable. What cuts the work short after it has begun is in the answer.
pub(crate) async fn follow<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    which: &Which,
    length: impl Fn(&T) -> u64,
) -> Result<Work<T>, Failure> {
    let mut collector = Collector::new();
    let interrupted = {
        let events = client.events(path, which, |event| collector.take(event, &length));
        tokio::select! {
            outcome = events => outcome.map(|()| false),
            pressed = tokio::signal::ctrl_c() => pressed.map(|()| true).map_err(|error| ClientError::Broken(error.into())),
        }
    };
    collector.finish(interrupted)
}

impl<T> Collector<T> {
    fn new() -> Self {
        Self { bar: bar(), blobs: 0, items: Vec::new(), ended: false, stopped: None }
    }

    /// Takes one event; whether more are awaited.
    fn take(&mut self, event: Event<T>, length: &impl Fn(&T) -> u64) -> bool {
        match event {
            Event::Begin { blobs, length } => {
                self.blobs = blobs;
                self.bar.set_length(length);
                self.bar.enable_steady_tick(TICK);
            }
            Event::Item(item) => {
                self.bar.inc(length(&item));
                self.items.push(item);
                self.bar.set_message(format!("{} of {} blobs", self.items.len(), self.blobs));
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
            Ok(true) => Some(Failure::Interrupted { done, blobs: self.blobs }),
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
fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let template = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left, {msg}";
    // A template that is not understood leaves indicatif's own, which shows less.
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(events: Vec<Event<u64>>, interrupted: Result<bool, ClientError>) -> Result<Work<u64>, Failure> {
        let mut collector = Collector::new();
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
            vec![Event::Begin { blobs: 2, length: 7 }, Event::Item(3), Event::Item(4), Event::End],
            Ok(false),
        );
        let work = work.unwrap();
        assert_eq!(work.items, [3, 4]);
        assert!(work.cut_short.is_none(), "{:?}", work.cut_short);
    }

    #[test]
    fn work_that_was_cut_short_keeps_what_was_done_and_says_why() {
        let begin = || vec![Event::Begin { blobs: 2, length: 7 }, Event::Item(3)];
        let interrupted = events(begin(), Ok(true)).unwrap();
        assert_eq!(interrupted.items, [3]);
        assert!(matches!(interrupted.cut_short, Some(Failure::Interrupted { done: 1, blobs: 2 })));

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
