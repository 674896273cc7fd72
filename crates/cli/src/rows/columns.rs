//! Which columns of a file with columns make the key and the value.
//!
//! The value is one column, byte for byte, or all columns but the key's as one JSON object of strings, in the file's order.
//!
//! Not here: taking a line apart ([`super::csv`], [`super::tsv`]).

use crate::rows::row::{Layout, Row};
use crate::text::{brief, parse_hex};

/// The name of the key's column in what we write ourselves.
pub(crate) const KEY: &str = "key";
/// The name of the value's column in what we write ourselves.
pub(crate) const VALUE: &str = "value";

/// How the value is made.
#[derive(Debug, PartialEq, Eq)]
enum ValueFrom {
    Column(usize),
    Others,
}

/// The columns of one file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    names: Vec<String>,
    key: usize,
    value: ValueFrom,
    hex: bool,
}

impl Columns {
    /// Finds the key's and the value's column among `names`. Where `layout` names no value, it is the column `value` if that
    /// and the key are all there is, otherwise all columns but the key's.
    ///
    /// # Errors
    /// Which column is missing, or there twice.
    pub(crate) fn choose(names: Vec<String>, layout: &Layout) -> Result<Self, String> {
        let find = |wanted: &str| {
            let mut places = names.iter().enumerate().filter(|(_, name)| *name == wanted);
            match (places.next(), places.next()) {
                (Some((place, _)), None) => Ok(place),
                (Some(_), Some(_)) => Err(format!("there are two columns {wanted:?}")),
                (None, _) => {
                    Err(format!("there is no column {wanted:?}; the columns are {}", names.join(", ")))
                }
            }
        };
        let key = find(&layout.key)?;
        let value = match &layout.value {
            Some(name) => ValueFrom::Column(find(name)?),
            None if names.len() == 2 && names.iter().any(|name| name == VALUE) && layout.key != VALUE => {
                ValueFrom::Column(1 - key)
            }
            None => ValueFrom::Others,
        };
        if value == ValueFrom::Others {
            for name in &names {
                find(name)?;
            }
        }
        Ok(Self { names, key, value, hex: layout.hex })
    }

    /// Makes a row of the fields of a line.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn row<F: AsRef<[u8]>>(&self, line: u64, fields: &[F]) -> Result<Row, String> {
        if fields.len() != self.names.len() {
            let (found, wanted) = (fields.len(), self.names.len());
            return Err(format!("{found} columns where {wanted} are expected"));
        }
        let field = |place: usize| fields.get(place).map(AsRef::as_ref).unwrap_or_default();
        let key = self.plain_or_hex(self.key, field(self.key))?;
        let value = match self.value {
            ValueFrom::Column(place) => self.plain_or_hex(place, field(place))?,
            ValueFrom::Others => self.object(fields)?,
        };
        Ok(Row { line, key, value })
    }

    fn plain_or_hex(&self, place: usize, field: &[u8]) -> Result<Vec<u8>, String> {
        if !self.hex {
            return Ok(field.to_vec());
        }
        parse_hex(field).map_err(|problem| format!("column {:?}: {problem}", self.name(place)))
    }

    fn name(&self, place: usize) -> &str {
        self.names.get(place).map_or("", String::as_str)
    }

    fn object<F: AsRef<[u8]>>(&self, fields: &[F]) -> Result<Vec<u8>, String> {
        let mut object = Vec::with_capacity(64);
        for (place, field) in fields.iter().enumerate().filter(|(place, _)| *place != self.key) {
            object.push(if object.is_empty() { b'{' } else { b',' });
            let field = field.as_ref();
            let Ok(text) = std::str::from_utf8(field) else {
                let (name, shown) = (self.name(place), brief(field, 24));
                return Err(format!(
                    "column {name:?} is not UTF-8 ({shown}): choose one column with --value"
                ));
            };
            append_string(self.name(place), &mut object);
            object.push(b':');
            append_string(text, &mut object);
        }
        if object.is_empty() {
            object.push(b'{');
        }
        object.push(b'}');
        Ok(object)
    }
}

/// Appends `text` as a JSON string.
pub(crate) fn append_string(text: &str, out: &mut Vec<u8>) {
    // Writing a string to a Vec cannot fail: both of its error sources, the output and the serializer, are infallible.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests;
