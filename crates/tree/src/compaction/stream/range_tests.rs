//! The model of one key, with range tombstones in its history: every small history, every way to place it, every set of readers,
//! and every sequence of compactions, whoever folds operands. The oracle is the read itself (see `tests.rs`, which has the rest of
//! the model).

use std::collections::HashSet;
use std::convert::Infallible;

use esker_mem::seqno::MAX_SEQNO;
use esker_mem::slice::Slice;

use super::tests::{FOLDINGS, Folding, bytes_of, origin_of};
use super::*;
use crate::compaction::fragments::Fragment;
use crate::range_tombstones::span::RangeDelete;

const KEY: &[u8] = b"key";
const BEHIND: &[u8] = b"kez";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum What {
    Point(Kind),
    Range,
}

/// A version or a range tombstone over it; `origin` is its seqno as written, or of what was folded all of them, a byte each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Item {
    seqno: SeqNo,
    what: What,
    origin: u64,
}

const KINDS: [What; 5] = [
    What::Point(Kind::Put),
    What::Point(Kind::Delete),
    What::Point(Kind::SingleDelete),
    What::Point(Kind::Merge),
    What::Range,
];

/// All sequences of `len`, oldest first, with at least one range tombstone.
fn histories(kinds: &[What], len: usize) -> Vec<Vec<Item>> {
    let mut all: Vec<Vec<What>> = vec![vec![]];
    for _ in 0..len {
        all = all.iter().flat_map(|h| kinds.iter().map(|kind| [h.as_slice(), &[*kind]].concat())).collect();
    }
    all.retain(|kinds| kinds.contains(&What::Range));
    let numbered = |kinds: &Vec<What>| {
        let items = kinds.iter().zip(1u64..);
        items.map(|(what, n)| Item { seqno: n, what: *what, origin: n }).collect()
    };
    all.iter().map(numbered).collect()
}

fn readers_up_to(top: SeqNo) -> Vec<Readers> {
    let mut all = Vec::new();
    for watermark in 1..=top {
        for set in 0..1u64 << (watermark - 1) {
            let snapshots = (1..watermark).filter(|bound| set >> (bound - 1) & 1 == 1).collect();
            all.push(Readers { watermark, snapshots });
        }
    }
    all
}

fn bounds(readers: &Readers, top: SeqNo) -> impl Iterator<Item = SeqNo> + '_ {
    readers.snapshots.iter().copied().chain(readers.watermark..=top)
}

/// What a read at `bound` finds (INV-RANGE-1): the value and the operands above it, oldest first.
fn read(items: &[Item], bound: SeqNo) -> Option<u64> {
    let visible = || items.iter().filter(|item| item.seqno < bound);
    let cover = visible().filter(|item| item.what == What::Range).map(|item| item.seqno).max();
    let mut seen: Vec<&Item> =
        visible().filter(|item| cover.is_none_or(|cover| item.seqno >= cover)).collect();
    seen.sort_by_key(|item| std::cmp::Reverse(item.seqno));
    let mut found = Vec::new();
    for item in seen {
        let What::Point(kind) = item.what else { break };
        if !kind.is_tombstone() {
            found.splice(0..0, bytes_of(item.origin));
        }
        if kind != Kind::Merge {
            break;
        }
    }
    Some(origin_of(&found)).filter(|_| !found.is_empty())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breach {
    None,
    Rule(Rule),
    WatermarkIgnored,
    SnapshotsIgnored,
    OlderDataIgnored,
    NewerStraysIgnored,
}

/// Merges `input` beside `newer` and above `older` items: as a job does, range tombstones first.
fn compact(
    newer: &[Item],
    input: &[Item],
    older: &[Item],
    readers: &Readers,
    (folding, breach): (Folding, Breach),
) -> Vec<Item> {
    let limits = limits(newer, input, older, breach);
    let mut readers = readers.clone();
    match breach {
        Breach::WatermarkIgnored => readers.watermark = MAX_SEQNO,
        Breach::SnapshotsIgnored => readers.snapshots.clear(),
        _ => {}
    }
    let (start, end) = (Slice::new(KEY), Slice::new(BEHIND));
    let of_range = |item: &&Item| item.what == What::Range;
    let range = |item: &Item| RangeDelete { start: start.clone(), end: end.clone(), seqno: item.seqno };
    let ranges: Vec<RangeDelete> = input.iter().filter(of_range).map(range).collect();
    let fragments = Arc::new(Fragments::new(&KeyOrder::Bytes, &ranges, &readers, &limits));
    let kept = fragments.list().iter().flat_map(Fragment::kept);
    let mut output: Vec<Item> = kept.map(|&seqno| Item { seqno, what: What::Range, origin: seqno }).collect();
    let operator: Option<SharedMergeOperator> =
        if folding == Folding::Off { None } else { Some(Arc::new(folding)) };
    let mut stream =
        DropStream::new(KeyOrder::Bytes, readers, limits).folding(operator).covered_by(fragments);
    if let Breach::Rule(rule) = breach {
        stream.broken = Some(rule);
    }
    let mut points: Vec<&Item> = input.iter().filter(|item| item.what != What::Range).collect();
    points.sort_by_key(|item| std::cmp::Reverse(item.seqno));
    let mut emit = |entry: Entry<'_>| -> Result<(), Infallible> {
        output.push(Item {
            seqno: entry.seqno,
            what: What::Point(entry.kind),
            origin: origin_of(entry.value),
        });
        Ok(())
    };
    for (i, item) in points.iter().enumerate() {
        let What::Point(kind) = item.what else { continue };
        let value = bytes_of(item.origin);
        let entry = Entry { key: KEY, is_new_key: i == 0, seqno: item.seqno, kind, value: &value };
        let Ok(()) = stream.push(entry, &mut emit);
    }
    let Ok(()) = stream.finish(&mut emit);
    output
}

