use super::*;

#[test]
fn matches_agree_with_a_walk() {
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..2_000 {
        // Few values, so that there are many matches, and neighbours that differ in one bit.
        let column: Vec<u8> =
            (0..round % 50).map(|_| *random.choice(&[0, 1, 0x7f, 0x80, 0x81, 0xff]).expect("one")).collect();
        for wanted in [0, 1, 2, 0x7f, 0x80, 0x81, 0xff] {
            let walked: Vec<usize> = (0..column.len()).filter(|&index| column[index] == wanted).collect();
            assert_eq!(matches(&column, wanted).collect::<Vec<_>>(), walked, "{wanted} in {column:?}");
        }
    }
}

fn asks(ties: &[usize]) -> bool {
    let mut counter = TieCounter::default();
    for (head, &len) in ties.iter().enumerate() {
        for _ in 0..len {
            counter.add(head as u64);
        }
    }
    counter.asks_for_fingerprints()
}

/// The bound of the format's text: ties longer than four entries over more than a tenth of the block.
#[test]
fn only_long_ties_ask_for_fingerprints() {
    assert!(!asks(&[1; 50]));
    assert!(!asks(&[4; 12]));
    assert!(asks(&[5; 12]));
    assert!(asks(&[40, 18]));
    let five_in = |others: usize| [vec![5], vec![1; others]].concat();
    assert!(asks(&five_in(44)));
    assert!(!asks(&five_in(45)));
}

/// Bytes on disk: these must not change.
#[test]
fn fingerprints_are_part_of_the_format() {
    assert_eq!(fingerprint(b"tenant/0042/object/00000000/item/000"), 59);
    assert_eq!(fingerprint(b"tenant/0042/object/00000000/item/001"), 176);
    assert_eq!(fingerprint(b""), 0x2d);
}
