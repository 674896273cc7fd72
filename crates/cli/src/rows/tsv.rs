//! Tab-separated values: no quotes; a backslash begins an escape.
//!
//! A field cannot hold a tab, a line break or a backslash as such: they are `\t`, `\n`, `\r` and `\\`. All other bytes stand
//! for themselves. An unknown escape makes the row bad, rather than a value that nobody meant. Lines end with `\n` or `\r\n`.

use std::io::{self, BufRead, Write};

use crate::rows::columns::{Columns, KEY, VALUE};
use crate::rows::lines::Lines;
use crate::rows::row::{Layout, Row, RowError, RowWriter};
use crate::text::Notation;

/// Reads rows of TSV.
pub(crate) struct TsvRows<R> {
    lines: Lines<R>,
    columns: Columns,
}

impl<R: BufRead> TsvRows<R> {
    /// Reads the header, unless `layout` has the columns.
    ///
    /// # Errors
    /// The header lacks a column, or the input cannot be read.
    pub(crate) fn open(input: R, layout: &Layout) -> Result<Self, RowError> {
        let mut lines = Lines::new(input);
        let names = if layout.columns.is_empty() {
            if !lines.advance().map_err(RowError::Io)? {
                return Err(RowError::Unusable("the file is empty: there is no header line".to_owned()));
            }
            let line = lines.buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&lines.buffer);
            let fields = split(line).map_err(|problem| RowError::Unusable(format!("line 1: {problem}")))?;
            fields.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
        } else {
            layout.columns.clone()
        };
        let columns = Columns::choose(names, layout).map_err(RowError::Unusable)?;
        Ok(Self { lines, columns })
    }
}

impl<R: BufRead> Iterator for TsvRows<R> {
    type Item = Result<Row, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.lines.advance() {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(Err(RowError::Io(error))),
        }
        let line = self.lines.number;
        let row = split(&self.lines.buffer).and_then(|fields| self.columns.row(line, &fields));
        Some(row.map_err(|problem| RowError::Bad { line, problem }))
    }
}

fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    line.split(|byte| *byte == b'\t').map(unescape).collect()
}

fn unescape(field: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next() {
            Some(b't') => b'\t',
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b'\\') => b'\\',
            Some(other) => {
                let other = char::from(*other).escape_default();
                return Err(format!("unknown escape \\{other} (a backslash is written \\\\)"));
            }
            None => return Err("a field ends with a single backslash (it is written \\\\)".to_owned()),
        });
    }
    Ok(bytes)
}

/// Writes rows of TSV with the columns `key` and `value`.
pub(crate) struct TsvWriter<W> {
    output: W,
    line: Vec<u8>,
    hex: bool,
}

impl<W: Write> TsvWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// Those of the output.
    pub(crate) fn create(mut output: W, hex: bool) -> io::Result<Self> {
        writeln!(output, "{KEY}\t{VALUE}")?;
        Ok(Self { output, line: Vec::new(), hex })
    }

    fn field(&mut self, bytes: &[u8]) {
        if self.hex {
            self.line.extend_from_slice(Notation::Hex.show(bytes).as_bytes());
            return;
        }
        for byte in bytes {
            match byte {
                b'\t' => self.line.extend_from_slice(b"\\t"),
                b'\n' => self.line.extend_from_slice(b"\\n"),
                b'\r' => self.line.extend_from_slice(b"\\r"),
                b'\\' => self.line.extend_from_slice(b"\\\\"),
                plain => self.line.push(*plain),
            }
        }
    }
}

impl<W: Write> RowWriter for TsvWriter<W> {
    fn write(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.line.clear();
        self.field(key);
        self.line.push(b'\t');
        self.field(value);
        self.line.push(b'\n');
        self.output.write_all(&self.line)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests;