fn limits(newer: &[Item], input: &[Item], older: &[Item], breach: Breach) -> DropLimits {
    let lowest = |items: &[Item]| items.iter().map(|item| item.seqno).min().unwrap_or(MAX_SEQNO);
    let highest = |items: &[Item]| items.iter().map(|item| item.seqno).max().unwrap_or(0);
    let strays = lowest(newer) < highest(input).max(highest(older)) && breach != Breach::NewerStraysIgnored;
    let mut ranges = vec![(Slice::from("a"), Slice::from("b")), (Slice::from("z"), Slice::from("zz"))];
    let has_older = !older.is_empty() && breach != Breach::OlderDataIgnored;
    if has_older {
        ranges.push((Slice::from("j"), Slice::from(KEY)));
    }
    DropLimits {
        older: OlderData::new(ranges, &KeyOrder::Bytes),
        newer_lowest_seqno: if strays { lowest(newer) } else { MAX_SEQNO },
        out_of_order: lowest(input) < highest(older),
        last_level: !has_older,
    }
}

/// Whether each weak delete meets exactly one put since the last deletion of either sort.
fn keeps_contract(history: &[Item]) -> bool {
    let deletes = |item: &Item| match item.what {
        What::Point(kind) => kind.is_tombstone(),
        What::Range => true,
    };
    let weak = |i: &usize| history[*i].what == What::Point(Kind::SingleDelete);
    (0..history.len()).filter(weak).all(|i| {
        let put = i > 0 && history[i - 1].what == What::Point(Kind::Put);
        put && (i == 1 || deletes(&history[i - 2]))
    })
}

fn check_one(
    history: &[Item],
    places: &[u8],
    readers: &Readers,
    rules: (Folding, Breach),
) -> Result<(), String> {
    let at = |place: u8| -> Vec<Item> {
        history.iter().zip(places).filter(|(_, p)| **p == place).map(|(item, _)| *item).collect()
    };
    let (newer, input, older) = (at(0), at(1), at(2));
    let output = compact(&newer, &input, &older, readers, rules);
    let after = [newer.as_slice(), &output, &older].concat();
    for bound in bounds(readers, history.len() as SeqNo + 2) {
        let (was, is) = (read(history, bound), read(&after, bound));
        if was != is {
            return Err(format!(
                "read at {bound}: was {was:?}, is {is:?}\n{rules:?} {history:?}\nplaces {places:?} {readers:?}\noutput {output:?}"
            ));
        }
    }
    // INV-DROP-7.
    let settled = |item: &&Item| item.seqno >= readers.watermark;
    match input.iter().filter(settled).find(|item| !output.contains(item) && item.what != What::Range) {
        Some(item) => Err(format!("touched {item:?}")),
        None => Ok(()),
    }
}

