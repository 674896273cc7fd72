use super::KeyCode;

fn of(keys: &[&[u8]]) -> KeyCode {
    KeyCode::of_sample(keys.iter().copied())
}

#[test]
fn no_code_falls_as_keys_rise_whatever_the_sample_was() {
    // INV-MEM-13. Few different bytes and lengths, so that keys leave the sample's alphabet in every way.
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..400 {
        let spread = *random.choice(&[2u8, 5, 40, 255]).unwrap();
        let longest = *random.choice(&[3usize, 9, 30]).unwrap();
        let first = random.u8(0..=255 - spread);
        let mut key = |low: u8, high: u8| -> Vec<u8> {
            let len = random.usize(0..=longest);
            (0..len).map(|_| random.u8(low..=high)).collect()
        };
        let sample: Vec<Vec<u8>> = (0..6).map(|_| key(first, first + spread)).collect();
        let code = KeyCode::of_sample(sample.iter().map(Vec::as_slice));
        let mut keys: Vec<Vec<u8>> = (0..60).map(|_| key(0, 255)).collect();
        keys.extend((0..60).map(|_| key(first, first + spread)));
        keys.extend(sample);
        keys.sort();
        for pair in keys.windows(2) {
            assert!(code.code(&pair[0]) <= code.code(&pair[1]), "{pair:?} under {code:?}");
        }
    }
}

#[test]
fn nineteen_digits_behind_a_shared_prefix_fit() {
    let (low, high) = (b"user00000000000000000000", b"user99999999999999999999");
    let code = of(&[low, high]);
    assert_eq!(code.code(low), 0);
    assert_eq!(code.code(b"user00000000000000000010"), 1);
    assert_eq!(code.code(b"user12345678901234567890"), 1_234_567_890_123_456_789);
    assert_eq!(code.code(b"user12345678901234567899"), 1_234_567_890_123_456_789, "the digit behind is lost");
}

#[test]
fn eight_bytes_of_any_value_are_their_own_code() {
    let code = of(&[&[0; 8], &[255; 8]]);
    assert_eq!(code.code(&[255; 8]), u64::MAX, "and the product of all values, 2^64, overflows nothing");
    assert_eq!(code.code(&0x0123_4567_89ab_cdef_u64.to_be_bytes()), 0x0123_4567_89ab_cdef);
    assert_eq!(code.code(&[1, 2, 3]), 0x0102_0300_0000_0000);
}

#[test]
fn bytes_that_never_differ_take_no_room() {
    let code = of(&[b"tenant/0042/object/00000123", b"tenant/9715/object/99988877"]);
    let codes =
        [b"tenant/0042/object/00000123", b"tenant/0042/object/00000124", b"tenant/0043/object/00000000"]
            .map(|key| code.code(key));
    assert!(codes[0] < codes[1] && codes[1] < codes[2], "{codes:x?}");
}

#[test]
fn keys_out_of_the_alphabet_get_the_ends_of_their_range() {
    let code = of(&[b"kaa", b"kcc"]);
    assert_eq!(code.code(b"j"), 0);
    assert_eq!(code.code(b"l"), u64::MAX);
    assert_eq!(code.code(b"kd"), code.code(b"kcc"), "with the highest key of this prefix");
    assert_eq!(code.code(b"k0"), 0);
    assert!(code.code(b"kbz") >= code.code(b"kbc"));
    assert!(code.code(b"kbz") < code.code(b"kca"));
}

#[test]
fn a_key_that_ends_stands_before_those_that_go_on() {
    let code = of(&[b"a", b"ab", b"ac"]);
    assert!(code.code(b"a") < code.code(b"ab") && code.code(b"ab") < code.code(b"ac"));
}

#[test]
fn one_key_or_none_make_a_flat_code() {
    assert!(KeyCode::of_sample([]).is_flat());
    assert!(of(&[b"same", b"same"]).is_flat());
    assert!(!of(&[b"same", b"sand"]).is_flat());
    assert_eq!(KeyCode::flat().code(b"anything"), 0);
}

#[test]
fn any_bytes_at_all_are_told_apart_by_seven_of_them() {
    let code = of(&[&[0; 12], &[255; 12], &[7]]);
    assert!(code.code(&[1, 2, 3, 4, 5, 6, 7]) < code.code(&[1, 2, 3, 4, 5, 6, 8]));
    assert!(code.code(&[1, 2, 3, 4, 5, 6]) < code.code(&[1, 2, 3, 4, 5, 6, 0]));
}
