//! Comma-separated values as RFC 4180 says, and with another separator.
//!
//! Fields are bytes: nothing is decoded, so any key and value survives. A quoted field may hold line breaks; a row is
//! reported by the line where it begins.

use std::io::{self, BufRead, Write};

use crate::rows::columns::{Columns, KEY, VALUE};
use crate::rows::row::{Layout, Row, RowError, RowWriter};
use crate::text::Notation;

/// Reads rows of CSV.
pub(crate) struct CsvRows<R> {
    reader: csv::Reader<R>,
    columns: Columns,
    record: csv::ByteRecord,
    has_crlf: bool,
    ended: bool,
}

impl<R: BufRead> CsvRows<R> {
    /// Reads the header, unless `layout` has the columns.
    ///
    /// # Errors
    /// The header lacks a column, or the input cannot be read.
    pub(crate) fn open(mut input: R, layout: &Layout) -> Result<Self, RowError> {
        let has_crlf = first_line_has_crlf(input.fill_buf().map_err(RowError::Io)?);
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(layout.delimiter)
            .has_headers(layout.columns.is_empty())
            // The number of fields is checked by `Columns`, in words.
            .flexible(true)
            .from_reader(input);
        let names = if layout.columns.is_empty() {
            let header = reader.byte_headers().map_err(unreadable)?;
            header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
        } else {
            layout.columns.clone()
        };
        if names.is_empty() {
            return Err(RowError::Unusable("the file is empty: there is no header line".to_owned()));
        }
        let columns = Columns::choose(names, layout).map_err(RowError::Unusable)?;
        Ok(Self { reader, columns, record: csv::ByteRecord::new(), has_crlf, ended: false })
    }
}

impl<R> CsvRows<R> {
    /// The line of a record that begins `at`. The parser ends a record at `\r`, so that a `\n` behind it is counted, and
    /// stands, at the begin of the next one.
    fn line(&self, at: &csv::Position) -> u64 {
        at.line() + u64::from(self.has_crlf && at.byte() > 0)
    }
}

fn first_line_has_crlf(start: &[u8]) -> bool {
    let end = start.iter().position(|byte| *byte == b'\n');
    end.and_then(|end| start.get(..end)).is_some_and(|line| line.ends_with(b"\r"))
}

impl<R: BufRead> Iterator for CsvRows<R> {
    type Item = Result<Row, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => {
                self.ended = true;
                return Some(Err(unreadable(error)));
            }
        }
        let line = self.record.position().map_or(0, |at| self.line(at));
        let fields: Vec<&[u8]> = self.record.iter().collect();
        Some(self.columns.row(line, &fields).map_err(|problem| RowError::Bad { line, problem }))
    }
}

fn unreadable(error: csv::Error) -> RowError {
    RowError::Io(io_error(error))
}

/// Byte records of any number of fields leave only the errors of the file itself.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Writes rows of CSV with the columns `key` and `value`.
pub(crate) struct CsvWriter<W: Write> {
    writer: csv::Writer<W>,
    hex: bool,
}

impl<W: Write> CsvWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// Those of the output.
    pub(crate) fn create(output: W, hex: bool) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(output);
        writer.write_record([KEY, VALUE]).map_err(io_error)?;
        Ok(Self { writer, hex })
    }
}

impl<W: Write> RowWriter for CsvWriter<W> {
    fn write(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let written = if self.hex {
            self.writer.write_record([Notation::Hex.show(key), Notation::Hex.show(value)])
        } else {
            self.writer.write_record([key, value])
        };
        written.map_err(io_error)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests;
