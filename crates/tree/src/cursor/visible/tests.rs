//! The visible cursor against a map: INV-READ-1, INV-MERGE-1.

use std::collections::BTreeMap;
use std::sync::Arc;

use esker_env::random::{Random, SeededRandom};
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use super::VisibleCursor;
use crate::cursor::merge::{MergeCursor, Reach};
use crate::cursor::test_source::{TestEntry, VecCursor};
use crate::merge_operator::SharedMergeOperator;
use crate::merge_operator::ready_made::AppendOperator;

fn random_entries(random: &SeededRandom, keys: u64, kinds: u64) -> Vec<TestEntry> {
    (0..random.next_u64() % 40)
        .map(|seqno| {
            let key = format!("key{}", random.next_u64() % keys).into_bytes();
            let kind = match random.next_u64() % kinds {
                0 => Kind::Delete,
                1 => Kind::SingleDelete,
                2 => Kind::Merge,
                _ => Kind::Put,
            };
            (key, seqno, kind)
        })
        .collect()
}

/// What a reader at `bound` sees.
fn live(entries: &[TestEntry], bound: SeqNo) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut visible: Vec<&TestEntry> = entries.iter().filter(|entry| entry.1 < bound).collect();
    visible.sort_by_key(|entry| entry.1);
    let mut values: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    for (key, seqno, kind) in visible {
        match (kind, values.get_mut(key)) {
            (Kind::Delete | Kind::SingleDelete, _) => drop(values.remove(key)),
            (Kind::Merge, Some(value)) => value.push_str(&format!("+{seqno}")),
            _ => drop(values.insert(key.clone(), seqno.to_string())),
        }
    }
    values.into_iter().map(|(key, value)| (key, value.into_bytes())).collect()
}

fn operator() -> Option<SharedMergeOperator> {
    Some(Arc::new(AppendOperator::new("+")))
}

#[test]
fn shows_the_newest_visible_version_of_each_live_key_in_any_direction() {
    for seed in 0..400 {
        let random = SeededRandom::new(seed);
        let entries = random_entries(&random, 9, 5);
        let bound = random.next_u64() % 45;
        let expected = live(&entries, bound);
        let source = VecCursor::new(entries, &KeyOrder::Bytes);
        let mut cursor = VisibleCursor::new(source, KeyOrder::Bytes, bound).folding(operator());
        let mut at: Option<usize> = None;
        for _ in 0..60 {
            let key = format!("key{}", random.next_u64() % 11).into_bytes();
            match (random.next_u64() % 8, at) {
                (0, _) => {
                    cursor.seek_to_first().unwrap();
                    at = Some(0);
                }
                (1, _) => {
                    cursor.seek_to_last().unwrap();
                    at = expected.len().checked_sub(1);
                }
                (2, _) => {
                    cursor.seek(&key).unwrap();
                    at = Some(expected.partition_point(|e| e.0 < key));
                }
                (3, _) => {
                    cursor.seek_for_prev(&key).unwrap();
                    at = expected.partition_point(|e| e.0 <= key).checked_sub(1);
                }
                (4 | 5, Some(i)) => {
                    cursor.next().unwrap();
                    at = Some(i + 1);
                }
                (6 | 7, Some(i)) => {
                    cursor.prev().unwrap();
                    at = i.checked_sub(1);
                }
                _ => continue,
            }
            at = at.filter(|&i| i < expected.len());
            let shown = cursor.valid().then(|| (cursor.key().to_vec(), cursor.value_slice().to_vec()));
            assert_eq!(shown, at.map(|i| expected[i].clone()), "seed {seed}, bound {bound}");
        }
    }
}

/// INV-READ-3: over merged sources, with a reach whose ends lie anywhere: a step that glides leads where the slow one leads,
/// and never beyond the reach. Beyond it a walk may end at any deleted key.
#[test]
fn gliding_shows_what_stepping_shows_and_ends_before_the_reach() {
    let glided: u64 = (0..1500).map(|seed| walk(seed, None).unwrap()).sum();
    assert!(glided > 2000, "{glided}: too little was tried");
}

