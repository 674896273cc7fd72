//! Records of tagged fields: the encoding of structures that grow (properties, manifest and catalog records).
//!
//! A record is a sequence of `tag varint | length varint | bytes`. An **odd** tag is required: a reader that does not
//! know it must refuse the record, since its meaning cannot be ignored. An **even** tag is optional: a reader that does
//! not know it skips it. Integers are varints inside their field. Tags may repeat where the structure says so, and
//! otherwise must not.
//!
//! Not here: checksums. The block or the log frame around the record carries them.

use crate::error::{DecodeError, Problem};
use crate::limits::MAX_NAME_BYTES;
use crate::reader::{Reader, put_prefixed};
use crate::varint::{put_varint, varint_len};

/// Appends a field of bytes.
pub fn put_bytes(out: &mut Vec<u8>, tag: u64, bytes: &[u8]) {
    put_varint(out, tag);
    put_prefixed(out, bytes);
}

/// Appends a field holding an integer.
pub fn put_u64(out: &mut Vec<u8>, tag: u64, value: u64) {
    put_varint(out, tag);
    put_varint(out, varint_len(value) as u64);
    put_varint(out, value);
}

/// Appends a field holding an integer, unless there is none.
pub fn put_optional_u64(out: &mut Vec<u8>, tag: u64, value: Option<u64>) {
    if let Some(value) = value {
        put_u64(out, tag, value);
    }
}

/// Appends a field holding a name, unless there is none.
pub fn put_optional_name(out: &mut Vec<u8>, tag: u64, name: Option<&str>) {
    if let Some(name) = name {
        put_bytes(out, tag, name.as_bytes());
    }
}

/// One field of a record.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    structure: &'static str,
    /// Its tag.
    pub tag: u64,
    /// Where its bytes begin in the record.
    pub at: u64,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl<'a> Field<'a> {
    /// A broken rule in this field.
    #[must_use]
    pub const fn invalid(&self, rule: &'static str) -> DecodeError {
        DecodeError::invalid(self.structure, self.at, rule)
    }

    /// The field as an integer.
    ///
    /// # Errors
    /// It is not exactly one varint.
    pub fn u64(&self) -> Result<u64, DecodeError> {
        let mut reader = Reader::new(self.structure, self.bytes);
        let value = reader.varint().map_err(|error| error.shifted(self.at))?;
        if reader.is_empty() { Ok(value) } else { Err(self.invalid("an integer field is one varint")) }
    }

    /// The field as an integer of at most `limit`.
    ///
    /// # Errors
    /// As [`Field::u64`], or a larger value.
    pub fn u64_up_to(&self, what: &'static str, limit: u64) -> Result<u64, DecodeError> {
        let found = self.u64()?;
        if found > limit {
            let problem = Problem::LimitExceeded { what, found, limit };
            return Err(DecodeError::new(self.structure, self.at, problem));
        }
        Ok(found)
    }

    /// The field as a 32-bit integer.
    ///
    /// # Errors
    /// As [`Field::u64`], or a larger value.
    pub fn u32(&self, what: &'static str) -> Result<u32, DecodeError> {
        let found = self.u64_up_to(what, u64::from(u32::MAX))?;
        u32::try_from(found).map_err(|_| self.invalid("the integer fits 32 bits"))
    }

    /// The field as a name: UTF-8, at most [`MAX_NAME_BYTES`].
    ///
    /// # Errors
    /// Longer, or not UTF-8.
    pub fn name(&self) -> Result<String, DecodeError> {
        let bytes = self.bytes_up_to("name", MAX_NAME_BYTES)?;
        let name = str::from_utf8(bytes).map_err(|_| self.invalid("a name is UTF-8"))?;
        Ok(name.to_owned())
    }

    /// The field's bytes, at most `limit` of them.
    ///
    /// # Errors
    /// There are more.
    pub fn bytes_up_to(&self, what: &'static str, limit: usize) -> Result<&'a [u8], DecodeError> {
        if self.bytes.len() > limit {
            let problem =
                Problem::LimitExceeded { what, found: self.bytes.len() as u64, limit: limit as u64 };
            return Err(DecodeError::new(self.structure, self.at, problem));
        }
        Ok(self.bytes)
    }

    /// What to do with a tag that the reader does not know: nothing if it is optional.
    ///
    /// # Errors
    /// The tag is required.
    pub fn skip_unknown(&self) -> Result<(), DecodeError> {
        if self.tag.is_multiple_of(2) {
            return Ok(());
        }
        let problem = Problem::Unsupported { what: "required field", id: self.tag };
        Err(DecodeError::new(self.structure, self.at, problem))
    }
}

/// Iterates over the fields of a record.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    structure: &'static str,
    reader: Reader<'a>,
}

impl<'a> Fields<'a> {
    /// The fields of `record`, which is meant to be a `structure`.
    #[must_use]
    pub const fn new(structure: &'static str, record: &'a [u8]) -> Self {
        Self { structure, reader: Reader::new(structure, record) }
    }

    /// The next field, `None` at the end of the record.
    ///
    /// # Errors
    /// The record ends inside a field.
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, DecodeError> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let tag = self.reader.varint()?;
        let len = self.reader.varint()?;
        let at = self.reader.at();
        let bytes = self.reader.bytes(len)?;
        Ok(Some(Field { structure: self.structure, tag, at, bytes }))
    }
}

/// Stores `value` in the place of a field that must come at most once.
///
/// # Errors
/// It came before.
pub fn set_once<T>(place: &mut Option<T>, field: &Field<'_>, value: T) -> Result<(), DecodeError> {
    if place.replace(value).is_some() {
        return Err(field.invalid("a field comes once"));
    }
    Ok(())
}

/// The value of a field that must have come.
///
/// # Errors
/// It did not.
pub fn required<T>(structure: &'static str, field: &'static str, value: Option<T>) -> Result<T, DecodeError> {
    value.ok_or(DecodeError::new(structure, 0, Problem::Missing { field }))
}

#[cfg(test)]
mod tests;
