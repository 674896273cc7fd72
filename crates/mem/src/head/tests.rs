use super::head;

/// The loop that the fast paths must agree with.
fn slow_head(bytes: &[u8]) -> u64 {
    (0..8).fold(0, |head, i| (head << 8) | u64::from(bytes.get(i).copied().unwrap_or(0)))
}

#[test]
fn every_length_agrees_with_the_plain_definition() {
    let bytes: Vec<u8> = (1..=20).map(|i| 255 - i * 7).collect();
    for len in 0..=bytes.len() {
        assert_eq!(head(&bytes[..len]), slow_head(&bytes[..len]), "length {len}");
    }
}

#[test]
fn order_of_heads_never_contradicts_the_order_of_keys() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let mut key = || -> Vec<u8> { (0..random.usize(0..12)).map(|_| random.u8(0..3)).collect() };
        let (a, b) = (key(), key());
        match head(&a).cmp(&head(&b)) {
            std::cmp::Ordering::Equal => {}
            unequal => assert_eq!(unequal, a.cmp(&b), "{a:?} against {b:?}"),
        }
    }
}
