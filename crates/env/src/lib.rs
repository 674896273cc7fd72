//! What the esker storage engine asks of the operating system.
//!
//! Four seams, each a small trait with a real implementation and one for tests:
//!
//! | seam | trait | real | for tests |
//! |---|---|---|---|
//! | files and directories | [`fs::Fs`], [`fs::FsFile`] | [`os::OsFs`] | [`memory::MemFs`] |
//! | time | [`clock::Clock`] | [`clock::SystemClock`] | [`clock::ManualClock`] |
//! | threads | [`spawn::Spawn`] | [`spawn::Threads`] | [`spawn::SingleThreaded`] |
//! | randomness | [`random::Random`] | [`random::SystemRandom`] | [`random::SeededRandom`] |
//!
//! Nothing else in the workspace touches `std::fs`, the clock, threads or randomness (INV-ENV-1), so a whole
//! database can run deterministically: same seed, same bytes.
//!
//! What the engine relies on from a file system, and what not, is written down in `docs/ASSUMPTIONS.md`.
//!
//! Unsafe code is fenced into `os/mapped_log.rs`.
//!
//! Not here: faults and crashes (the private crate `esker-testkit`).

pub mod clock;
pub mod duplicate;
pub mod folder;
pub mod fs;
pub mod memory;
pub mod os;
pub mod random;
pub mod spawn;
pub mod sync_mode;
