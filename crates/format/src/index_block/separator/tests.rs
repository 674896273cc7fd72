use super::*;

fn all_keys() -> Vec<Vec<u8>> {
    let alphabet = [0u8, 1, 2, 0xfe, 0xff];
    let mut keys = vec![vec![]];
    let mut longest = keys.clone();
    for _ in 0..3 {
        longest = longest
            .iter()
            .flat_map(|key| alphabet.iter().map(move |&byte| [key.as_slice(), &[byte]].concat()))
            .collect();
        keys.extend(longest.clone());
    }
    keys.sort();
    keys
}

/// Every pair of keys over a small alphabet with both ends of a byte's range.
#[test]
fn separators_separate_and_are_not_longer() {
    let keys = all_keys();
    let mut out = Vec::new();
    for (index, a) in keys.iter().enumerate() {
        for b in &keys[index + 1..] {
            shortest_separator(a, b, &KeyOrder::Bytes, &mut out);
            assert!(a <= &out && &out < b, "{a:?} {out:?} {b:?}");
            assert!(out.len() <= a.len());
        }
        shortest_separator(a, a, &KeyOrder::Bytes, &mut out);
        assert_eq!(&out, a, "the same key in both blocks");
        shortest_successor(a, &KeyOrder::Bytes, &mut out);
        assert!(&out >= a && out.len() <= a.len());
    }
    shortest_successor(&[0xff, 0xff], &KeyOrder::Bytes, &mut out);
    assert_eq!(out, [0xff, 0xff]);
}
