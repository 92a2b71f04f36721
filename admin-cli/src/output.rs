//! Where answers go: standard output, as text or as one JSON document.

use std::io::{ErrorKind, Write as _};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use crate::arguments::Color;
use crate::failure::Failure;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    colored: bool,
}

impl Output {
    /// Colours are used if asked for, or on a terminal that wants them (`NO_COLOR` and `TERM` are heard).
    pub(crate) fn new(json: bool, color: Color) -> Self {
        let colored = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => AutoStream::choice(&std::io::stdout()) != ColorChoice::Never,
        };
        Self { json, colored }
    }

    /// Whether one JSON document is wanted.
    pub(crate) fn json(self) -> bool {
        self.json
    }

    /// Whether colours are wanted.
    pub(crate) fn colored(self) -> bool {
        self.colored
    }

    /// Prints the document if JSON is wanted, else the text that is made of it.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(crate) fn print<T: Serialize>(
        self,
        document: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        if !self.json {
            return self.text(&text(document));
        }
        let document =
            serde_json::to_string_pretty(document).map_err(|error| Failure::Output(error.into()))?;
        self.text(&format!("{document}\n"))
    }

    /// Prints text as it is.
    ///
    /// # Errors
    /// Standard output cannot be written. A reader that has read enough is no error.
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Output(error)),
            _ => Ok(()),
        }
    }
}
