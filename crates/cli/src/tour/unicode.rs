//! The data set: `UnicodeData.txt` of the Unicode Character Database 15.0, compiled in.
//!
//! A record's key is its code point as `U+` and six hexadecimal digits, so that keys sort as code points do. Its value is the
//! rest of the line, as it stands in the file. Licence and origin: `data/README.md`.

/// The file, as published.
const FILE: &str = include_str!("../../data/UnicodeData.txt");

/// One code point.
#[derive(Debug)]
pub(crate) struct Record {
    /// `U+0000E9`
    pub(crate) key: Vec<u8>,
    /// The fields behind the code point.
    pub(crate) value: &'static [u8],
}

/// All records, in the file's order, which is that of the keys.
pub(crate) fn records() -> Vec<Record> {
    let fields = FILE.lines().filter_map(|line| line.split_once(';'));
    fields.map(|(code, value)| Record { key: key(code), value: value.as_bytes() }).collect()
}

/// The key of a code point written in hexadecimal.
fn key(code: &str) -> Vec<u8> {
    format!("U+{code:0>6}").into_bytes()
}

/// The name of the character that `value` describes. Control characters have only an old name, in a later field.
pub(crate) fn name(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let mut fields = text.split(';');
    let name = fields.next().unwrap_or_default();
    let old_name = fields.nth(8).unwrap_or_default();
    if name.starts_with("<control") && !old_name.is_empty() { old_name.to_owned() } else { name.to_owned() }
}

/// The character of a key, where a terminal can show it.
pub(crate) fn glyph(key: &[u8]) -> String {
    let digits = key.strip_prefix(b"U+").and_then(|digits| std::str::from_utf8(digits).ok());
    let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match code.and_then(char::from_u32) {
        Some(character) if !character.is_control() => character.to_string(),
        _ => " ".to_owned(),
    }
}

#[cfg(test)]
mod tests;
