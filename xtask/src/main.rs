//! The project's own commands: `cargo xtask <command>`.
//!
//! `arch`, `ci`, `bench` and `footprint` need nothing of the engine here, so the `xtask` alias builds without it and starts in a moment. The
//! proofs (`load`, `recover`, `crash`, `kill`, `model`) run the engine; built without it, they start themselves again through cargo with
//! the feature `engine`.

#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    reason = "a tool that reads our own sources: a wrong index stops a check with a backtrace, and nothing else"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::proofs::Proof;

mod arch;
mod bench;
mod ci;
mod footprint;
mod proofs;

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
    /// Compare with other engines, interleaved; options are those of bench/ (`--quick` needs no C toolchain)
    #[command(disable_help_flag = true)]
    Bench {
        /// What bench/ understands: --quick, --keys, --reps, --engines, --workloads, --out, --scaling, --help ...
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Crates, build time, program size and resident memory of a program that uses esker
    Footprint {
        /// Keys of the database whose resident memory is measured
        #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
        keys: u64,
    },
    /// Load in random order, settle, read everything back; fails on wrong data or too much memory
    Load(proofs::arguments::Load),
    /// Load in a child process, kill it, and time the recovery from the log
    Recover(proofs::arguments::Recover),
    /// Lose power at every call of random scripts, in every way a disk may, and check what recovers
    Crash(proofs::arguments::Crash),
    /// Kill a child under load again and again, and check every acknowledged write
    Kill(proofs::arguments::Kill),
    /// Play random operations on trees and on an oracle, over random settings, and compare everything
    Model(proofs::arguments::Model),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Arch { floors: Some(name) } => arch::print_floors(&root(), &name),
        Command::Arch { floors: None } => arch::run(&root()),
        Command::Ci => ci::run(&root()),
        Command::Bench { words } => bench::run(&root(), &words),
        Command::Footprint { keys } => footprint::run(&root(), keys),
        Command::Load(arguments) => proofs::run(&Proof::Load(arguments)),
        Command::Recover(arguments) => proofs::run(&Proof::Recover(arguments)),
        Command::Crash(arguments) => proofs::run(&Proof::Crash(arguments)),
        Command::Kill(arguments) => proofs::run(&Proof::Kill(arguments)),
        Command::Model(arguments) => proofs::run(&Proof::Model(arguments)),
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
