//! What readers and writers of rows have in common.

use std::io;

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The line in the file where the row begins, from 1.
    pub(crate) line: u64,
    /// The key.
    pub(crate) key: Vec<u8>,
    /// The value.
    pub(crate) value: Vec<u8>,
}

/// Why there is no row.
#[derive(Debug)]
pub(crate) enum RowError {
    /// This row does not parse; those behind it may.
    Bad {
        /// The line where it begins, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The file as a whole is not what the caller said: the header lacks a column, say.
    Unusable(String),
    /// The file cannot be read.
    Io(io::Error),
}

/// A reader of rows.
pub(crate) type Rows<'a> = Box<dyn Iterator<Item = Result<Row, RowError>> + 'a>;

/// What a reader has to know besides the format.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// The column of the key.
    pub(crate) key: String,
    /// The column of the value; `None`: see [`crate::rows::columns::Columns::choose`].
    pub(crate) value: Option<String>,
    /// The names of the columns of a file without a header line; empty: there is one.
    pub(crate) columns: Vec<String>,
    /// What separates the columns of CSV.
    pub(crate) delimiter: u8,
    /// Whether the key and value columns hold hexadecimal digits.
    pub(crate) hex: bool,
}

/// A writer of rows.
pub(crate) trait RowWriter {
    /// Writes one row.
    fn write(&mut self, key: &[u8], value: &[u8]) -> io::Result<()>;

    /// Hands all rows to the output.
    fn finish(&mut self) -> io::Result<()>;
}
