//! Command lines of the proofs.

use std::path::PathBuf;

use clap::Args;

/// `cargo xtask load`.
#[derive(Args, Debug)]
pub(crate) struct Load {
    /// Number of 24-byte keys
    #[arg(long, default_value_t = 2_000_000)]
    pub(crate) keys: u64,
    /// Bytes of each value
    #[arg(long, default_value_t = 100)]
    pub(crate) value_bytes: usize,
    /// Memory budget of the database, such as 512MiB; peak anonymous memory may pass it by 15 %
    #[arg(long, default_value = "512MiB", value_parser = parse_size)]
    pub(crate) budget: u64,
    /// Where the database is made (a real disk); a temporary folder under target/ by default
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}

/// `cargo xtask recover`.
#[derive(Args, Debug)]
pub(crate) struct Recover {
    /// Number of 24-byte keys, with values of 100 bytes
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) keys: u64,
    /// Where the database is made (a real disk); a temporary folder under target/ by default
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Be the child that is killed (what the parent starts)
    #[arg(long, hide = true)]
    pub(crate) child: bool,
}

/// `cargo xtask kill`.
#[derive(Args, Debug)]
pub(crate) struct Kill {
    /// Few kills, for CI
    #[arg(long)]
    pub(crate) bounded: bool,
    /// Number of kills; 1,000 by default, 40 when bounded
    #[arg(long)]
    pub(crate) kills: Option<u32>,
    /// Determines operations and instants (the instants as far as the machine lets them)
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where the database is made (a real disk); a temporary folder under target/ by default
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Be the child that is killed: where each of its writers goes on (what the parent starts)
    #[arg(long, hide = true, value_delimiter = ',')]
    pub(crate) child: Vec<u64>,
    /// Be a child that acknowledges what a kill may take
    #[arg(long, hide = true)]
    pub(crate) weak: bool,
}

/// `cargo xtask crash`.
#[derive(Args, Debug)]
pub(crate) struct Crash {
    /// Some points of each script instead of all, for CI
    #[arg(long)]
    pub(crate) bounded: bool,
    /// Determines scripts and disks: same seed, same run
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Steps of each script
    #[arg(long, default_value_t = 120)]
    pub(crate) steps: usize,
}

/// `cargo xtask model`.
#[derive(Args, Debug)]
pub(crate) struct Model {
    /// Operations to do and compare, all scripts together
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) operations: u64,
    /// Operations of each script, those included that find nothing to do
    #[arg(long, default_value_t = 20_000)]
    pub(crate) steps: usize,
    /// The first seed; each script takes the next one
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Scripts played side by side
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
}

/// `512MiB`, `4GiB`, `65536`.
fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim() {
        "" | "B" => 0,
        "KiB" | "K" => 10,
        "MiB" | "M" => 20,
        "GiB" | "G" => 30,
        other => return Err(format!("unknown unit {other}; use KiB, MiB or GiB")),
    };
    let number: u64 = number.parse().map_err(|error| format!("{number}: {error}"))?;
    number.checked_shl(shift).filter(|size| size >> shift == number).ok_or_else(|| "too large".to_owned())
}

#[cfg(test)]
mod tests;
