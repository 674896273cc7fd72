//! A bumped ribbon filter: near the least memory that a filter can have, for a dearer build.
//!
//! Each key is an equation: a sum (exclusive or) of some of 64 consecutive slots has to be its *result*, `r` bits that a hash
//! gives. The builder finds a solution for all keys; an absent key's sum is right by chance, once in 2^r. A layer has fewer slots than
//! keys, so not all keys fit: buckets of 64 slots give up the keys that begin below a threshold to the next layer, which
//! works alike with other hashes. What is left in the end is a list.
//!
//! | at | bytes | field | |
//! |---|---|---|---|
//! | 0 | 8·r·blocks | solution | layer after layer, one block of `r` words for each bucket and one more; bit `i` of word `j` is bit `j` of slot `i` |
//! | | ⌈buckets/4⌉ | thresholds | two bits for each bucket of each layer, the lowest bits first |
//! | | 4·rest | rest | the low half of hashes, ascending |
//! | | 4·4 | buckets | of each layer; 0 from the first layer that is not there |
//! | | 4 | rest | how many hashes are listed |
//! | | 1 | r | 1..=16 |
//! | | 1 | seed | |
//! | | 1 | reserved | 0 |
//! | | 1 | kind | 2 |
//!
//! Hashes: with `m` the finaliser of SplitMix64 and `g = 0x9e3779b97f4a7c15`, the first layer uses `h = m(key_hash ^ seed·g)`, the
//! next always `m(h + g)`. An equation begins at slot `(h · 64·buckets) >> 64` of its layer; its slots are the bits of
//! `(h ^ h >> 32) · 0xd6e8feb86659fd93 | 1`, and its result is the high `r` bits of `h·g`. Offsets below 0, 16, 32 or 64 of a bucket
//! with threshold 0, 1, 2 or 3 belong to the next layer; after the last layer, to the list.
//!
//! After P. C. Dillinger, L. Hübschle-Schneider, P. Sanders, S. Walzer, *Fast Succinct Retrieval and Approximate Membership using
//! Ribbon*, 2022; buckets of 64 with two bits of threshold are among the variants that it studies.
//!
//! A probe reads a threshold (two bits a bucket: they stay in the processor's cache) and 16·r consecutive bytes.
//! INV-FMT-5: both sides use the functions of `equation`, and a key whose equation is not in the solution is in the next layer or the list.
//! **Limits.** 2³²−1 buckets a layer, 2³²−1 listed hashes, four layers. **Versions.** 1: as above.
//!
//! Example, the five hashes 0x0123456789abcdef · 1..=5 at r = 1:
//!
//! ```text
//! 00 00 08 02 00 10 00 00   the bucket's slots: the sums of all five equations come out right with four bits set
//! 00 00 00 00 00 00 00 00   the block to its right
//! 00                        the bucket gives up no key
//! 01 00 00 00               1 bucket in the first layer
//! 00 00 00 00 00 00 00 00   no other layer
//! 00 00 00 00
//! 00 00 00 00               no listed hash
//! 01                        r = 1
//! 00                        seed 0
//! 00                        reserved
//! 02                        bumped ribbon
//! ```

mod builder;
mod equation;
mod layout;

pub use builder::BurrBuilder;
pub use layout::KIND_BURR;

use crate::error::{DecodeError, Problem};
use crate::reader::Reader;
use equation::{THRESHOLDS, coefficients, first_hash, is_odd, next_hash, place, result};
use esker_mem::prefetch::{LINE_BYTES, prefetch};
use esker_mem::slice::Slice;
use layout::{MAX_LAYERS, MAX_RESULT_BITS, MIN_RESULT_BITS, TAIL_BYTES};
use std::sync::Arc;

/// The name of the policy, as properties carry it.
pub const POLICY_NAME: &str = "esker.burr";

const STRUCTURE: &str = "filter";

/// A layer and where its parts begin.
#[derive(Debug, Clone, Copy, Default)]
struct Layer {
    bucket_count: u32,
    first_bucket: usize,
    first_word: usize,
}

/// A bumped ribbon filter, unpacked.
#[derive(Debug, Clone)]
pub struct Burr {
    /// The layers that are there come first.
    layers: [Layer; MAX_LAYERS],
    result_bits: u8,
    seed: u8,
    solution: Arc<[u64]>,
    thresholds: Arc<[u8]>,
    rest: Arc<[u32]>,
}

