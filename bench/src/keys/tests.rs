//! Keys are one to one, of the promised look, and values tell whose they are.

use std::collections::HashSet;

use esker_testkit::workload::keys::KeyShape;

use crate::keys::{Key, Shape, fill_value, tag, tag_of};

#[test]
fn plain_keys_are_those_of_the_test_kit() {
    for number in (0..1_000).chain([u64::MAX, u64::MAX / 3]) {
        assert_eq!(Key::new(Shape::User, number).bytes(), KeyShape::User.key(number));
        assert_eq!(Key::new(Shape::Ordered, number).bytes(), KeyShape::OrderedUser.key(number));
    }
}

#[test]
fn keys_differ_and_missing_ones_are_missing() {
    for shape in [Shape::User, Shape::Ordered, Shape::Grouped(3), Shape::Grouped(40)] {
        let mut seen = HashSet::new();
        for number in 0..20_000 {
            assert!(seen.insert(Key::new(shape, number).bytes().to_vec()));
        }
        for number in 0..20_000 {
            assert!(seen.insert(Key::missing(shape, number).bytes().to_vec()), "{shape:?} {number}");
        }
        assert!(seen.iter().all(|key| key.len() == Key::len_of(shape)));
    }
}

#[test]
fn a_group_ties_in_the_eight_bytes_after_the_shared_prefix() {
    let key = |number| Key::new(Shape::Grouped(10), number).bytes().to_vec();
    assert_eq!(
        String::from_utf8_lossy(&key(641)),
        "tenant/0000/object/".to_owned() + &code(&key(641)) + "/00001"
    );
    assert_eq!(key(40)[..28], key(49)[..28]);
    assert_ne!(key(49)[..28], key(50)[..28]);
}

fn code(key: &[u8]) -> String {
    String::from_utf8_lossy(&key[19..27]).into_owned()
}

#[test]
fn values_of_a_number_share_a_tag_and_nothing_else() {
    let value = |number, version, compressible| {
        let mut value = vec![0; 100];
        fill_value(number, version, compressible, &mut value);
        value
    };
    assert_eq!(tag_of(&value(7, 0, false)), tag(7));
    assert_eq!(tag_of(&value(7, 1, true)), tag(7));
    assert_ne!(tag(7), tag(8));
    assert_ne!(value(7, 0, false)[8..16], value(7, 1, false)[8..16]);
    let compressible = value(7, 0, true);
    assert_eq!(compressible[..50], compressible[50..]);
    assert_ne!(value(7, 0, false)[..50], value(7, 0, false)[50..]);
}
