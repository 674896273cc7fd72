use super::{Assembly, PORTION_ENTRIES};
use crate::comparator::KeyOrder;
use crate::kind::Kind;
use crate::sorted_memtable::entry::code_of;
use crate::sorted_memtable::key_code::KeyCode;
use crate::sorted_memtable::section::Section;
use std::sync::Arc;

fn assembly(keys: impl Iterator<Item = u64> + Clone, sections: usize, sample: usize) -> Assembly {
    let sampled: Vec<[u8; 8]> = keys.clone().take(sample).map(u64::to_be_bytes).collect();
    let code = Arc::new(KeyCode::of_sample(sampled.iter().map(<[u8; 8]>::as_slice)));
    let mut made: Vec<Section> = (0..sections).map(|_| Section::new(Arc::clone(&code))).collect();
    for (seqno, key) in (0..).zip(keys) {
        let section = usize::try_from(seqno).unwrap() % sections;
        made[section].add(&key.to_be_bytes(), seqno, Kind::Put, b"").unwrap();
    }
    for section in &mut made {
        section.sort(&KeyOrder::Bytes);
    }
    Assembly::new(KeyOrder::Bytes, code, made)
}

#[test]
fn cuts_are_even_and_never_part_equal_codes() {
    // INV-MEM-14
    let entries = PORTION_ENTRIES * 5;
    let mut random = fastrand::Rng::with_seed(3);
    let keys: Vec<u64> = (0..entries).map(|_| random.u64(0..40_000)).collect();
    let assembly = assembly(keys.iter().copied(), 7, 1000);
    let portions: Vec<_> = (0..assembly.portions()).map(|i| assembly.sort_portion(i)).collect();
    assert!(portions.len() >= 4, "{}", portions.len());
    for portion in &portions {
        assert!(portion.entries.len() < PORTION_ENTRIES * 2, "{portion:?}");
    }
    for pair in portions.windows(2) {
        let (last, first) = (pair[0].entries.last().unwrap(), pair[1].entries.first().unwrap());
        assert!(code_of(*last) < code_of(*first));
    }
    assert_eq!(portions.iter().map(|portion| portion.entries.len()).sum::<usize>(), entries);
}

#[test]
fn one_code_for_everything_makes_one_portion() {
    let assembly = assembly((0..PORTION_ENTRIES as u64 * 3).rev(), 2, 1);
    assert_eq!(assembly.portions(), 1, "equal codes are not cut apart");
    let memtable = Arc::new(assembly.build());
    let mut cursor = memtable.cursor();
    cursor.seek_to_first();
    for key in 0..PORTION_ENTRIES as u64 * 3 {
        assert_eq!(cursor.key(), key.to_be_bytes(), "settled by codes made for the ties");
        cursor.next();
    }
    assert!(!cursor.valid());
}
