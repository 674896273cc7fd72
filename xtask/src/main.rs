//! The project's own commands: `cargo xtask <command>`.
//!
//! `arch` and `ci` read and run; they need nothing of the engine.

#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    reason = "a tool that reads our own sources: a wrong index stops a check with a backtrace, and nothing else"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod arch;
mod ci;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check the house rules: floors, circles, fences, sizes, invariant ids
    Arch {
        /// Print the floors that this crate's imports imply, instead of checking
        #[arg(long, value_name = "CRATE")]
        floors: Option<String>,
    },
    /// Everything a change must pass; the same as .ci/run
    Ci,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Arch { floors: Some(name) } => arch::print_floors(&root(), &name),
        Command::Arch { floors: None } => arch::run(&root()),
        Command::Ci => ci::run(&root()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The repository: the folder above this package.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}
