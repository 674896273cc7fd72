//! Proofs at scale, of the built engine: loads, recoveries, kills.
//!
//! They need the feature `engine`. A build without it (what the `cargo xtask` alias makes) starts the same command
//! again through cargo, with the engine.
//!
//! `crash` alone runs on a simulated disk; a bounded run of it is a test of the crate `esker`.

pub(crate) mod arguments;

#[cfg(feature = "engine")]
mod check;
#[cfg(feature = "engine")]
mod crash;
#[cfg(feature = "engine")]
mod esker;
#[cfg(feature = "engine")]
mod folder;
#[cfg(feature = "engine")]
mod keys;
#[cfg(feature = "engine")]
mod kill;
#[cfg(feature = "engine")]
mod kill_model;
#[cfg(feature = "engine")]
mod load;
#[cfg(feature = "engine")]
mod memory;
#[cfg(feature = "engine")]
mod model;
#[cfg(feature = "engine")]
mod recover;
#[cfg(feature = "engine")]
mod report;
#[cfg(feature = "engine")]
mod store;

/// One of the proofs with its arguments.
#[cfg_attr(not(feature = "engine"), allow(dead_code, reason = "another build of this program reads them"))]
pub(crate) enum Proof {
    /// See [`arguments::Load`].
    Load(arguments::Load),
    /// See [`arguments::Recover`].
    Recover(arguments::Recover),
    /// See [`arguments::Crash`].
    Crash(arguments::Crash),
    /// See [`arguments::Kill`].
    Kill(arguments::Kill),
    /// See [`arguments::Model`].
    Model(arguments::Model),
}

/// Runs it here.
#[cfg(feature = "engine")]
pub(crate) fn run(proof: &Proof) -> Result<(), String> {
    match proof {
        Proof::Load(arguments) => load::run(arguments),
        Proof::Recover(arguments) => recover::run(arguments),
        Proof::Crash(arguments) => crash::run(arguments),
        Proof::Kill(arguments) => kill::run(arguments),
        Proof::Model(arguments) => model::run(arguments),
    }
}

/// Runs it in a build that has the engine.
#[cfg(not(feature = "engine"))]
pub(crate) fn run(_: &Proof) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = std::process::Command::new(cargo)
        .args(["run", "--quiet", "--release", "--package", "xtask", "--"])
        .args(std::env::args_os().skip(1))
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the proof failed: {status}")) }
}
