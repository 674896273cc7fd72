//! What a crash leaves: the choice among all the disks that POSIX allows.
//!
//! Not here: how a file or a directory carries the choice out (`survivors.rs`,
//! `file.rs`).

use std::fmt;
use std::str::FromStr;

/// What survives of everything not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPolicy {
    /// Nothing: the least a disk may keep.
    LoseUnsynced,
    /// Everything: a killed process on a machine that stays up.
    KeepAll,
    /// Names and lengths, but no bytes: a journal of metadata that ran ahead of the data.
    NamesOnly,
    /// Any subset, chosen by a seed: sectors kept, lost, torn or reordered, lengths kept or lost, and changes of
    /// names kept or lost.
    Random {
        /// The seed.
        seed: u64,
    },
}

impl CrashPolicy {
    /// The source of this policy's choices.
    pub(super) fn random(self) -> fastrand::Rng {
        match self {
            Self::Random { seed } => fastrand::Rng::with_seed(seed),
            Self::LoseUnsynced | Self::KeepAll | Self::NamesOnly => fastrand::Rng::with_seed(0),
        }
    }
}

impl fmt::Display for CrashPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoseUnsynced => f.write_str("lose-unsynced"),
            Self::KeepAll => f.write_str("keep-all"),
            Self::NamesOnly => f.write_str("names-only"),
            Self::Random { seed } => write!(f, "random:{seed}"),
        }
    }
}

impl FromStr for CrashPolicy {
    type Err = String;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "lose-unsynced" => Ok(Self::LoseUnsynced),
            "keep-all" => Ok(Self::KeepAll),
            "names-only" => Ok(Self::NamesOnly),
            _ => {
                let seed = text.strip_prefix("random:").and_then(|seed| seed.parse().ok());
                seed.map(|seed| Self::Random { seed }).ok_or_else(|| format!("no crash policy: {text}"))
            }
        }
    }
}
