//! What a crash enumeration found, and how to see a failure again.

use std::fmt;
use std::str::FromStr;

use crate::fault_fs::crash::CrashPolicy;

/// One crash: during which mutating call, and what survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// The ordinal of the call, counted from the start of the script or of this recovery.
    pub call: u64,
    /// What survived.
    pub policy: CrashPolicy,
}

/// A way to a failure: the crash of the script, then the crashes of the recoveries from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// In the order they happened.
    pub crashes: Vec<Crash>,
}

impl fmt::Display for Replay {
    /// For instance `133/random:5+4/lose-unsynced`; `none` without a crash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.crashes.is_empty() {
            return f.write_str("none");
        }
        for (index, Crash { call, policy }) in self.crashes.iter().enumerate() {
            write!(f, "{}{call}/{policy}", if index == 0 { "" } else { "+" })?;
        }
        Ok(())
    }
}

impl FromStr for Replay {
    type Err = String;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::default());
        }
        let crash = |part: &str| {
            let (call, policy) = part.split_once('/').ok_or_else(|| format!("no crash: {part}"))?;
            let call = call.parse().map_err(|_| format!("no call: {call}"))?;
            Ok(Crash { call, policy: policy.parse()? })
        };
        let crashes = text.split('+').map(crash).collect::<Result<_, String>>()?;
        Ok(Self { crashes })
    }
}

/// The first thing that was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How it came about; empty if it did without any crash.
    pub replay: Replay,
    /// What was wrong.
    pub message: String,
    /// The last mutating calls of the script, then those of the last recovery, one line each.
    pub trace: Vec<String>,
}

/// What a crash enumeration did and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Mutating calls in the script when nothing goes wrong.
    pub mutating_calls: u64,
    /// Runs of the script that were cut short.
    pub crash_points: u64,
    /// Disks that were recovered from and checked.
    pub recoveries: u64,
    /// Recoveries that were cut short in their turn.
    pub recovery_crashes: u64,
    /// The first failure; the enumeration ends there.
    pub failure: Option<Failure>,
}

/// Calls of the trace that a printed failure shows.
const SHOWN_CALLS: usize = 60;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mutating_calls, crash_points, recoveries, recovery_crashes, failure } = self;
        writeln!(
            f,
            "{crash_points} crash points of {mutating_calls} calls, {recoveries} recoveries checked, \
             {recovery_crashes} recoveries crashed"
        )?;
        let Some(Failure { replay, message, trace }) = failure else { return Ok(()) };
        writeln!(f, "FAILED, replay {replay}\n{message}")?;
        let skipped = trace.len().saturating_sub(SHOWN_CALLS);
        writeln!(f, "calls before it ({skipped} earlier ones left out):")?;
        trace.iter().skip(skipped).try_for_each(|line| writeln!(f, "  {line}"))
    }
}
