//! Builds a bumped ribbon filter: solves one layer after the other and writes the payload.
//!
//! A layer takes its keys in the order of their places, bucket by bucket from the left, and inside a bucket from the right:
//!
//! 1. Each key is a row of a banded system of equations over one bit. It is reduced by the rows that are there already until its
//!    first slot is free, and stored there (Gaussian elimination as rows come in).
//! 2. A row that reduces to a contradiction does not fit. Then the bucket gives up a prefix of its offsets, the shortest that
//!    its two bits can express: those rows are taken out again, and their keys go to the next layer. Rows to the left are
//!    given up because the rows of the bucket before reach over them.
//! 3. After the last bucket the system is solved from the last slot to the first, 64 solutions of one bit to a word.
//!
//! There are a few more keys than slots on purpose: nearly every slot is used, and about one key in forty moves on. After four
//! layers, or when hardly a key is left, the rest is listed. So building cannot fail; should hashes conspire to fill few
//! buckets, another seed is tried, and the smallest outcome is taken.
//!
//! Memory: 16 bytes a slot, nine a key and the payload twice, beside the hashes themselves. Time: about 100 ns a key.

use super::equation::{THRESHOLDS, WIDTH, coefficients, first_hash, is_odd, next_hash, place, result};
use super::layout::{KIND_BURR, MAX_LAYERS, MAX_RESULT_BITS, MIN_RESULT_BITS, TAIL_BYTES};

/// Slots for a thousand keys of a layer.
const SLOTS_PER_1000_KEYS: usize = 970;
/// How many seeds are tried.
const SEEDS: u8 = 8;

/// Gathers hashes and lays down a filter for exactly these.
#[derive(Debug)]
pub struct BurrBuilder {
    result_bits: u8,
    hashes: Vec<u64>,
}

impl BurrBuilder {
    /// A builder of filters that let through one in 2^`result_bits` absent keys; brought into 1..=16.
    #[must_use]
    pub fn new(result_bits: u8) -> Self {
        Self { result_bits: result_bits.clamp(MIN_RESULT_BITS, MAX_RESULT_BITS), hashes: Vec::new() }
    }

    /// Adds the hash of a key or a prefix. A hash that repeats the last one (another version of the key) counts once.
    #[inline]
    pub fn add_hash(&mut self, hash: u64) {
        if self.hashes.last() != Some(&hash) {
            self.hashes.push(hash);
        }
    }

    /// Hashes added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether no hash was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Appends the payload to `out` and begins the next filter. Never fails.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let hashes = std::mem::take(&mut self.hashes);
        let usual = usual_bytes(hashes.len(), self.result_bits);
        let mut best: Option<Solved> = None;
        for seed in 0..SEEDS {
            let solved = Solved::new(&hashes, seed, self.result_bits);
            if best.as_ref().is_none_or(|best| solved.payload_bytes() < best.payload_bytes()) {
                best = Some(solved);
            }
            if best.as_ref().is_some_and(|best| best.payload_bytes() <= usual) {
                break;
            }
        }
        if let Some(best) = best {
            best.write(out);
        }
    }
}

/// What a payload takes unless the hashes conspire: 1.1 times the bits that are needed, and the smallest layers.
fn usual_bytes(keys: usize, result_bits: u8) -> usize {
    let result_bits = usize::from(result_bits);
    keys * (result_bits * 11 + 1) / 80 + 2 * MAX_LAYERS * 2 * WIDTH / 8 * result_bits
}

/// All layers of a filter.
struct Solved {
    result_bits: u8,
    seed: u8,
    bucket_counts: [u32; MAX_LAYERS],
    solution: Vec<u64>,
    /// A code for each bucket of each layer.
    codes: Vec<u8>,
    rest: Vec<u32>,
}

impl Solved {
    #[allow(clippy::cast_possible_truncation, reason = "the rest keeps the low half of its hashes")]
    fn new(hashes: &[u64], seed: u8, result_bits: u8) -> Self {
        let mut solved = Self {
            result_bits,
            seed,
            bucket_counts: [0; MAX_LAYERS],
            solution: Vec::new(),
            codes: Vec::new(),
            rest: Vec::new(),
        };
        let mut keys: Vec<u64> = hashes.iter().map(|&hash| first_hash(hash, seed)).collect();
        for layer in 0..MAX_LAYERS {
            // The smallest layer is 128 slots: less in the list.
            if keys.len() <= 4 * usize::from(result_bits) {
                break;
            }
            let bucket_count = bucket_count(keys.len());
            if let Some(count) = solved.bucket_counts.get_mut(layer) {
                *count = bucket_count;
            }
            keys.sort_unstable();
            let mut rows = Rows::new(bucket_count, result_bits);
            let bumped = rows.take(&keys, &mut solved.codes);
            rows.solve(&mut solved.solution);
            keys = bumped.into_iter().map(next_hash).collect();
        }
        solved.rest = keys.iter().map(|&hash| hash as u32).collect();
        solved.rest.sort_unstable();
        solved.rest.dedup();
        solved
    }

    fn payload_bytes(&self) -> usize {
        self.solution.len() * 8 + self.codes.len().div_ceil(4) + self.rest.len() * 4
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.payload_bytes() + TAIL_BYTES);
        self.solution.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        out.extend(
            self.codes.chunks(4).map(|codes| codes.iter().rev().fold(0, |byte, code| byte << 2 | code)),
        );
        self.rest.iter().for_each(|hash| out.extend_from_slice(&hash.to_le_bytes()));
        self.bucket_counts.iter().for_each(|count| out.extend_from_slice(&count.to_le_bytes()));
        let rest_count = u32::try_from(self.rest.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&rest_count.to_le_bytes());
        out.extend_from_slice(&[self.result_bits, self.seed, 0, KIND_BURR]);
    }
}

