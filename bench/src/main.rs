//! Interleaved comparison of embedded key-value stores on one machine.
//!
//! `cargo xtask bench --quick` compares with the peers that need no C toolchain in a few minutes; `cargo xtask bench` with
//! all of them, in hours. A parent process ([`parent`]) starts one child ([`child`]) for each engine, workload and
//! repetition, in a fresh folder on a real disk; engines take turns, and only ratios of one such run mean anything.
//!
//! Same for all: keys of 24 bytes, values of 100, cache 256 MiB, write buffer 64 MiB, 10 filter bits per key, no
//! compression unless the row says so, two background threads, durability *os* (the operating system has a write before it
//! is acknowledged) or *sync* (the device has it), and otherwise each engine's own defaults and its documentation's
//! advice. What an engine cannot do is a dash.
//!
//! A peer is one file in `engines/`, a line in `engines.rs` and a Cargo feature.

#![deny(unsafe_code)]

mod args;
mod child;
mod disk;
mod engine;
mod engines;
mod keys;
#[path = "../../xtask/src/proofs/memory.rs"]
mod memory;
mod parent;
mod report;
mod results;
mod row;
mod stretch;
mod workload;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Arguments;
use crate::engine::Outcome;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome<()> {
    if let Some(task) = &arguments.child {
        return engines::run_task(&serde_json::from_str(task)?);
    }
    if arguments.list {
        println!("engines of this build: {}", engines::built().join(", "));
        workload::ALL.iter().for_each(|workload| println!("{:12} {}", workload.name, workload.about));
        return Ok(());
    }
    if let Some(file) = &arguments.report {
        return report::write(file, &results::Results::read(file)?);
    }
    let plan = arguments.plan()?;
    let (results, failures) = parent::run(arguments, &plan)?;
    report::write(&arguments.out, &results)?;
    if failures.is_empty() { Ok(()) } else { Err(format!("failed:\n  {}", failures.join("\n  ")).into()) }
}
