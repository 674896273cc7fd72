//! Bytes as people type and read them.
//!
//! Arguments are taken as they are, or as hexadecimal digits. A line for people is escaped so that it can be taken apart
//! again: backslash, tab, line breaks and other control characters become `\\`, `\t`, `\n`, `\r` or `\xNN`, and so does
//! every byte that is not UTF-8. Everything else stays readable.

use std::ffi::OsStr;
use std::fmt::Write as _;

use crate::failure::{Failure, Outcome};

/// How a command takes and shows keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notation {
    /// As they are; escaped where they are shown in lines.
    Text,
    /// As hexadecimal digits.
    Hex,
}

impl Notation {
    /// The bytes that `argument` stands for.
    ///
    /// # Errors
    /// What is wrong with the digits.
    pub(crate) fn parse(self, argument: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Text => Ok(argument.to_vec()),
            Self::Hex => parse_hex(argument),
        }
    }

    /// The bytes that `argument` stands for; `what` names it if it stands for none.
    pub(crate) fn argument(self, what: &str, argument: &OsStr) -> Outcome<Vec<u8>> {
        let bytes = self.parse(argument.as_encoded_bytes());
        bytes.map_err(|problem| Failure::usage(format!("{what}: {problem}")))
    }

    /// Appends `bytes` as part of a line.
    pub(crate) fn show_into(self, bytes: &[u8], line: &mut String) {
        match self {
            Self::Text => escape_into(bytes, line),
            Self::Hex => hex_into(bytes, line),
        }
    }

    /// `bytes` as part of a line.
    pub(crate) fn show(self, bytes: &[u8]) -> String {
        let mut line = String::with_capacity(bytes.len());
        self.show_into(bytes, &mut line);
        line
    }
}

/// `bytes` as part of a line of text, cut to about `limit` characters.
pub(crate) fn brief(bytes: &[u8], limit: usize) -> String {
    // A character takes at least one byte, so what is cut here could not have been shown.
    let head = bytes.get(..limit.saturating_mul(4)).unwrap_or(bytes);
    let line = Notation::Text.show(head);
    if line.chars().count() <= limit && head.len() == bytes.len() {
        return line;
    }
    line.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}

/// Appends the hexadecimal digits of `bytes`.
pub(crate) fn hex_into(bytes: &[u8], out: &mut String) {
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}

/// Reads hexadecimal digits, two a byte.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn parse_hex(digits: &[u8]) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(format!("{} hexadecimal digits are not whole bytes", digits.len()));
    }
    let bytes = pairs.map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    bytes.collect::<Option<_>>().ok_or_else(|| format!("{:?} is not hexadecimal", brief(digits, 24)))
}

fn escape_into(bytes: &[u8], line: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => line.push_str("\\\\"),
                '\t' => line.push_str("\\t"),
                '\n' => line.push_str("\\n"),
                '\r' => line.push_str("\\r"),
                control if control.is_ascii_control() => {
                    let _ = write!(line, "\\x{:02x}", u32::from(control));
                }
                // The other control characters (U+0080 to U+009F) move a terminal's cursor as well.
                control if control.is_control() => {
                    let mut buffer = [0; 4];
                    for byte in control.encode_utf8(&mut buffer).bytes() {
                        let _ = write!(line, "\\x{byte:02x}");
                    }
                }
                plain => line.push(plain),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(line, "\\x{byte:02x}");
        }
    }
}

#[cfg(test)]
mod tests;
