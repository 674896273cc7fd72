//! How the tour reads: numbered chapters, indented lines, a table of rates at the end.
//!
//! Each line is handed on at once, so that someone who watches sees what happens while it happens.

use std::io::Write;
use std::time::Duration;

use crate::failure::{Failure, Outcome};
use crate::human::{count, duration, rate};

/// One measurement for the table at the end.
struct Measured {
    what: &'static str,
    operations: u64,
    time: Duration,
}

/// The output of the tour.
pub(crate) struct Page<'a> {
    output: &'a mut dyn Write,
    chapter: u32,
    measured: Vec<Measured>,
}

impl<'a> Page<'a> {
    /// An empty page.
    pub(crate) fn new(output: &'a mut dyn Write) -> Self {
        Self { output, chapter: 0, measured: Vec::new() }
    }

    /// The first line.
    pub(crate) fn title(&mut self, title: &str) -> Outcome {
        writeln!(self.output, "{title}\n{}", "═".repeat(title.chars().count()))?;
        Ok(())
    }

    /// Begins a chapter.
    pub(crate) fn chapter(&mut self, title: &str) -> Outcome {
        self.chapter += 1;
        writeln!(self.output, "\n{}. {title}", self.chapter)?;
        Ok(self.output.flush()?)
    }

    /// One line of text.
    pub(crate) fn line(&mut self, text: &str) -> Outcome {
        if self.chapter == 0 || text.is_empty() {
            writeln!(self.output, "{text}")?;
        } else {
            writeln!(self.output, "   {text}")?;
        }
        Ok(self.output.flush()?)
    }

    /// A line of a list: a name and what it stands for.
    pub(crate) fn item(&mut self, name: &str, text: &str) -> Outcome {
        self.line(&format!("  {name:<10} {text}"))
    }

    /// Lines that are laid out already.
    pub(crate) fn block(&mut self, text: &str) -> Outcome {
        for line in text.lines() {
            self.line(line)?;
        }
        Ok(())
    }

    /// Remembers a measurement.
    pub(crate) fn measured(&mut self, what: &'static str, operations: u64, time: Duration) {
        match self.measured.iter_mut().find(|measured| measured.what == what) {
            Some(measured) => {
                measured.operations += operations;
                measured.time += time;
            }
            None => self.measured.push(Measured { what, operations, time }),
        }
    }

    /// Ends the tour if something that must hold does not.
    pub(crate) fn expect(&self, holds: bool, what: &str) -> Outcome {
        if holds {
            return Ok(());
        }
        Err(Failure::absent(format!("chapter {}: it does not hold that {what}", self.chapter)))
    }

    /// The last chapter: what was measured.
    pub(crate) fn rates(&mut self, total: Duration) -> Outcome {
        self.chapter("Rates")?;
        self.line(&format!("{:<34} {:>12} {:>10} {:>10} {:>10}", "", "operations", "time", "rate", "each"))?;
        for measured in std::mem::take(&mut self.measured) {
            let each = measured.time.div_f64(measured.operations.max(1) as f64);
            self.line(&format!(
                "{:<34} {:>12} {:>10} {:>10} {:>10}",
                measured.what,
                count(measured.operations),
                duration(measured.time),
                rate(measured.operations, measured.time),
                duration(each),
            ))?;
        }
        self.line("")?;
        self.line(&format!(
            "One thread each, on this machine, beside whatever else runs here. The whole tour took {}.",
            duration(total)
        ))
    }
}
