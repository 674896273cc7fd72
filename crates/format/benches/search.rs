//! What a read pays inside one block, hot and out of DRAM, beside a block of the usual kind.
//!
//! `cargo bench -p esker-format --bench search`
//!
//! * `search/...`: one point lookup in a random block. *hot*: the same block again and again; *cold*: blocks picked at random out of
//!   128 MiB, so that every line comes from memory. `esker` is [`DataBlock::find`]; `restart16` is a block as LevelDB has it:
//!   keys delta-coded by shared length, a restart point every 16 entries, binary search over restarts, then a linear walk; `binary`
//!   is `esker`'s layout with a plain binary search over whole keys.
//! * keys: *fixed* are 24 bytes (`user` and 20 digits), *var* are 8 to 64 bytes under long shared prefixes, in groups of 40.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a benchmark measures known inputs"
)]

#[path = "support/cpu_time.rs"]
mod cpu_time;

use crate::cpu_time::CpuTime;
use criterion::{Criterion, criterion_group, criterion_main};
use esker_format::data_block::DataBlock;
use esker_format::data_block::builder::DataBlockBuilder;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::slice::Slice;
use std::cmp::Ordering;
use std::time::Duration;

const VALUE: [u8; 100] = [b'v'; 100];
const COLD_BYTES: usize = 128 << 20;

type Key = Vec<u8>;

