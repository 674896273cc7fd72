use super::*;
use crate::test_bytes::{damaged, example};

type Model = Vec<(Vec<u8>, Vec<u8>, Vec<SeqNo>)>;

fn build(model: &Model) -> Slice {
    let mut builder = RangeTombstonesBuilder::new();
    for (start, end, seqnos) in model {
        builder.add(start, end, seqnos);
    }
    let mut out = Vec::new();
    builder.finish(&mut out);
    assert!(builder.is_empty());
    Slice::from(out)
}

fn example_model() -> Model {
    vec![(b"a".to_vec(), b"c".to_vec(), vec![9, 4]), (b"c".to_vec(), b"d".to_vec(), vec![4])]
}

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../range_tombstones.rs"));
    assert_eq!(build(&example_model()), golden.as_slice());
    let decoded = RangeTombstones::decode(&Slice::new(&golden), &KeyOrder::Bytes).unwrap();
    let covering = |key: &[u8], bound| decoded.newest_covering(key, bound, &KeyOrder::Bytes);
    assert_eq!(covering(b"a", u64::MAX), Some(9));
    assert_eq!(covering(b"b", 9), Some(4), "the bound is exclusive");
    assert_eq!(covering(b"b", 4), None);
    assert_eq!(covering(b"c", u64::MAX), Some(4));
    assert_eq!(covering(b"d", u64::MAX), None, "the end is exclusive");
    assert_eq!(covering(b"", u64::MAX), None);
}

#[test]
fn random_fragments_round_trip_and_answer_like_a_list() {
    let mut random = fastrand::Rng::with_seed(41);
    for round in 0..200 {
        let mut cuts: Vec<u16> = (0..2 + round).map(|_| random.u16(..5_000)).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let mut model = Model::new();
        for pair in cuts.windows(2) {
            if random.bool() {
                let mut seqnos: Vec<SeqNo> =
                    (0..random.usize(1..6)).map(|_| random.u64(..=MAX_SEQNO)).collect();
                seqnos.sort_unstable_by(|a, b| b.cmp(a));
                seqnos.dedup();
                model.push((pair[0].to_be_bytes().to_vec(), pair[1].to_be_bytes().to_vec(), seqnos));
            }
        }
        let decoded = RangeTombstones::decode(&build(&model), &KeyOrder::Bytes).unwrap();
        assert_eq!(decoded.fragments().len(), model.len());
        for (fragment, (start, end, seqnos)) in decoded.fragments().iter().zip(&model) {
            assert_eq!((&fragment.start[..], &fragment.end[..]), (&start[..], &end[..]));
            assert_eq!(decoded.seqnos(fragment), seqnos);
        }
        for _ in 0..100 {
            let key = random.u16(..5_000).to_be_bytes();
            let bound = random.u64(..=MAX_SEQNO);
            let covering = model.iter().filter(|(start, end, _)| start[..] <= key[..] && key[..] < end[..]);
            let expected =
                covering.flat_map(|(.., seqnos)| seqnos).copied().filter(|&seqno| seqno < bound).max();
            assert_eq!(decoded.newest_covering(&key, bound, &KeyOrder::Bytes), expected);
        }
    }
}

#[test]
fn disorder_is_refused() {
    let overlapping = vec![(b"a".to_vec(), b"c".to_vec(), vec![1]), (b"b".to_vec(), b"d".to_vec(), vec![1])];
    assert!(RangeTombstones::decode(&build(&overlapping), &KeyOrder::Bytes).is_err());
    let empty = vec![(b"a".to_vec(), b"a".to_vec(), vec![1])];
    assert!(RangeTombstones::decode(&build(&empty), &KeyOrder::Bytes).is_err());
}

/// INV-FMT-1: also counts far beyond the payload.
#[test]
fn damage_is_survived() {
    damaged(&build(&example_model()), |bytes| {
        let _ = RangeTombstones::decode(&Slice::new(bytes), &KeyOrder::Bytes);
    });
    let huge_count = [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    assert!(RangeTombstones::decode(&Slice::new(&huge_count), &KeyOrder::Bytes).is_err());
}