impl Burr {
    /// Takes a payload apart, into memory of its own of the same size.
    ///
    /// # Errors
    /// The payload is not of this kind and version.
    pub fn decode(payload: &Slice) -> Result<Self, DecodeError> {
        let bytes = payload.as_bytes();
        let Some((parts, tail)) = bytes.split_last_chunk::<TAIL_BYTES>() else {
            let problem = Problem::Truncated { needed: TAIL_BYTES as u64, available: bytes.len() as u64 };
            return Err(DecodeError::new(STRUCTURE, 0, problem));
        };
        let at = parts.len() as u64;
        let mut reader = Reader::new(STRUCTURE, tail);
        let bucket_counts = [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?];
        let rest_count = reader.u32()?;
        let [result_bits, seed, reserved, kind] = reader.array()?;
        if kind != KIND_BURR || reserved != 0 {
            let id = u64::from(kind) << 8 | u64::from(reserved);
            let problem = Problem::Unsupported { what: "filter kind or flags", id };
            return Err(DecodeError::new(STRUCTURE, at, problem));
        }
        if !(MIN_RESULT_BITS..=MAX_RESULT_BITS).contains(&result_bits) {
            return Err(DecodeError::invalid(STRUCTURE, at, "a result has 1 to 16 bits"));
        }
        // At most 4 · 2^32 blocks of 16 words: nothing here overflows.
        let (mut buckets, mut words) = (0u64, 0u64);
        let mut layers = [Layer::default(); MAX_LAYERS];
        for (layer, bucket_count) in layers.iter_mut().zip(bucket_counts).take_while(|(_, count)| *count > 0)
        {
            let (first_bucket, first_word) = (as_index(buckets), as_index(words));
            *layer = Layer { bucket_count, first_bucket, first_word };
            buckets += u64::from(bucket_count);
            words += (u64::from(bucket_count) + 1) * u64::from(result_bits);
        }
        if buckets != bucket_counts.iter().map(|&count| u64::from(count)).sum() {
            return Err(DecodeError::invalid(STRUCTURE, at, "no layer follows one that is not there"));
        }
        if words * 8 + buckets.div_ceil(4) + u64::from(rest_count) * 4 != at {
            return Err(DecodeError::invalid(STRUCTURE, at, "the payload has its buckets and its rest"));
        }
        let mut reader = Reader::new(STRUCTURE, parts);
        let (solution, _) = reader.bytes(words * 8)?.as_chunks();
        let thresholds = reader.bytes(buckets.div_ceil(4))?;
        let (rest, _) = reader.rest().as_chunks();
        Ok(Self {
            layers,
            result_bits,
            seed,
            solution: solution.iter().map(|word| u64::from_le_bytes(*word)).collect(),
            thresholds: Arc::from(thresholds),
            rest: rest.iter().map(|hash| u32::from_le_bytes(*hash)).collect(),
        })
    }

    /// Whether a key with this hash may be there. `false` is certain.
    #[inline]
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "the rest keeps the low half of its hashes")]
    pub fn may_contain(&self, hash: u64) -> bool {
        let mut hash = first_hash(hash, self.seed);
        for layer in &self.layers {
            if layer.bucket_count == 0 {
                break;
            }
            let (bucket, offset) = place(hash, layer.bucket_count);
            if offset >= self.threshold(layer.first_bucket + bucket) {
                return self.is_satisfied(layer, bucket, offset, hash);
            }
            hash = next_hash(hash);
        }
        self.rest.binary_search(&(hash as u32)).is_ok()
    }

    /// Asks the processor for the words of a hash in the first layer.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        let Some(layer) = self.layers.first().filter(|layer| layer.bucket_count > 0) else { return };
        let (bucket, _) = place(first_hash(hash, self.seed), layer.bucket_count);
        let width = usize::from(self.result_bits);
        let from = layer.first_word + bucket * width;
        for word in
            self.solution.get(from..from + 2 * width).unwrap_or_default().iter().step_by(LINE_BYTES / 8)
        {
            prefetch(std::ptr::from_ref(word));
        }
    }

    /// The offset below which a bucket's keys are in the next layer.
    #[inline]
    fn threshold(&self, bucket: usize) -> u32 {
        let codes = self.thresholds.get(bucket / 4).copied().unwrap_or(0);
        THRESHOLDS.get(usize::from(codes >> (bucket % 4 * 2) & 3)).copied().unwrap_or(0)
    }

    #[inline]
    fn is_satisfied(&self, layer: &Layer, bucket: usize, offset: u32, hash: u64) -> bool {
        let width = usize::from(self.result_bits);
        let from = layer.first_word + bucket * width;
        let words = self.solution.get(from..from + 2 * width);
        let Some((here, next)) = words.and_then(|words| words.split_at_checked(width)) else { return true };
        let coefficients = coefficients(hash);
        let mut sums = 0;
        for (bit, (here, next)) in here.iter().zip(next).enumerate() {
            let window = here >> offset | next << 1 << (63 - offset);
            sums |= u16::from(is_odd(window & coefficients)) << bit;
        }
        sums == result(hash, self.result_bits)
    }

    /// Bytes of memory that the filter's parts take.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        // Each part has two counts in front.
        size_of_val(&*self.solution) + size_of_val(&*self.thresholds) + size_of_val(&*self.rest) + 3 * 16
    }
}

/// A number of words or buckets that are in memory, or will be refused.
fn as_index(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