/// Buckets in which an equation may begin: one less than there are blocks of slots, so that the last has room to its right.
fn bucket_count(keys: usize) -> u32 {
    let blocks = (keys.saturating_mul(SLOTS_PER_1000_KEYS) + 500 * WIDTH) / (1000 * WIDTH);
    u32::try_from(blocks.saturating_sub(1)).unwrap_or(u32::MAX).max(1)
}

/// An equation: bit `i` of the coefficients is the slot `i` after its own. Without coefficients the slot is free.
#[derive(Clone, Copy, Default)]
struct Row {
    coefficients: u64,
    result: u16,
}

/// What became of a row.
enum Placed {
    At(usize),
    /// It says what other rows say already.
    Implied,
    Contradiction,
}

/// The system of one layer, in the form of steps: the row at a slot begins there.
struct Rows {
    bucket_count: u32,
    result_bits: u8,
    rows: Vec<Row>,
}

impl Rows {
    fn new(bucket_count: u32, result_bits: u8) -> Self {
        let slots = (bucket_count as usize + 1) * WIDTH;
        Self { bucket_count, result_bits, rows: vec![Row::default(); slots] }
    }

    /// Takes `sorted` keys as far as they fit; appends the code of each bucket, and returns the keys that do not fit.
    fn take(&mut self, sorted: &[u64], codes: &mut Vec<u8>) -> Vec<u64> {
        let mut bumped = Vec::with_capacity(sorted.len() / 16);
        let mut taken = Vec::with_capacity(2 * WIDTH);
        let mut rest = sorted;
        for bucket in 0..self.bucket_count as usize {
            let len = rest.iter().take_while(|&&hash| place(hash, self.bucket_count).0 <= bucket).count();
            let (keys, after) = rest.split_at_checked(len).unwrap_or((rest, &[]));
            rest = after;
            codes.push(self.take_bucket(bucket, keys, &mut taken, &mut bumped));
        }
        bumped
    }

    /// Takes the keys of one bucket; returns its code.
    fn take_bucket(
        &mut self,
        bucket: usize,
        keys: &[u64],
        taken: &mut Vec<(u32, Option<usize>)>,
        bumped: &mut Vec<u64>,
    ) -> u8 {
        taken.clear();
        for &hash in keys.iter().rev() {
            let (_, offset) = place(hash, self.bucket_count);
            let row = Row { coefficients: coefficients(hash), result: result(hash, self.result_bits) };
            match self.insert(bucket * WIDTH + offset as usize, row) {
                Placed::At(slot) => taken.push((offset, Some(slot))),
                Placed::Implied => taken.push((offset, None)),
                Placed::Contradiction => {
                    let (code, threshold) = code_above(offset);
                    // Rows that came later were reduced by these at most, and go with them.
                    while let Some((_, slot)) = taken.pop_if(|(offset, _)| *offset < threshold) {
                        if let Some(row) = slot.and_then(|slot| self.rows.get_mut(slot)) {
                            *row = Row::default();
                        }
                    }
                    let below = |hash: &&u64| place(**hash, self.bucket_count).1 < threshold;
                    bumped.extend(keys.iter().take_while(below));
                    return code;
                }
            }
        }
        0
    }

    /// Reduces `row`, which begins at `slot`, by the rows that are there, and stores it at the first free slot it comes to.
    #[inline]
    fn insert(&mut self, mut slot: usize, mut row: Row) -> Placed {
        // Rows reach no further than the last slot, and so do sums of rows.
        while let Some(there) = self.rows.get_mut(slot) {
            if there.coefficients == 0 {
                *there = row;
                return Placed::At(slot);
            }
            row.coefficients ^= there.coefficients;
            row.result ^= there.result;
            if row.coefficients == 0 {
                return if row.result == 0 { Placed::Implied } else { Placed::Contradiction };
            }
            let shift = row.coefficients.trailing_zeros();
            row.coefficients >>= shift;
            slot += shift as usize;
        }
        Placed::Contradiction
    }

    /// Solves the system from its end, and appends the solution: for each 64 slots a word for each bit of the results.
    fn solve(&self, solution: &mut Vec<u64>) {
        let width = usize::from(self.result_bits);
        let first = solution.len();
        solution.resize(first + self.rows.len() / WIDTH * width, 0);
        let mut windows = [0u64; MAX_RESULT_BITS as usize];
        let blocks = solution.get_mut(first..).unwrap_or_default().chunks_exact_mut(width);
        for (block, rows) in blocks.rev().zip(self.rows.rchunks_exact(WIDTH)) {
            for row in rows.iter().rev() {
                for (bit, window) in windows.iter_mut().take(width).enumerate() {
                    // Bit `i` of the window is the solution `i` slots after this one, which is not known yet: 0.
                    *window <<= 1;
                    let sum = is_odd(*window & row.coefficients);
                    *window |= u64::from(sum ^ (row.result >> bit & 1 == 1));
                }
            }
            for (word, window) in block.iter_mut().zip(&windows) {
                *word = *window;
            }
        }
    }
}

/// The code of the lowest threshold above `offset`, and the threshold.
fn code_above(offset: u32) -> (u8, u32) {
    let above = (0u8..).zip(THRESHOLDS).find(|(_, threshold)| *threshold > offset);
    above.unwrap_or((3, u32::MAX))
}