fn fixed_keys(count: u64) -> Vec<Key> {
    let mut keys: Vec<Key> = (0..count)
        .map(|n| format!("user{:020}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).into_bytes())
        .collect();
    keys.sort();
    keys
}

fn var_keys(count: u64) -> Vec<Key> {
    let mut random = fastrand::Rng::with_seed(2);
    let mut keys: Vec<Key> = (0..count)
        .map(|n| {
            let group = n / 40;
            let tail = "x".repeat(random.usize(..24));
            format!("tenant/{:04}/object/{:08}/{:03}{tail}", group % 1000, group, n % 40).into_bytes()
        })
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

/// A block with restart points, as LevelDB has it: the baseline, and nothing else.
mod restart16 {
    use super::{Key, Ordering};

    const INTERVAL: usize = 16;

    pub(super) struct Block {
        bytes: Vec<u8>,
        restarts_at: usize,
        restarts: usize,
    }

    fn put_varint(out: &mut Vec<u8>, mut value: usize) {
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    #[inline]
    fn get_varint(bytes: &[u8], at: &mut usize) -> usize {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[*at];
            *at += 1;
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
            shift += 7;
        }
    }

    impl Block {
        pub(super) fn build(keys: &[Key], value: &[u8]) -> Self {
            let (mut bytes, mut restarts) = (Vec::new(), Vec::new());
            for (index, key) in keys.iter().enumerate() {
                let shared = if index % INTERVAL == 0 {
                    restarts.push(bytes.len() as u32);
                    0
                } else {
                    key.iter().zip(&keys[index - 1]).take_while(|(a, b)| a == b).count()
                };
                put_varint(&mut bytes, shared);
                // Key and eight bytes of seqno and kind, as LevelDB has them.
                put_varint(&mut bytes, key.len() - shared + 8);
                put_varint(&mut bytes, value.len());
                bytes.extend_from_slice(&key[shared..]);
                bytes.extend_from_slice(&[0; 8]);
                bytes.extend_from_slice(value);
            }
            let restarts_at = bytes.len();
            for restart in &restarts {
                bytes.extend_from_slice(&restart.to_le_bytes());
            }
            bytes.shrink_to_fit();
            Self { bytes, restarts_at, restarts: restarts.len() }
        }

        pub(super) fn len(&self) -> usize {
            self.bytes.len()
        }

        fn restart(&self, index: usize) -> usize {
            let at = self.restarts_at + 4 * index;
            u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap()) as usize
        }

        pub(super) fn find(&self, wanted: &[u8], key: &mut Vec<u8>) -> Option<&[u8]> {
            let (mut low, mut high) = (0, self.restarts);
            while high - low > 1 {
                let middle = low.midpoint(high);
                let mut at = self.restart(middle);
                get_varint(&self.bytes, &mut at);
                let len = get_varint(&self.bytes, &mut at) - 8;
                get_varint(&self.bytes, &mut at);
                if &self.bytes[at..at + len] <= wanted {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            let mut at = self.restart(low);
            key.clear();
            while at < self.restarts_at {
                let shared = get_varint(&self.bytes, &mut at);
                let rest = get_varint(&self.bytes, &mut at) - 8;
                let value_len = get_varint(&self.bytes, &mut at);
                key.truncate(shared);
                key.extend_from_slice(&self.bytes[at..at + rest]);
                at += rest + 8;
                let value = &self.bytes[at..at + value_len];
                at += value_len;
                match key.as_slice().cmp(wanted) {
                    Ordering::Less => {}
                    Ordering::Equal => return Some(value),
                    Ordering::Greater => return None,
                }
            }
            None
        }
    }
}

/// Blocks of about `block_bytes`, and for each the keys in it.
fn cut(keys: &[Key], block_bytes: usize) -> (Vec<DataBlock>, Vec<Vec<Key>>) {
    let (mut blocks, mut groups, mut group) = (Vec::new(), Vec::new(), Vec::new());
    let mut builder = DataBlockBuilder::new(true);
    for key in keys {
        builder.add(key, 7 + group.len() as u64, Kind::Put, &VALUE);
        group.push(key.clone());
        if builder.size_estimate() >= block_bytes {
            let mut payload = Vec::new();
            builder.finish(&mut payload);
            blocks.push(DataBlock::decode(Slice::from(payload)).unwrap());
            groups.push(std::mem::take(&mut group));
        }
    }
    (blocks, groups)
}

fn searches(c: &mut Criterion<CpuTime>) {
    for (name, make) in [("fixed", fixed_keys as fn(u64) -> Vec<Key>), ("var", var_keys)] {
        let keys = make((COLD_BYTES / 130) as u64);
        for kib in [4, 8, 16] {
            let (blocks, groups) = cut(&keys, kib << 10);
            let restarts: Vec<_> =
                groups.iter().map(|group| restart16::Block::build(group, &VALUE)).collect();
            let entries: usize = groups.iter().map(Vec::len).sum();
            let of_esker: usize =
                blocks.iter().map(|block| block.memory_bytes() - size_of::<DataBlock>()).sum();
            let of_restarts: usize = restarts.iter().map(restart16::Block::len).sum();
            println!(
                "size/{name}/{kib}KiB: {:.1} bytes an entry, restart16 {:.1}",
                of_esker as f64 / entries as f64,
                of_restarts as f64 / entries as f64
            );
            for (place, spread) in [("hot", 1), ("cold", blocks.len())] {
                let mut group = c.benchmark_group(format!("search/{name}/{kib}KiB/{place}"));
                let mut random = fastrand::Rng::with_seed(3);
                // The probes are drawn beforehand and walked in order: their own misses are prefetched.
                let probes: Vec<(u32, Key)> = (0..1 << 15)
                    .map(|_| {
                        let block = random.usize(..spread);
                        (block as u32, groups[block][random.usize(..groups[block].len())].clone())
                    })
                    .collect();
                let mut next = 0;
                let mut probe = || {
                    next = (next + 1) & 0x7fff;
                    (probes[next].0 as usize, probes[next].1.as_slice())
                };
                group.bench_function("esker", |b| {
                    b.iter(|| {
                        let (block, key) = probe();
                        let block = &blocks[block];
                        block.find(key, u64::MAX, &KeyOrder::Bytes).map(|index| block.value(index)[0])
                    });
                });
                group.bench_function("binary", |b| {
                    let mut assembled = Vec::new();
                    b.iter(|| {
                        let (block, key) = probe();
                        let block = &blocks[block];
                        let (mut low, mut high) = (0, block.len());
                        while low < high {
                            let middle = low.midpoint(high);
                            block.key_into(middle, &mut assembled);
                            if assembled.as_slice() < key { low = middle + 1 } else { high = middle }
                        }
                        block.value(low)[0]
                    });
                });
                group.bench_function("restart16", |b| {
                    let mut assembled = Vec::new();
                    b.iter(|| {
                        let (block, key) = probe();
                        restarts[block].find(key, &mut assembled).map(|value| value[0])
                    });
                });
                group.finish();
            }
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime).sample_size(10).warm_up_time(Duration::from_millis(150)).measurement_time(Duration::from_millis(400));
    targets = searches
}
criterion_main!(benches);
