//! `esker`, the program: databases from the command line.
//!
//! `main` parses the arguments ([`args`]), runs one command ([`commands`]) and turns its failure into one line on stderr and
//! an exit code ([`failure`]). Results go to stdout and nothing else does.

#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

mod args;
mod commands;
mod dump;
mod failure;
mod format;
mod human;
mod import;
mod inspect;
mod output;
mod progress;
mod range;
mod rows;
mod shape;
mod store;
mod text;
mod tour;
mod verify;

fn main() -> ExitCode {
    let arguments = args::Cli::parse();
    let mut output = output::stdout();
    let outcome = commands::run(arguments.command, &mut output);
    // What a command printed before it failed is worth having.
    let flushed = output.flush().map_err(failure::Failure::from);
    match outcome.and(flushed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let failure::Failure::Said { message, .. } = &failure {
                output::complain(message);
            }
            ExitCode::from(failure.code())
        }
    }
}
