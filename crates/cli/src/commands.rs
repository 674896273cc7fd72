//! One file per command: each takes its arguments and the output, and returns how it went.

use std::io::Write;

use crate::args::Command;
use crate::failure::Outcome;

pub(crate) mod count;
pub(crate) mod delete;
pub(crate) mod dump;
pub(crate) mod export;
pub(crate) mod get;
pub(crate) mod import;
pub(crate) mod put;
pub(crate) mod scan;
pub(crate) mod stats;
pub(crate) mod verify;

/// Runs one command.
pub(crate) fn run(command: Command, output: &mut dyn Write) -> Outcome {
    match command {
        Command::Tour(arguments) => crate::tour::run(&arguments, output),
        Command::TourWriter(arguments) => crate::tour::writer::run(&arguments),
        Command::Put(arguments) => put::run(&arguments),
        Command::Get(arguments) => get::run(&arguments, output),
        Command::Delete(arguments) => delete::run(&arguments),
        Command::Scan(arguments) => scan::run(arguments, output),
        Command::Count(arguments) => count::run(arguments, output),
        Command::Import(arguments) => import::run(&arguments, output),
        Command::Export(arguments) => export::run(arguments, output),
        Command::Stats(arguments) => stats::run(&arguments, output),
        Command::Verify(arguments) => verify::run(&arguments, output),
        Command::Dump(arguments) => dump::run(&arguments, output),
    }
}
