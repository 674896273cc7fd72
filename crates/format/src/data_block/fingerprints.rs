//! The fingerprints of a data block: one byte of each key's hash, for blocks in which many keys have equal heads.
//!
//! Heads tell keys apart by eight bytes after the block's common prefix. Under long shared prefixes in groups
//! (`tenant/0042/object/00000007/003`) these bytes are the same for a whole group, and what remains is a binary search
//! over whole keys, each in cache lines of its own. A fingerprint is the top byte of the key's hash
//! ([`crate::checksum::key_hash`]). All of a tie's fingerprints lie in one or two lines, and only an entry whose
//! fingerprint is that of the wanted key is compared: one entry as a rule, and in every 256th a stranger more.
//! The technique is the hash index of RocksDB's data blocks, as a column.
//!
//! A block has the column if ties longer than four entries cover more than a tenth of it, unless its writer says otherwise
//! ([`Fingerprints`]): without ties the byte per entry would buy nothing. Only point lookups use it; a seek needs the neighbours and searches in order.
//!
//! Not here: the place of the column in the block, which is in [`crate::data_block`]'s byte table.

use crate::checksum::key_hash;

/// Entries with equal heads that binary search handles as well.
pub(crate) const SHORT_TIE: usize = 4;

/// The fingerprint of a user key.
#[inline]
pub(crate) fn fingerprint(key: &[u8]) -> u8 {
    key_hash(key).to_be_bytes()[0]
}

/// Which blocks get fingerprints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fingerprints {
    /// Those in which they are worth their byte per entry.
    #[default]
    WhereTied,
    /// All. Blocks of another than byte order have no heads, and no use for them.
    Always,
    /// None.
    Never,
}

impl Fingerprints {
    /// Whether a block that was written elsewhere is as one written under this rule would be.
    #[must_use]
    pub const fn allows(self, has_fingerprints: bool) -> bool {
        match self {
            Self::WhereTied => true,
            Self::Always => has_fingerprints,
            Self::Never => !has_fingerprints,
        }
    }
}

/// Counts ties while a builder lays down heads.
#[derive(Debug, Default)]
pub(crate) struct TieCounter {
    last: Option<u64>,
    tie: usize,
    tied: usize,
    count: usize,
}

impl TieCounter {
    #[inline]
    pub(crate) fn add(&mut self, head: u64) {
        if self.last == Some(head) {
            self.tie += 1;
            // The first entry that makes a tie long makes those before it count too.
            self.tied += match self.tie.checked_sub(SHORT_TIE + 1) {
                None => 0,
                Some(0) => SHORT_TIE + 1,
                Some(_) => 1,
            };
        } else {
            self.last = Some(head);
            self.tie = 1;
        }
        self.count += 1;
    }

    /// Whether fingerprints are worth their byte per entry.
    pub(crate) fn asks_for_fingerprints(&self) -> bool {
        self.tied * 10 > self.count
    }
}

/// The positions of `wanted` in `column`, ascending.
#[inline]
pub(crate) fn matches(column: &[u8], wanted: u8) -> impl Iterator<Item = usize> + '_ {
    let (words, rest) = column.as_chunks::<8>();
    let in_words = words.iter().enumerate().flat_map(move |(word, bytes)| {
        let mut hits = equal_bytes(u64::from_le_bytes(*bytes), wanted);
        std::iter::from_fn(move || {
            let byte = hits.checked_ilog2().map(|_| hits.trailing_zeros() as usize / 8)?;
            hits &= hits - 1;
            Some(word * 8 + byte)
        })
    });
    let in_rest = rest.iter().enumerate().filter(move |&(_, &byte)| byte == wanted);
    in_words.chain(in_rest.map(move |(index, _)| words.len() * 8 + index))
}

/// The top bit of each byte of `word` that equals `wanted`, and no other bit.
#[inline]
const fn equal_bytes(word: u64, wanted: u8) -> u64 {
    const LOW_SEVEN: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let different = word ^ u64::from_le_bytes([wanted; 8]);
    // Carries stay inside their byte: seven bits plus 0x7f sets the top bit unless all seven are zero.
    !(((different & LOW_SEVEN) + LOW_SEVEN) | different | LOW_SEVEN)
}

#[cfg(test)]
mod tests;
