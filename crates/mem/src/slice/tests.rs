use super::{INLINE_MAX, Slice};
use std::collections::{BTreeMap, HashMap};

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

#[test]
fn is_thirty_two_bytes_and_option_costs_nothing() {
    assert_eq!(size_of::<Slice>(), 32);
    assert_eq!(size_of::<Option<Slice>>(), 32);
}

#[test]
fn every_constructor_keeps_the_bytes() {
    for len in [0, 1, INLINE_MAX - 1, INLINE_MAX, INLINE_MAX + 1, 100, 70_000] {
        let plain = bytes(len);
        for slice in
            [Slice::new(&plain), Slice::from(plain.clone()), Slice::from(plain.clone().into_boxed_slice())]
        {
            assert_eq!(slice.as_bytes(), plain.as_slice());
            assert_eq!(slice.clone(), slice);
            assert_eq!(slice.detach(), slice);
            assert_eq!(slice.heap_bytes() == 0, len <= INLINE_MAX);
        }
    }
    assert_eq!(Slice::from("text"), b"text");
    assert_eq!(Slice::from(String::from("text")), b"text");
    assert_eq!(Slice::from(*b"text"), b"text");
    assert!(Slice::default().is_empty());
}

#[test]
fn a_room_gives_its_first_bytes_and_never_more_than_it_has() {
    let room = *b"0123456789abcdefghijklmnopqrst";
    for len in 0..INLINE_MAX + 3 {
        let slice = Slice::from_room(&room, len);
        assert_eq!(slice.as_bytes(), &room[..len.min(INLINE_MAX)]);
        assert_eq!(slice, Slice::new(&room[..len.min(INLINE_MAX)]), "what lies behind does not count");
    }
}

#[test]
fn taking_a_vector_over_does_not_copy_it() {
    let mut plain = Vec::with_capacity(5_000);
    plain.extend_from_slice(&bytes(4_096));
    let address = plain.as_ptr();
    let slice = Slice::from(plain);
    assert_eq!(slice.as_bytes().as_ptr(), address);
    assert!(slice.heap_bytes() >= 5_000);
}

/// INV-MEM-1.
#[test]
fn parts_share_the_owner_and_outlive_the_whole() {
    for whole in [Slice::new(&bytes(1_000)), Slice::from(bytes(1_000))] {
        let address = whole.as_bytes().as_ptr();
        let part = whole.slice(100..300);
        let deeper = part.slice(50..=149);
        drop((whole, part));
        assert_eq!(deeper.as_bytes(), &bytes(1_000)[150..250]);
        assert_eq!(deeper.as_bytes().as_ptr(), address.wrapping_add(150));
        assert!(deeper.heap_bytes() >= 1_000);
        assert!(deeper.detach().heap_bytes() < 200);
        assert_eq!(deeper.slice(10..12).heap_bytes(), 0);
    }
}

/// INV-MEM-1: also where the whole is given up for the part.
#[test]
fn a_whole_can_become_its_part() {
    for whole in [Slice::new(&bytes(1_000)), Slice::from(bytes(1_000))] {
        let address = whole.as_bytes().as_ptr();
        let kept = whole.clone();
        let deeper = whole.into_part(100..300).unwrap().into_part(50..=149).unwrap();
        assert_eq!(
            (deeper.as_bytes(), deeper.as_bytes().as_ptr()),
            (&bytes(1_000)[150..250], address.wrapping_add(150))
        );
        drop(kept);
        assert_eq!(deeper.as_bytes(), &bytes(1_000)[150..250]);
        assert_eq!(deeper.clone().into_part(10..12).unwrap().heap_bytes(), 0);
        assert!(deeper.into_part(90..101).is_none());
    }
    assert_eq!(Slice::new(b"inline").into_part(2..4).unwrap(), b"li");
}

#[test]
fn a_range_out_of_bounds_is_none_and_never_memory_of_others() {
    for len in [0, 5, INLINE_MAX, 64] {
        let slice = Slice::from(bytes(len));
        assert!(slice.get(..len + 1).is_none());
        assert!(slice.get(len + 1..).is_none());
        assert!(slice.get(0..=usize::MAX).is_none());
        #[allow(clippy::reversed_empty_ranges, reason = "the range under test is reversed on purpose")]
        {
            assert!(slice.get(2..1).is_none());
        }
        assert_eq!(slice.get(len..).unwrap(), b"");
        assert_eq!(slice.get(..).unwrap(), slice);
    }
}

#[test]
#[should_panic(expected = "out of bounds")]
fn slicing_out_of_bounds_panics_like_an_index() {
    let _ = Slice::new(b"abc").slice(1..5);
}

#[test]
fn compares_and_hashes_as_its_bytes() {
    let mut sorted = BTreeMap::new();
    let mut hashed = HashMap::new();
    for len in [40, 0, 3, 31, 30] {
        sorted.insert(Slice::from(bytes(len)), len);
        hashed.insert(Slice::new(&bytes(len)), len);
    }
    assert_eq!(sorted.get(bytes(31).as_slice()), Some(&31));
    assert_eq!(hashed.get(bytes(40).as_slice()), Some(&40));
    assert_eq!(sorted.values().copied().collect::<Vec<_>>(), [0, 3, 30, 31, 40]);
    assert_eq!(format!("{:?}", Slice::from("a\n\"\u{e9}")), r#"b"a\n\"\xc3\xa9""#);
}

#[test]
fn clones_travel_between_threads() {
    let slice = Slice::from(bytes(10_000));
    let threads: Vec<_> = (0..4)
        .map(|i| {
            let mine = slice.slice(i * 100..i * 100 + 1_000);
            std::thread::spawn(move || mine.as_bytes() == &bytes(10_000)[i * 100..i * 100 + 1_000])
        })
        .collect();
    drop(slice);
    for thread in threads {
        assert!(thread.join().unwrap());
    }
}
