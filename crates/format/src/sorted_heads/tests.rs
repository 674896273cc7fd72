use super::*;

#[test]
fn search_agrees_with_partition_point() {
    let mut random = fastrand::Rng::with_seed(3);
    for len in (0..40).chain([63, 64, 65, 127, 128, 255, 256, 257, 300, 1000, 1025]) {
        for spread in [3, 20, 2000, u64::MAX] {
            let mut numbers: Vec<u64> = (0..len).map(|_| random.u64(..spread)).collect();
            numbers.sort_unstable();
            let stored: Vec<StoredHead> = numbers.iter().map(|n| n.to_le_bytes()).collect();
            let mut probes: Vec<u64> = (0..20).map(|_| random.u64(..spread)).collect();
            probes.extend([0, u64::MAX]);
            probes.extend(numbers.iter().take(20));
            for wanted in probes {
                let start = numbers.partition_point(|&n| n < wanted);
                let end = numbers.partition_point(|&n| n <= wanted);
                assert_eq!(count_below(&stored, wanted), start);
                assert_eq!(equal_range(&stored, wanted), (start, end));
            }
        }
    }
}

#[test]
fn all_ones_is_a_head_like_any_other() {
    let stored = [[0xff; 8]; 9];
    assert_eq!(equal_range(&stored, u64::MAX), (0, 9));
}
