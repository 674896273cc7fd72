//! Rows of text files as keys and values, in and out.
//!
//! Three formats share one shape: a reader is an iterator of rows, a writer takes one pair after the other. What one
//! writes the other takes back to the same bytes:
//!
//! | format | how bytes are held | bytes that are not UTF-8 |
//! |---|---|---|
//! | [`csv`] | fields quoted as RFC 4180 says | as they are |
//! | [`tsv`] | tab, line breaks and backslash escaped | as they are |
//! | [`jsonl`] | strings | hexadecimal digits in a field named `..._hex` |
//!
//! A row that does not parse is reported with its line; the reader goes on behind it if the caller does.
//!
//! Not here: databases ([`crate::import`], [`crate::commands::export`]).

use std::io::{self, BufRead, Write};

use crate::args::Format;
use crate::rows::row::{Layout, RowError, RowWriter, Rows};

pub(crate) mod columns;
pub(crate) mod csv;
pub(crate) mod jsonl;
mod lines;
pub(crate) mod row;
pub(crate) mod tsv;

/// Reads `input` in `format`.
///
/// # Errors
/// The file has no usable header, or cannot be read.
pub(crate) fn reader<'a>(
    format: Format,
    input: impl BufRead + 'a,
    layout: &Layout,
) -> Result<Rows<'a>, RowError> {
    Ok(match format {
        Format::Csv => Box::new(csv::CsvRows::open(input, layout)?),
        Format::Tsv => Box::new(tsv::TsvRows::open(input, layout)?),
        Format::Jsonl => Box::new(jsonl::JsonRows::new(input, layout)),
    })
}

/// Writes `format` to `output`, the header first. With `hex`, keys and values are written as hexadecimal digits.
///
/// # Errors
/// Those of the output.
pub(crate) fn writer<'a>(
    format: Format,
    output: impl Write + 'a,
    hex: bool,
) -> io::Result<Box<dyn RowWriter + 'a>> {
    Ok(match format {
        Format::Csv => Box::new(csv::CsvWriter::create(output, hex)?),
        Format::Tsv => Box::new(tsv::TsvWriter::create(output, hex)?),
        Format::Jsonl => Box::new(jsonl::JsonWriter::new(output, hex)),
    })
}

#[cfg(test)]
mod tests;