fn placements(len: usize, in_order: bool) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = vec![vec![]];
    for _ in 0..len {
        all = all.iter().flat_map(|p| (0..3).map(|place| [p.as_slice(), &[place]].concat())).collect();
    }
    all.retain(|p| p.contains(&1) && (!in_order || p.is_sorted_by(|a, b| a >= b)));
    all
}

fn check_all(len: usize, in_order: bool, rules: (Folding, Breach)) -> Result<(), String> {
    let (placements, readers) = (placements(len, in_order), readers_up_to(len as SeqNo + 1));
    for history in histories(&KINDS, len).iter().filter(|history| keeps_contract(history)) {
        for places in &placements {
            for readers in &readers {
                check_one(history, places, readers, rules)?;
            }
        }
    }
    Ok(())
}

/// The longest histories with the one who folds most, and with nobody.
fn check_all_foldings(in_order: bool) {
    for folding in FOLDINGS {
        let longest = if matches!(folding, Folding::Off | Folding::Partly) { 4 } else { 3 };
        for len in 1..=longest {
            check_all(len, in_order, (folding, Breach::None)).unwrap();
        }
    }
}

/// INV-RANGE-4, INV-RANGE-5, INV-RANGE-6: no allowed read notices a merge with range tombstones.
#[test]
fn no_reader_notices_one_compaction_with_range_tombstones() {
    check_all_foldings(true);
}

/// The same where sources hold versions and range tombstones out of order.
#[test]
fn no_reader_notices_range_tombstones_out_of_order() {
    check_all_foldings(false);
}

/// The model notices each rule's breach, so it does guard them.
#[test]
fn every_broken_rule_of_range_tombstones_is_noticed() {
    let breaches = [
        Breach::Rule(Rule::CoveredEntryGoes),
        Breach::WatermarkIgnored,
        Breach::SnapshotsIgnored,
        Breach::OlderDataIgnored,
    ];
    for breach in breaches {
        let noticed = (1..=4).any(|len| check_all(len, true, (Folding::Off, breach)).is_err());
        assert!(noticed, "{breach:?} went unnoticed");
    }
    let strays = (Folding::Off, Breach::NewerStraysIgnored);
    let noticed = (1..=4).any(|len| check_all(len, false, strays).is_err());
    assert!(noticed, "strays went unnoticed");
    for rule in [Rule::CoveredEntryGoes, Rule::FoldsWithinStripe, Rule::FoldsOntoNothingAtBottom] {
        let noticed = (1..=4).any(|len| check_all(len, true, (Folding::Whole, Breach::Rule(rule))).is_err());
        assert!(noticed, "{rule:?} went unnoticed by who folds");
    }
}

/// INV-RANGE-6: the tombstone stays, as older data lies elsewhere under its span; the put above it must not come under it.
#[test]
fn a_put_above_a_range_tombstone_that_stays_keeps_its_seqno() {
    let seqno_of_put = |range_seqno: SeqNo, broken: Option<Rule>| {
        let readers = Readers { watermark: 9, snapshots: vec![] };
        let older = OlderData::new(vec![(Slice::from("kf"), Slice::from("kg"))], &KeyOrder::Bytes);
        let limits =
            DropLimits { older, newer_lowest_seqno: MAX_SEQNO, out_of_order: false, last_level: true };
        let range = RangeDelete { start: Slice::from("k"), end: Slice::from("l"), seqno: range_seqno };
        let fragments = Arc::new(Fragments::new(&KeyOrder::Bytes, &[range], &readers, &limits));
        assert_eq!(fragments.list()[0].kept(), [range_seqno]);
        let mut stream = DropStream::new(KeyOrder::Bytes, readers, limits).covered_by(fragments);
        stream.broken = broken;
        let mut seqno = None;
        let mut emit = |entry: Entry<'_>| -> Result<(), Infallible> {
            seqno = Some(entry.seqno);
            Ok(())
        };
        let put = Entry { key: KEY, is_new_key: true, seqno: 5, kind: Kind::Put, value: b"v" };
        let Ok(()) = stream.push(put, &mut emit);
        seqno
    };
    assert_eq!(seqno_of_put(3, None), Some(5));
    assert_eq!(seqno_of_put(3, Some(Rule::SeqnoStaysUnderRange)), Some(0), "the breach shows");
    assert_eq!(seqno_of_put(5, None), Some(5), "it covers strictly smaller seqnos only");
    assert_eq!(seqno_of_put(6, None), None, "it is covered");
}

