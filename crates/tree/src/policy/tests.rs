use super::*;

fn rate(bits: f64) -> f64 {
    (-bits / 2.081_368_981).exp()
}

const KEYS: [f64; 4] = [1.0, 10.0, 100.0, 1000.0];

fn memory(bits: [f64; 4]) -> f64 {
    bits.iter().zip(KEYS).map(|(bits, keys)| bits * keys).sum()
}

/// The memory that was asked for, no more, and rates that grow with the level: so their sum is less than a uniform share's.
#[test]
fn monkey_takes_the_same_memory_and_lets_fewer_through() {
    for mean in [3.0f32, 5.0, 10.0, 16.0] {
        let bits = monkey_bits(mean, KEYS).map(f64::from);
        let mean = f64::from(mean);
        assert!((memory(bits) / (mean * 1111.0) - 1.0).abs() < 1e-5, "{bits:?}");
        for pair in bits.windows(2) {
            assert!((rate(pair[1]) / rate(pair[0]) - 10.0).abs() < 0.01, "{bits:?}");
        }
        let sum: f64 = bits.iter().map(|bits| rate(*bits)).sum();
        assert!(sum < 4.0 * rate(mean) / 2.0, "{sum} against {}", 4.0 * rate(mean));
    }
}

/// The optimum: moving bits between any two levels, at the same memory, lets more through.
#[test]
fn no_other_share_is_better_than_monkeys() {
    let best = monkey_bits(8.0, KEYS).map(f64::from);
    let sum = |bits: [f64; 4]| bits.iter().map(|bits| rate(*bits)).sum::<f64>();
    for (from, to) in [(0, 1), (1, 0), (1, 2), (2, 3), (3, 2), (3, 0), (0, 3)] {
        let mut other = best;
        let unit = KEYS[from].min(KEYS[to]);
        other[from] -= 0.5 * unit / KEYS[from];
        other[to] += 0.5 * unit / KEYS[to];
        assert!((memory(other) - memory(best)).abs() < 0.1, "the same memory");
        assert!(sum(other) > sum(best), "bits from level {from} to {to}");
    }
}

#[test]
fn where_bits_are_few_the_largest_levels_go_without() {
    let bits = monkey_bits(0.5, KEYS).map(f64::from);
    assert_eq!(bits[3], 0.0);
    assert!(bits[2] >= 1.0 && bits[1] > bits[2] && bits[0] > bits[1], "{bits:?}");
    assert!((memory(bits) - 0.5 * 1111.0).abs() < 0.1, "{bits:?}");
    assert_eq!(monkey_bits(0.0, KEYS), [0.0; 4]);
    assert_eq!(monkey_bits(f32::NAN, [1.0]).len(), 1, "and it ends");
}

#[test]
fn monkeys_policy_has_fewer_bits_below() {
    let bits = |level: usize| match *FilterPolicy::monkey(10.0).get(level) {
        FilterPolicyEntry::Bloom { bits_per_key } => bits_per_key,
        other => panic!("{other:?}"),
    };
    assert!(bits(6) > 9.3 && bits(6) < 10.0, "{}", bits(6));
    assert!((bits(5) - bits(6) - 4.79).abs() < 0.01, "{}", bits(5));
    assert_eq!((bits(0), bits(4), bits(9)), (16.0, 16.0, bits(6)));
}

#[test]
fn entries_build_what_they_say() {
    let kind = |entry: FilterPolicyEntry| entry.builder().map(|builder| builder.kind_id());
    assert_eq!(kind(FilterPolicyEntry::None), None);
    assert_eq!(kind(FilterPolicyEntry::Bloom { bits_per_key: 0.0 }), None);
    assert_eq!(kind(FilterPolicyEntry::Bloom { bits_per_key: f32::NAN }), None);
    assert_eq!(kind(FilterPolicyEntry::Bloom { bits_per_key: 10.0 }), Some(1));
    assert_eq!(kind(FilterPolicyEntry::Burr { false_positive_rate: 0.01 }), Some(2));
    let rates = [1.0, 0.5, 0.01, 1.0 / 128.0, 0.007, 0.0, -1.0, f64::NAN];
    assert_eq!(rates.map(result_bits)[..6], [1, 1, 7, 7, 8, 16]);
    assert!(rates.map(result_bits)[6..].iter().all(|bits| *bits <= 16));
}
