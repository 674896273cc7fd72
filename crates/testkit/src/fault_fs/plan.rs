//! What shall go wrong: [`FaultPlan`] says it, `Fault` is what it means for one call.
//!
//! Every mutating call has an *ordinal*, counted from 1 since the plan was set, and a *kind*; calls of one kind
//! are counted from 1 too. A plan is plain data, so that the same plan on the same calls gives the same faults.
//!
//! Not here: carrying faults out (`machine.rs`).

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use esker_env::clock::Clock;

/// The kinds of call that are counted. All but `Read` mutate, and so have an ordinal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallKind {
    /// Reading bytes.
    Read,
    /// Writing bytes.
    Write,
    /// Copying into a mapped log: no device stands behind it, so only a crash strikes it.
    Copy,
    /// `sync_data`, `sync_all`, and the sync of a range of a mapped log.
    Sync,
    /// Creating a file or one directory.
    Create,
    /// Renaming.
    Rename,
    /// Removing a file or a directory.
    Unlink,
    /// Hard links and block-sharing copies.
    Link,
    /// `sync_dir`.
    SyncDir,
    /// `set_len`, hole punching, and opening with `truncate`.
    Truncate,
    /// Preallocating.
    Preallocate,
}

impl CallKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Read,
        Self::Write,
        Self::Copy,
        Self::Sync,
        Self::Create,
        Self::Rename,
        Self::Unlink,
        Self::Link,
        Self::SyncDir,
        Self::Truncate,
        Self::Preallocate,
    ];
}

/// The two errors that a sound program on a sound machine still meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InjectedError {
    /// The device failed (`EIO`).
    DeviceFailed,
    /// The device is full (`ENOSPC`).
    StorageFull,
}

impl InjectedError {
    pub(super) fn to_io(self) -> io::Error {
        match self {
            Self::DeviceFailed => io::Error::other("injected: the device failed"),
            Self::StorageFull => io::Error::new(io::ErrorKind::StorageFull, "injected: the device is full"),
        }
    }
}

/// Which calls an error strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    /// The n-th call of a kind.
    NthOf(CallKind, u64),
    /// The n-th call of a kind and all later ones of it.
    FromNthOf(CallKind, u64),
    /// The mutating call with this ordinal.
    At(u64),
    /// The mutating call with this ordinal and all later ones.
    From(u64),
}

/// A bit that reads wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitFlip {
    /// The file: any path whose last components these are, as it was opened.
    pub file: PathBuf,
    /// Offset of the byte.
    pub offset: u64,
    /// Bits to turn over.
    pub mask: u8,
}

/// What a device does to one write while it reports success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFault {
    /// The bytes go nowhere; readers see what was there.
    Lost,
    /// The bytes go to this offset instead.
    Misdirected(u64),
}

/// How long calls take on a clock.
#[derive(Clone)]
pub struct Latency {
    /// The clock that sleeps.
    pub clock: Arc<dyn Clock>,
    /// For each read.
    pub read: Duration,
    /// For each sync of a file or directory.
    pub sync: Duration,
    /// For each other mutating call.
    pub write: Duration,
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clock: _, read, sync, write } = self;
        write!(f, "Latency {{ read: {read:?}, sync: {sync:?}, write: {write:?} }}")
    }
}

/// What shall go wrong. The default is nothing.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    /// The machine goes down during the mutating call with this ordinal: the call may or may not have reached the
    /// disk, as the crash policy decides, and it and every later call fail.
    pub crash_at: Option<u64>,
    /// Errors. A failed write has written its first half; a failed sync leaves what it should have synced
    /// undetermined for ever, as Linux does; any other failed call does nothing.
    pub errors: Vec<(Strike, InjectedError)>,
    /// All files together may be this long; a write that does not fit writes what does and fails.
    pub budget_bytes: Option<u64>,
    /// Reads of more than one byte deliver half of what was asked for.
    pub short_reads: bool,
    /// Bits that read wrong.
    pub bit_flips: Vec<BitFlip>,
    /// The n-th write is mistreated without an error.
    pub write_faults: Vec<(u64, WriteFault)>,
    /// The n-th sync of a file reports success and does nothing: a lying device, or a forgotten call.
    pub skip_nth_sync: Option<u64>,
    /// Every sync of a range of a mapped log reports success and does nothing.
    pub ignore_map_sync: bool,
    /// Every directory sync reports success and does nothing.
    pub ignore_dir_sync: bool,
    /// How long calls take.
    pub latency: Option<Latency>,
}

impl FaultPlan {
    /// Only a crash during the mutating call with this ordinal.
    #[must_use]
    pub fn crash_at(ordinal: u64) -> Self {
        Self { crash_at: Some(ordinal), ..Self::default() }
    }

    /// Only an error.
    #[must_use]
    pub fn error(strike: Strike, error: InjectedError) -> Self {
        Self { errors: vec![(strike, error)], ..Self::default() }
    }

    /// What happens to a call. `nth` counts the calls of its kind; reads have no ordinal.
    pub(super) fn fault(&self, kind: CallKind, nth: u64, ordinal: Option<u64>) -> Fault {
        if ordinal.is_some() && ordinal == self.crash_at {
            return Fault::Crash;
        }
        for &(strike, error) in &self.errors {
            let strikes = match strike {
                Strike::NthOf(of, n) => of == kind && nth == n,
                Strike::FromNthOf(of, n) => of == kind && nth >= n,
                Strike::At(n) => ordinal == Some(n),
                Strike::From(n) => ordinal.is_some_and(|ordinal| ordinal >= n),
            };
            if strikes && kind != CallKind::Copy {
                return Fault::Error(error);
            }
        }
        match kind {
            CallKind::Write => self
                .write_faults
                .iter()
                .find(|(n, _)| *n == nth)
                .map_or(Fault::None, |&(_, fault)| Fault::Write(fault)),
            CallKind::Sync if self.skip_nth_sync == Some(nth) => Fault::Skip,
            CallKind::SyncDir if self.ignore_dir_sync => Fault::Skip,
            _ => Fault::None,
        }
    }

    pub(super) fn delay(&self, kind: CallKind) -> Option<(Arc<dyn Clock>, Duration)> {
        let latency = self.latency.as_ref()?;
        let duration = match kind {
            CallKind::Read => latency.read,
            CallKind::Sync | CallKind::SyncDir => latency.sync,
            _ => latency.write,
        };
        Some((Arc::clone(&latency.clock), duration))
    }
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    Crash,
    Error(InjectedError),
    Write(WriteFault),
    /// Success without effect.
    Skip,
}
