use super::{FEW_ENTRIES, MOST_BUCKETS, sorted};
use crate::sorted_memtable::entry::{Entry, entry, in_section};

/// Cuts `entries` into stretches and compares with the library's sort.
fn check(entries: &[Entry], stretches: usize) {
    let cut: Vec<&[Entry]> = entries.chunks((entries.len() / stretches).max(1)).collect();
    let changed = cut.iter().enumerate();
    let mut expected: Vec<Entry> = changed
        .flat_map(|(index, stretch)| stretch.iter().map(move |&entry| in_section(entry, index)))
        .collect();
    expected.sort_unstable();
    assert!(sorted(&cut, |index, entry| in_section(entry, index)) == expected, "{} entries", entries.len());
}

#[test]
fn any_spread_of_codes_comes_out_as_the_library_sorts_it() {
    let mut random = fastrand::Rng::with_seed(5);
    for count in [0, 1, 2, FEW_ENTRIES - 1, FEW_ENTRIES, 1000, MOST_BUCKETS * 9] {
        for spread in [1, 2, 63, 64] {
            let mut code = || match spread {
                1 => 7,
                64 if random.bool() => [0, u64::MAX][random.usize(0..2)],
                bits => random.u64(..) >> (64 - bits),
            };
            let codes: Vec<u64> = (0..count).map(|_| code()).collect();
            let entries: Vec<Entry> =
                (0..).zip(codes).map(|(place, code)| entry(code, !place & 0xffff_ffff_ffff)).collect();
            check(&entries, 1);
            check(&entries, 7);
        }
    }
}

#[test]
fn one_far_code_leaves_all_others_in_one_bucket() {
    let mut codes: Vec<u64> = (0..5000).map(|place| place * 7919 % 5003).collect();
    codes.push(u64::MAX);
    let entries: Vec<Entry> = (0..).zip(codes).map(|(place, code)| entry(code, place)).collect();
    check(&entries, 3);
}