/// Protocol 20: a put that a range tombstone covers is not the weak delete's to take along, so the delete stays.
#[test]
fn a_range_tombstone_parts_a_weak_delete_from_its_put() {
    let item = |seqno, what| Item { seqno, what, origin: seqno };
    let put = item(1, What::Point(Kind::Put));
    let (range, weak) = (item(2, What::Range), item(3, What::Point(Kind::SingleDelete)));
    let readers = Readers { watermark: 9, snapshots: vec![] };
    let older = [item(0, What::Point(Kind::Put))];
    let output = compact(&[], &[put, range, weak], &older, &readers, (Folding::Off, Breach::None));
    assert_eq!(output, [range, weak]);
    let parts = (Folding::Off, Breach::Rule(Rule::RangeParts));
    let broken = compact(&[], &[put, range, weak], &older, &readers, parts);
    assert_eq!(broken, [range], "the breach shows");
}

/// What is settled goes: with nothing older, neither a tombstone nor anything that it covers is left, nor an operand.
#[test]
fn a_full_compaction_leaves_no_range_tombstone() {
    let readers = Readers { watermark: 9, snapshots: vec![] };
    for len in 1..=5 {
        for history in histories(&[What::Point(Kind::Put), What::Point(Kind::Merge), What::Range], len) {
            let output = compact(&[], &history, &[], &readers, (Folding::Whole, Breach::None));
            let expected: Vec<u64> = read(&history, 9).into_iter().collect();
            let left: Vec<u64> = output.iter().map(|item| item.origin).collect();
            assert_eq!(left, expected, "{history:?}");
            assert!(output.iter().all(|item| item.what == What::Point(Kind::Put)), "{output:?}");
        }
    }
}

/// Where compactions have brought the items: sources newest first.
type Sources = Vec<Vec<Item>>;

/// Every sequence of merges of neighbouring sources under readers that come and go reads as the history does.
#[test]
fn no_reader_notices_any_sequence_of_compactions_with_range_tombstones() {
    let kinds = [What::Point(Kind::Put), What::Point(Kind::SingleDelete), What::Range];
    for history in histories(&kinds, 4).iter().filter(|history| keeps_contract(history)) {
        live(history, Folding::Off);
    }
    let kinds = [What::Point(Kind::Put), What::Point(Kind::Merge), What::Range];
    for history in histories(&kinds, 3) {
        live(&history, Folding::Partly);
    }
}

fn live(history: &[Item], folding: Folding) {
    let top = history.len() as SeqNo + 1;
    let all_readers = readers_up_to(top);
    let start: Sources = history.iter().rev().map(|item| vec![*item]).collect();
    let first = Readers { watermark: 1, snapshots: vec![] };
    let mut seen: HashSet<(Sources, SeqNo, Vec<SeqNo>)> = HashSet::new();
    let mut todo = vec![(start, first)];
    while let Some((sources, before)) = todo.pop() {
        if !seen.insert((sources.clone(), before.watermark, before.snapshots.clone())) {
            continue;
        }
        let follows = |next: &&Readers| {
            next.watermark >= before.watermark
                && next.snapshots.iter().all(|s| *s >= before.watermark || before.snapshots.contains(s))
        };
        for readers in all_readers.iter().filter(follows) {
            for (from, to) in (0..sources.len()).flat_map(|a| (a + 1..=sources.len()).map(move |b| (a, b))) {
                let [newer, input, older] =
                    [&sources[..from], &sources[from..to], &sources[to..]].map(<[Vec<Item>]>::concat);
                let output = compact(&newer, &input, &older, readers, (folding, Breach::None));
                let next = [&sources[..from], &[output], &sources[to..]].concat();
                for bound in bounds(readers, top) {
                    let (was, is) = (read(history, bound), read(&next.concat(), bound));
                    assert_eq!(was, is, "at {bound}\n{sources:?}\n{readers:?}\n{next:?}");
                }
                todo.push((next, readers.clone()));
            }
        }
    }
}