/// INV-READ-3, the other way round: sources whose glides pass the nearest rival, or the end of the reach, are found out.
#[test]
fn a_glide_past_a_rival_or_past_the_reach_is_noticed() {
    for limit in [0, 1] {
        let noticed = (0..300).filter(|&seed| walk(seed, Some(limit)).is_err()).count();
        assert!(noticed > 30, "{noticed} of 300 walks noticed that limit {limit} was overstepped");
    }
}

/// A random walk by glides and steps, compared with the live entries; how often it glided, or where it went wrong. With
/// `oversteps`, glides of the sources ignore that limit of their stretch.
fn walk(seed: u64, oversteps: Option<usize>) -> Result<u64, String> {
    let mut glided = 0;
    let random = SeededRandom::new(seed);
    let entries = random_entries(&random, 9 + seed % 40, 5 + seed % 30);
    let bound = random.next_u64() % 45;
    let expected = live(&entries, bound);
    let mut sources = vec![Vec::new(); usize::try_from(1 + seed % 4).unwrap()];
    for entry in entries {
        let at = usize::try_from(random.next_u64() % sources.len() as u64).unwrap();
        sources[at].push(entry);
    }
    let cursors = sources.into_iter().map(|source| {
        let mut cursor = VecCursor::new(source, &KeyOrder::Bytes);
        cursor.oversteps = oversteps;
        cursor
    });
    let some_key = || {
        let key = Slice::from(format!("key{}", random.next_u64() % 50).into_bytes());
        random.next_u64().is_multiple_of(2).then_some(key)
    };
    let (lower, upper) = (some_key(), some_key());
    let reach = Reach { bound, lower: lower.clone(), upper: upper.clone() };
    let merged = MergeCursor::new(cursors, KeyOrder::Bytes).gliding(reach);
    let mut cursor = VisibleCursor::new(merged, KeyOrder::Bytes, bound).folding(operator());
    let mut at: Option<usize> = None;
    let mut forward = true;
    for _ in 0..80 {
        let key = format!("key{}", random.next_u64() % 50).into_bytes();
        let (mut inside, mut ahead) = (true, forward);
        match (random.next_u64() % 16, at) {
            (0, _) => {
                cursor.seek(&key).unwrap();
                at = Some(expected.partition_point(|e| e.0 < key));
                ahead = true;
            }
            (1, _) => {
                cursor.seek_for_prev(&key).unwrap();
                at = expected.partition_point(|e| e.0 <= key).checked_sub(1);
                ahead = false;
            }
            (2, _) => forward = !forward,
            (3, _) => {
                ahead = false;
                cursor.seek_to_last().unwrap();
                at = expected.len().checked_sub(1);
            }
            (_, Some(i)) if forward => {
                if cursor.glide_next() {
                    glided += 1;
                    inside = upper.as_ref().is_none_or(|upper| *cursor.key() < **upper);
                } else {
                    cursor.next().unwrap();
                }
                at = Some(i + 1);
            }
            (_, Some(i)) => {
                if cursor.glide_prev() {
                    glided += 1;
                    inside = lower.as_ref().is_none_or(|lower| *cursor.key() > **lower);
                } else {
                    cursor.prev().unwrap();
                }
                at = i.checked_sub(1);
            }
            _ => continue,
        }
        at = at.filter(|&i| i < expected.len());
        let shown = cursor.valid().then(|| (cursor.key_slice().to_vec(), cursor.value_slice().to_vec()));
        let wanted = at.map(|i| expected[i].clone());
        let is_past = |key: &[u8]| match ahead {
            true => upper.as_ref().is_some_and(|upper| *key > **upper),
            false => lower.as_ref().is_some_and(|lower| *key < **lower),
        };
        if shown.is_none() && wanted.as_ref().is_some_and(|(key, _)| is_past(key)) {
            at = None;
            continue;
        }
        if !inside || shown != wanted {
            return Err(format!("seed {seed}, bound {bound}: {shown:?} for {wanted:?}, inside: {inside}"));
        }
    }
    Ok(glided)
}
