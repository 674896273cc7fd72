//! JSON lines: one object per line.
//!
//! The text of a field is kept: a number stays `1.50`, a nested object stays as it was written. Only strings are decoded. So
//! the key and the value are a string's text, or the JSON text of anything else; several fields together make an object in
//! the line's order.
//!
//! Bytes that are not UTF-8 cannot stand in JSON. A field `key_hex` or `value_hex` holds them as hexadecimal digits, both
//! ways.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, Write};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::rows::columns::{KEY, VALUE, append_string};
use crate::rows::lines::Lines;
use crate::rows::row::{Layout, Row, RowError, RowWriter};
use crate::text::{Notation, parse_hex};

const HEX_SUFFIX: &str = "_hex";

/// Reads rows of JSON lines.
pub(crate) struct JsonRows<R> {
    lines: Lines<R>,
    key: String,
    value: Option<String>,
    hex: bool,
}

impl<R: BufRead> JsonRows<R> {
    /// Nothing is read yet.
    pub(crate) fn new(input: R, layout: &Layout) -> Self {
        Self {
            lines: Lines::new(input),
            key: layout.key.clone(),
            value: layout.value.clone(),
            hex: layout.hex,
        }
    }

    fn row(&self) -> Result<Row, String> {
        let line = self.lines.buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.lines.buffer);
        let object: Object<'_> = serde_json::from_slice(line).map_err(|error| said(&error))?;
        let (key_place, key_is_hex) = object.find(&self.key)?;
        let key = self.bytes(&object, key_place, key_is_hex)?;
        if object.raw(key_place).is_some_and(|raw| matches!(raw.as_bytes(), [b'n' | b'{' | b'[', ..])) {
            return Err(format!("field {:?} is neither a text nor a number", self.key));
        }
        let value = match &self.value {
            Some(name) => {
                let (place, is_hex) = object.find(name)?;
                self.bytes(&object, place, is_hex)?
            }
            None => match object.lone_value(key_place) {
                Some((place, is_hex)) => self.bytes(&object, place, is_hex)?,
                None => object.others(key_place),
            },
        };
        Ok(Row { line: self.lines.number, key, value })
    }

    fn bytes(&self, object: &Object<'_>, place: usize, is_hex: bool) -> Result<Vec<u8>, String> {
        let raw = object.raw(place).unwrap_or_default();
        let text = if raw.starts_with('"') {
            serde_json::from_str::<String>(raw).map_err(|error| said(&error))?
        } else {
            raw.to_owned()
        };
        if is_hex || self.hex {
            return parse_hex(text.as_bytes())
                .map_err(|problem| format!("field {:?}: {problem}", object.name(place)));
        }
        Ok(text.into_bytes())
    }
}

impl<R: BufRead> Iterator for JsonRows<R> {
    type Item = Result<Row, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.lines.advance() {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(Err(RowError::Io(error))),
        }
        Some(self.row().map_err(|problem| RowError::Bad { line: self.lines.number, problem }))
    }
}

/// serde_json counts lines within the one line it was given; only the column helps.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => format!("{} (column {})", text.get(..end).unwrap_or(&text), error.column()),
        None => text,
    }
}

/// The fields of one line, in its order, their text untouched.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl Object<'_> {
    fn name(&self, place: usize) -> &str {
        self.0.get(place).map_or("", |(name, _)| name)
    }

    fn raw(&self, place: usize) -> Option<&str> {
        self.0.get(place).map(|(_, raw)| raw.get())
    }

    /// The place of the field `name` or `name_hex`, and whether it is the latter.
    fn find(&self, name: &str) -> Result<(usize, bool), String> {
        let place = |wanted: &dyn Fn(&str) -> bool| self.0.iter().position(|(name, _)| wanted(name));
        if let Some(place) = place(&|field| field == name) {
            return Ok((place, false));
        }
        let hex = place(&|field| field.strip_suffix(HEX_SUFFIX) == Some(name));
        hex.map(|place| (place, true)).ok_or_else(|| format!("there is no field {name:?}"))
    }

    /// The only field beside the key, if its name says that it is the value.
    fn lone_value(&self, key: usize) -> Option<(usize, bool)> {
        let other = 1_usize.checked_sub(key)?;
        match (self.0.len(), self.name(other)) {
            (2, VALUE) => Some((other, false)),
            (2, name) if name.strip_suffix(HEX_SUFFIX) == Some(VALUE) => Some((other, true)),
            _ => None,
        }
    }

    fn others(&self, key: usize) -> Vec<u8> {
        let mut object = vec![b'{'];
        for (_, (name, raw)) in self.0.iter().enumerate().filter(|(place, _)| *place != key) {
            if object.len() > 1 {
                object.push(b',');
            }
            append_string(name, &mut object);
            object.push(b':');
            object.extend_from_slice(raw.get().as_bytes());
        }
        object.push(b'}');
        object
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields: Vec<(String, &RawValue)> = Vec::new();
                while let Some((name, raw)) = map.next_entry::<String, &RawValue>()? {
                    if fields.iter().any(|(other, _)| *other == name) {
                        return Err(serde::de::Error::custom(format_args!("two fields {name:?}")));
                    }
                    fields.push((name, raw));
                }
                Ok(Object(fields))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// Writes JSON lines with the fields `key` and `value`.
pub(crate) struct JsonWriter<W> {
    output: W,
    line: Vec<u8>,
    hex: bool,
}

impl<W: Write> JsonWriter<W> {
    /// There is no header.
    pub(crate) fn new(output: W, hex: bool) -> Self {
        Self { output, line: Vec::new(), hex }
    }

    fn field(&mut self, name: &str, bytes: &[u8]) {
        let (suffix, text) = match std::str::from_utf8(bytes) {
            _ if self.hex => ("", Cow::Owned(Notation::Hex.show(bytes))),
            Ok(text) => ("", Cow::Borrowed(text)),
            Err(_) => (HEX_SUFFIX, Cow::Owned(Notation::Hex.show(bytes))),
        };
        append_string(&format!("{name}{suffix}"), &mut self.line);
        self.line.push(b':');
        append_string(&text, &mut self.line);
    }
}

impl<W: Write> RowWriter for JsonWriter<W> {
    fn write(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.line.clear();
        self.line.push(b'{');
        self.field(KEY, key);
        self.line.push(b',');
        self.field(VALUE, value);
        self.line.extend_from_slice(b"}\n");
        self.output.write_all(&self.line)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests;
