//! The last calls, one readable line each, for whoever has to find out what happened before a crash.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;

use crate::fault_fs::plan::{CallKind, Fault};

/// Older calls are forgotten.
const KEPT_CALLS: usize = 4_096;

/// One call as it is traced.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) kind: CallKind,
    pub(super) path: PathBuf,
    pub(super) details: Details,
}

/// What a call is about, beside its path.
#[derive(Clone, Debug)]
pub(super) enum Details {
    Nothing,
    Range {
        offset: u64,
        len: u64,
    },
    Len(u64),
    To(PathBuf),
    /// What makes a call different from others of its kind.
    Note(&'static str),
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = format!("{:?}", self.kind).to_lowercase();
        write!(f, "{kind:<11} {}", self.path.display())?;
        match &self.details {
            Details::Nothing => Ok(()),
            Details::Range { offset, len } => write!(f, " @{offset}+{len}"),
            Details::Len(len) => write!(f, " to {len} bytes"),
            Details::To(path) => write!(f, " -> {}", path.display()),
            Details::Note(note) => write!(f, " ({note})"),
        }
    }
}

#[derive(Debug)]
struct Line {
    ordinal: u64,
    call: Call,
    fault: Fault,
    error: Option<String>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>7} {}", self.ordinal, self.call)?;
        if self.fault != Fault::None {
            write!(f, "  [{:?}]", self.fault)?;
        }
        match &self.error {
            Some(error) => write!(f, "  => {error}"),
            None => Ok(()),
        }
    }
}

/// The last calls.
#[derive(Debug, Default)]
pub(super) struct Trace {
    lines: VecDeque<Line>,
}

impl Trace {
    pub(super) fn add(&mut self, ordinal: u64, call: Call, fault: Fault, error: Option<String>) {
        if self.lines.len() == KEPT_CALLS {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { ordinal, call, fault, error });
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.iter().map(ToString::to_string).collect()
    }

    pub(super) fn clear(&mut self) {
        self.lines.clear();
    }
}
