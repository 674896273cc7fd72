//! A breach of a house rule, as one line: where, which rule, what to do.

use std::fmt;

/// One breach, or one warning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// File, relative to the root.
    pub(crate) file: String,
    /// Line, from 1.
    pub(crate) line: usize,
    /// Short name of the rule.
    pub(crate) rule: &'static str,
    /// What is wrong and what to do.
    pub(crate) advice: String,
    /// Whether it is told without failing the check.
    pub(crate) warning: bool,
}

impl Finding {
    /// A breach that fails the check.
    pub(crate) fn breach(file: &str, line: usize, rule: &'static str, advice: String) -> Finding {
        Finding { file: file.to_owned(), line, rule, advice, warning: false }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let note = if self.warning { "warning: " } else { "" };
        write!(f, "{}:{}: {note}{}: {}", self.file, self.line, self.rule, self.advice)
    }
}
