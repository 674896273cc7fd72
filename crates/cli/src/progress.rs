//! A progress bar on stderr, where someone can see it.
//!
//! Where stderr is no terminal nothing is drawn, and stdout never sees any of it.

use std::io::{IsTerminal, Read};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// The progress of one import or export.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Over an input of `total_bytes`; `None`: nobody knows how long it is.
    pub(crate) fn over_bytes(total_bytes: Option<u64>) -> Self {
        let template = match total_bytes {
            Some(_) => "{wide_bar} {bytes} of {total_bytes}, {msg}, {eta} left",
            None => "{spinner} {bytes}, {msg}, {elapsed}",
        };
        Self::start(total_bytes, template)
    }

    /// Over a number of rows that nobody knows.
    pub(crate) fn over_rows() -> Self {
        Self::start(None, "{spinner} {msg}, {elapsed}")
    }

    fn start(total: Option<u64>, template: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Counts what is read through the returned reader.
    pub(crate) fn watch<R: Read>(&self, input: R) -> impl Read {
        self.0.wrap_read(input)
    }

    /// Shows how many rows are done.
    pub(crate) fn rows(&self, rows: u64) {
        if !self.0.is_hidden() {
            self.0.set_message(crate::human::plural(rows, "row"));
        }
    }

    /// Prints a line above the bar.
    pub(crate) fn warn(&self, line: &str) {
        self.0.suspend(|| crate::output::complain(line));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
