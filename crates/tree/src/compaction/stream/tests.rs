//! A model of one key: every small history, every way to place it, every set of readers. The oracle is the read itself,
//! so the tests know nothing of the rules that they prove.

mod expiring;
mod filters;

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;

use esker_mem::comparator::{KeyOrder, UserComparator};
use esker_mem::slice::Slice;

use esker_mem::seqno::MAX_SEQNO;

use super::*;
use crate::error::MergeError;
use crate::merge_operator::MergeOperator;

/// A version; `origin` is its seqno as written, so that a version is known even with its seqno zeroed. Of what was folded, the
/// origins stand behind each other, oldest first, a byte each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Version {
    seqno: SeqNo,
    kind: Kind,
    origin: u64,
}

const KEY: &[u8] = b"key";

fn history(kinds: &[Kind]) -> Vec<Version> {
    let numbered = kinds.iter().zip(1u64..);
    numbered.map(|(kind, n)| Version { seqno: n, kind: *kind, origin: n }).collect()
}

/// All sequences of `len` kinds, oldest first.
fn histories(kinds: &[Kind], len: usize) -> Vec<Vec<Version>> {
    let mut all: Vec<Vec<Kind>> = vec![vec![]];
    for _ in 0..len {
        all = all.iter().flat_map(|h| kinds.iter().map(|k| [h.as_slice(), &[*k]].concat())).collect();
    }
    all.iter().map(|kinds| history(kinds)).collect()
}

/// All watermarks up to `top` with all sets of snapshots below them.
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

pub(super) fn bytes_of(origin: u64) -> Vec<u8> {
    origin.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

pub(super) fn origin_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |origin, byte| origin << 8 | u64::from(*byte))
}

/// What a read at `bound` finds: the value and the operands above it, oldest first.
fn read(versions: &[Version], bound: SeqNo) -> Option<u64> {
    let mut seen: Vec<&Version> = versions.iter().filter(|v| v.seqno < bound).collect();
    seen.sort_by_key(|v| std::cmp::Reverse(v.seqno));
    let mut found = Vec::new();
    for version in seen {
        if !version.kind.is_tombstone() {
            found.splice(0..0, bytes_of(version.origin));
        }
        if version.kind != Kind::Merge {
            break;
        }
    }
    Some(origin_of(&found)).filter(|_| !found.is_empty())
}

/// Who folds operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folding {
    /// Nobody.
    Off,
    /// One who keeps operands apart.
    Whole,
    /// One who makes one operand of several.
    Partly,
    /// One who always fails.
    Failing,
}

pub(super) const FOLDINGS: [Folding; 4] = [Folding::Off, Folding::Whole, Folding::Partly, Folding::Failing];

impl MergeOperator for Folding {
    fn name(&self) -> &'static str {
        "folding"
    }

    fn merge(&self, _: &[u8], base: Option<&[u8]>, operands: &[&[u8]]) -> Result<Slice, MergeError> {
        if *self == Self::Failing {
            return Err(MergeError::new("it fails"));
        }
        Ok(base.into_iter().chain(operands.iter().copied()).collect::<Vec<_>>().concat().into())
    }

    fn partial_merge(&self, _: &[u8], operands: &[&[u8]]) -> Option<Slice> {
        (*self == Self::Partly).then(|| operands.concat().into())
    }
}

fn bounds(readers: &Readers, top: SeqNo) -> impl Iterator<Item = SeqNo> + '_ {
    readers.snapshots.iter().copied().chain(readers.watermark..=top)
}

/// A way to weaken the stream before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breach {
    None,
    Rule(Rule),
    WatermarkIgnored,
    SnapshotsIgnored,
    OlderDataIgnored,
    OldestStripeIgnored,
    NewerStraysIgnored,
    OlderStraysIgnored,
}

/// Runs `input` (of one key) through a stream beside `newer` and above `older` versions.
fn compact(
    newer: &[Version],
    input: &[Version],
    older: &[Version],
    readers: &Readers,
    (folding, breach): (Folding, Breach),
) -> (Vec<Version>, DropCounts) {
    let limits = limits(newer, input, older, breach);
    let mut readers = readers.clone();
    match breach {
        Breach::WatermarkIgnored => readers.watermark = MAX_SEQNO,
        Breach::SnapshotsIgnored => readers.snapshots.clear(),
        _ => {}
    }
    let operator: Option<SharedMergeOperator> =
        if folding == Folding::Off { None } else { Some(Arc::new(folding)) };
    let mut stream = DropStream::new(KeyOrder::Bytes, readers, limits).folding(operator);
    match breach {
        Breach::Rule(rule) => stream.broken = Some(rule),
        Breach::OldestStripeIgnored => stream.settled_below = stream.readers.watermark,
        _ => {}
    }
    let mut sorted = input.to_vec();
    sorted.sort_by_key(|v| std::cmp::Reverse(v.seqno));
    let mut output = Vec::new();
    let mut emit = |entry: Entry<'_>| -> Result<(), Infallible> {
        assert_eq!((entry.key, entry.is_new_key), (KEY, output.is_empty()));
        output.push(Version { seqno: entry.seqno, kind: entry.kind, origin: origin_of(entry.value) });
        Ok(())
    };
    for (i, version) in sorted.iter().enumerate() {
        let (value, is_new_key) = (bytes_of(version.origin), i == 0);
        let entry = Entry { key: KEY, is_new_key, seqno: version.seqno, kind: version.kind, value: &value };
        let Ok(()) = stream.push(entry, &mut emit);
    }
    let Ok(()) = stream.finish(&mut emit);
    (output, stream.counts())
}

fn limits(newer: &[Version], input: &[Version], older: &[Version], breach: Breach) -> DropLimits {
    let lowest = |versions: &[Version]| versions.iter().map(|v| v.seqno).min().unwrap_or(MAX_SEQNO);
    let highest = |versions: &[Version]| versions.iter().map(|v| v.seqno).max().unwrap_or(0);
    let strays = lowest(newer) < highest(input).max(highest(older)) && breach != Breach::NewerStraysIgnored;
    let mut ranges = vec![(Slice::from("a"), Slice::from("b")), (Slice::from("z"), Slice::from("zz"))];
    if !older.is_empty() && breach != Breach::OlderDataIgnored {
        ranges.push((Slice::from("j"), Slice::from(KEY)));
    }
    DropLimits {
        older: OlderData::new(ranges, &KeyOrder::Bytes),
        newer_lowest_seqno: if strays { lowest(newer) } else { MAX_SEQNO },
        out_of_order: lowest(input) < highest(older) && breach != Breach::OlderStraysIgnored,
        last_level: older.is_empty() || breach == Breach::OlderDataIgnored,
    }
}

/// Whether each weak delete meets exactly one put since the last deletion, and that last deletion is still there.
fn keeps_contract(history: &[Version]) -> bool {
    (0..history.len()).filter(|i| history[*i].kind == Kind::SingleDelete).all(|i| {
        let put = i > 0 && history[i - 1].kind == Kind::Put;
        put && (i == 1 || history[i - 2].kind.is_tombstone())
    })
}

/// Whether the key saw nothing but puts and weak deletes in turn, up to its last weak delete.
fn keeps_contract_for_life(history: &[Version]) -> bool {
    let last = history.iter().rposition(|v| v.kind == Kind::SingleDelete);
    last.is_none_or(|last| {
        history
            .iter()
            .take(last + 1)
            .enumerate()
            .all(|(i, v)| v.kind == if i % 2 == 0 { Kind::Put } else { Kind::SingleDelete })
    })
}

/// Checks one compaction of one placement; says what went wrong.
fn check_one(
    history: &[Version],
    places: &[u8],
    readers: &Readers,
    rules: (Folding, Breach),
) -> Result<(), String> {
    let at = |place: u8| -> Vec<Version> {
        history.iter().zip(places).filter(|(_, p)| **p == place).map(|(v, _)| *v).collect()
    };
    let (newer, input, older) = (at(0), at(1), at(2));
    let (output, _) = compact(&newer, &input, &older, readers, rules);
    let context = || format!("{rules:?} {history:?}\nplaces {places:?} {readers:?}\noutput {output:?}");
    let after = [newer.as_slice(), &output, &older].concat();
    let exact = keeps_contract(history);
    for bound in bounds(readers, history.len() as SeqNo + 2) {
        let (was, is) = (read(history, bound), read(&after, bound));
        // A broken contract may bring back an older value, and nothing else.
        let weak = history
            .iter()
            .filter(|v| v.kind == Kind::SingleDelete && v.seqno < bound)
            .map(|v| v.origin)
            .max();
        let is_older = |part: &u8| weak.is_some_and(|weak| u64::from(*part) < weak);
        let excused = !exact && bytes_of(is.unwrap_or_default()).iter().any(is_older);
        if was != is && !excused {
            return Err(format!("read at {bound}: was {was:?}, is {is:?}\n{}", context()));
        }
    }
    // INV-DROP-7.
    for version in input.iter().filter(|v| v.seqno >= readers.watermark) {
        if !output.contains(version) {
            return Err(format!("touched {version:?}\n{}", context()));
        }
    }
    if !output.is_sorted_by(|a, b| a.seqno > b.seqno) {
        return Err(format!("out of order\n{}", context()));
    }
    Ok(())
}

/// All ways to place `len` versions (oldest first) into newer, input and older sources.
fn placements(len: usize, in_order: bool) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = vec![vec![]];
    for _ in 0..len {
        all = all.iter().flat_map(|p| (0..3).map(|place| [p.as_slice(), &[place]].concat())).collect();
    }
    all.retain(|p| p.contains(&1) && (!in_order || p.is_sorted_by(|a, b| a >= b)));
    all
}

const KINDS: [Kind; 4] = [Kind::Put, Kind::Delete, Kind::SingleDelete, Kind::Merge];

fn check_all(len: usize, in_order: bool, rules: (Folding, Breach)) -> Result<(), String> {
    let (placements, readers) = (placements(len, in_order), readers_up_to(len as SeqNo + 1));
    for history in histories(&KINDS, len) {
        for places in &placements {
            for readers in &readers {
                check_one(&history, places, readers, rules)?;
            }
        }
    }
    Ok(())
}

/// No allowed read notices a compaction: INV-DROP-1, INV-DROP-2, INV-DROP-3, INV-DROP-4, INV-DROP-5, INV-DROP-7, INV-MERGE-3.
#[test]
fn no_reader_notices_one_compaction() {
    for folding in FOLDINGS {
        for len in 1..=4 {
            check_all(len, true, (folding, Breach::None)).unwrap();
        }
    }
}

/// The same for histories of five versions, without operands.
#[test]
fn no_reader_notices_one_compaction_of_five_versions() {
    let (placements, readers) = (placements(5, true), readers_up_to(6));
    for history in histories(&KINDS[..3], 5) {
        for places in &placements {
            for readers in &readers {
                check_one(&history, places, readers, (Folding::Off, Breach::None)).unwrap();
            }
        }
    }
}

/// INV-DROP-6, INV-MERGE-3: nor where versions reached their sources out of order.
#[test]
fn no_reader_notices_out_of_order_seqnos() {
    for folding in FOLDINGS {
        for len in 1..=4 {
            check_all(len, false, (folding, Breach::None)).unwrap();
        }
    }
}

/// The model notices each rule's breach, so it does guard them.
#[test]
fn every_broken_rule_is_noticed() {
    let breaches = [
        Breach::Rule(Rule::TombstoneOutlivesPair),
        Breach::Rule(Rule::OperandHidesNothing),
        Breach::WatermarkIgnored,
        Breach::SnapshotsIgnored,
        Breach::OlderDataIgnored,
        Breach::OldestStripeIgnored,
    ];
    for breach in breaches {
        let noticed = (1..=4).any(|len| check_all(len, true, (Folding::Off, breach)).is_err());
        assert!(noticed, "{breach:?} went unnoticed");
    }
    for breach in [Breach::NewerStraysIgnored, Breach::OlderStraysIgnored] {
        let noticed = (1..=4).any(|len| check_all(len, false, (Folding::Off, breach)).is_err());
        assert!(noticed, "{breach:?} went unnoticed");
    }
    for rule in [Rule::FoldsWithinStripe, Rule::FoldsOntoNothingAtBottom] {
        let noticed = (1..=3).any(|len| check_all(len, true, (Folding::Whole, Breach::Rule(rule))).is_err());
        assert!(noticed, "{rule:?} went unnoticed");
    }
    let noticed = (1..=3)
        .any(|len| check_all(len, false, (Folding::Whole, Breach::Rule(Rule::FoldsOnlyNeighbours))).is_err());
    assert!(noticed, "folding past strays went unnoticed");
    let breach = Breach::Rule(Rule::WeakDeleteOutlivesShadow);
    let noticed = lives(4).iter().any(|history| live(history, (Folding::Off, breach)).is_err());
    assert!(noticed, "{breach:?} went unnoticed");
}

/// Where compactions have brought a key's versions: sources newest first, each with versions newest first.
type Sources = Vec<Vec<Version>>;

/// Every sequence of compactions of neighbouring sources under readers that come and go; each state must read as the
/// history does.
fn live(history: &[Version], rules: (Folding, Breach)) -> Result<(), String> {
    let top = history.len() as SeqNo + 1;
    let all_readers = readers_up_to(top);
    let start: Sources = history.iter().rev().map(|v| vec![*v]).collect();
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
            for from in 0..sources.len() {
                for to in from + 1..=sources.len() {
                    let [newer, input, older] =
                        [&sources[..from], &sources[from..to], &sources[to..]].map(<[Vec<Version>]>::concat);
                    let (output, _) = compact(&newer, &input, &older, readers, rules);
                    let next = [&sources[..from], &[output], &sources[to..]].concat();
                    for bound in bounds(readers, top) {
                        let (was, is) = (read(history, bound), read(&next.concat(), bound));
                        if was != is {
                            return Err(format!(
                                "at {bound}: {was:?} {is:?}\n{sources:?}\n{readers:?}\n{next:?}"
                            ));
                        }
                    }
                    todo.push((next, readers.clone()));
                }
            }
        }
    }
    Ok(())
}

/// Histories with at least one weak delete that keep its contract for life, and those of puts and deletes.
fn lives(len: usize) -> Vec<Vec<Version>> {
    let mut lives = histories(&[Kind::Put, Kind::SingleDelete], len);
    lives.retain(|h| keeps_contract_for_life(h));
    lives.extend(histories(&[Kind::Put, Kind::Delete], len));
    lives
}

/// INV-DROP-3 and INV-DROP-4. A weak delete that is shadowed by a newer put looks useless. Dropped, it left its own put
/// below to come back once the newer put had met a weak delete too: a fault that only a second compaction shows.
#[test]
fn no_reader_notices_any_sequence_of_compactions() {
    for len in 1..=4 {
        for history in lives(len) {
            live(&history, (Folding::Off, Breach::None)).unwrap();
        }
    }
    let weak = |history: &Vec<Version>| history.iter().any(|v| v.kind == Kind::SingleDelete);
    for history in lives(5).into_iter().filter(weak) {
        live(&history, (Folding::Off, Breach::None)).unwrap();
    }
}

/// INV-MERGE-3, for every sequence of compactions.
#[test]
fn no_reader_notices_any_sequence_of_folds() {
    for folding in [Folding::Whole, Folding::Partly] {
        for len in 1..=4 {
            for history in histories(&[Kind::Put, Kind::Delete, Kind::Merge], len) {
                live(&history, (folding, Breach::None)).unwrap();
            }
        }
    }
}

/// What may be folded is: one full compaction below the watermark leaves one version at most, with seqno 0, and no operand.
#[test]
fn a_full_compaction_folds_all_operands() {
    let readers = Readers { watermark: 9, snapshots: vec![] };
    for folding in [Folding::Whole, Folding::Partly] {
        for len in 1..=5 {
            for history in histories(&[Kind::Put, Kind::Delete, Kind::Merge], len) {
                let (output, counts) = compact(&[], &history, &[], &readers, (folding, Breach::None));
                let live = read(&history, 9).map(|origin| Version { seqno: 0, kind: Kind::Put, origin });
                assert_eq!(output, live.into_iter().collect::<Vec<_>>(), "{history:?}");
                let gone = counts.shadowed + counts.tombstones + counts.folded;
                assert_eq!(gone + output.len() as u64, len as u64, "{history:?} {counts:?}");
            }
        }
    }
}

/// Above older data operands become one, if the operator can do that, and stay if it cannot; one that fails changes nothing.
#[test]
fn operands_become_one_above_older_data() {
    let all = history(&[Kind::Put, Kind::Merge, Kind::Merge, Kind::Merge]);
    let readers = Readers { watermark: 9, snapshots: vec![] };
    let outcome = |folding, input: &[Version], older: &[Version]| {
        compact(&[], input, older, &readers, (folding, Breach::None))
    };
    let one = Version { seqno: 4, kind: Kind::Merge, origin: 0x02_03_04 };
    assert_eq!(outcome(Folding::Partly, &all[1..], &all[..1]).0, [one]);
    for folding in [Folding::Off, Folding::Whole, Folding::Failing] {
        let (output, counts) = outcome(folding, &all[1..], &all[..1]);
        assert_eq!(output, [all[3], all[2], all[1]], "{folding:?}");
        assert_eq!((counts.folded, counts.failed_folds), (0, 0), "{folding:?}");
    }
    let (output, counts) = outcome(Folding::Failing, &all, &[]);
    assert_eq!(output, [all[3], all[2], all[1], Version { seqno: 0, ..all[0] }]);
    assert_eq!((counts.folded, counts.failed_folds), (0, 1));
}

/// A key with very many operands is not held as a whole, if the operator can make one operand of several.
#[test]
fn many_operands_are_folded_before_more_are_held() {
    for (folding, most) in [(Folding::Partly, 1024), (Folding::Whole, 5000)] {
        let readers = Readers { watermark: 9999, snapshots: vec![] };
        let limits = limits_above(&[], &KeyOrder::Bytes);
        let mut stream = DropStream::new(KeyOrder::Bytes, readers, limits).folding(Some(Arc::new(folding)));
        let mut output = Vec::new();
        let mut emit = |entry: Entry<'_>| -> Result<(), Infallible> {
            output.push((entry.kind, entry.value.to_vec()));
            Ok(())
        };
        let mut held = 0;
        let value_of = |seqno: u64| seqno.to_le_bytes()[0];
        for seqno in (1..=5000).rev() {
            let (is_new_key, value) = (seqno == 5000, [value_of(seqno)]);
            let entry = Entry { key: KEY, is_new_key, seqno, kind: Kind::Merge, value: &value };
            let Ok(()) = stream.push(entry, &mut emit);
            held = held.max(stream.operands.waiting.len());
        }
        let Ok(()) = stream.finish(&mut emit);
        let all: Vec<u8> = (1..=5000).map(value_of).collect();
        assert_eq!(output, [(Kind::Put, all)]);
        assert!(held <= most, "{held} were held");
        assert_eq!(stream.counts().folded, 4999);
    }
}

/// What is allowed to go does go: one full compaction below the watermark leaves one version at most, with seqno 0.
#[test]
fn a_full_compaction_leaves_one_version() {
    let readers = Readers { watermark: 9, snapshots: vec![] };
    for len in 1..=5 {
        for history in histories(&KINDS[..3], len) {
            let (output, counts) = compact(&[], &history, &[], &readers, (Folding::Off, Breach::None));
            let live: Vec<Version> =
                history.last().copied().filter(|v| v.kind == Kind::Put).into_iter().collect();
            let expected: Vec<Version> = live.iter().map(|v| Version { seqno: 0, ..*v }).collect();
            assert_eq!(output, expected, "{history:?}");
            let gone = counts.shadowed + counts.tombstones + 2 * counts.weak_pairs;
            assert_eq!(gone + output.len() as u64, len as u64);
            assert_eq!(counts.zeroed, output.len() as u64);
        }
    }
}

/// A snapshot keeps the version that it sees and no other.
#[test]
fn each_snapshot_keeps_one_version() {
    let puts = history(&[Kind::Put; 8]);
    let readers = Readers { watermark: 9, snapshots: vec![3, 4, 7] };
    let (output, _) = compact(&[], &puts, &[], &readers, (Folding::Off, Breach::None));
    let kept: Vec<(u64, SeqNo)> = output.iter().map(|v| (v.origin, v.seqno)).collect();
    assert_eq!(kept, [(8, 8), (6, 6), (3, 3), (2, 0)]);
}

/// A weak delete goes with its put although older data lies below: that is what it is for.
#[test]
fn a_weak_pair_goes_above_older_data() {
    let all = history(&[Kind::Put, Kind::SingleDelete, Kind::Put, Kind::SingleDelete]);
    let readers = Readers { watermark: 9, snapshots: vec![] };
    let (output, counts) = compact(&[], &all[2..], &all[..2], &readers, (Folding::Off, Breach::None));
    assert_eq!(output, []);
    assert_eq!(counts.weak_pairs, 1);
}

struct Reversed;

impl UserComparator for Reversed {
    fn name(&self) -> &str {
        "reversed, without case"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.to_ascii_lowercase().cmp(&a.to_ascii_lowercase())
    }

    fn equal_implies_identical(&self) -> bool {
        false
    }
}

fn run(order: KeyOrder, limits: DropLimits, entries: &[(&str, SeqNo, Kind)]) -> Vec<(String, SeqNo)> {
    let readers = Readers { watermark: 100, snapshots: vec![] };
    let mut keys = KeyTracker::new(order.clone());
    let mut emitted = KeyTracker::new(order.clone());
    let mut stream = DropStream::new(order, readers, limits);
    let mut output = Vec::new();
    let mut emit = |entry: Entry<'_>| -> Result<(), Infallible> {
        assert_eq!(entry.is_new_key, emitted.is_new(entry.key));
        output.push((String::from_utf8(entry.key.to_vec()).unwrap(), entry.seqno));
        Ok(())
    };
    for (key, seqno, kind) in entries {
        let (key, is_new_key) = (key.as_bytes(), keys.is_new(key.as_bytes()));
        let Ok(()) =
            stream.push(Entry { key, is_new_key, seqno: *seqno, kind: *kind, value: b"" }, &mut emit);
    }
    let Ok(()) = stream.finish(&mut emit);
    output
}

fn limits_above(older: &[(&str, &str)], order: &KeyOrder) -> DropLimits {
    let ranges = older.iter().map(|(a, b)| (Slice::from(*a), Slice::from(*b))).collect();
    DropLimits {
        older: OlderData::new(ranges, order),
        newer_lowest_seqno: MAX_SEQNO,
        out_of_order: false,
        last_level: true,
    }
}

/// An earlier engine let a weak delete of key A eat key B under a reversed comparator. Keys are the same if the
/// comparator says so, and only then.
#[test]
fn a_weak_delete_stays_with_its_key_under_any_comparator() {
    let order = KeyOrder::new(Arc::new(Reversed));
    let limits = limits_above(&[("z", "a")], &order);
    let entries = [
        ("b", 9, Kind::SingleDelete),
        ("aa", 5, Kind::SingleDelete),
        ("AA", 4, Kind::Put),
        ("a", 3, Kind::Put),
        ("A", 2, Kind::SingleDelete),
    ];
    let output = run(order, limits, &entries);
    assert_eq!(output, [("b".into(), 9), ("a".into(), 3), ("A".into(), 2)]);
}

/// INV-DROP-2, INV-DROP-5: older data is asked for key by key, at both ends of its ranges.
#[test]
fn tombstones_go_where_nothing_older_lies() {
    let order = KeyOrder::Bytes;
    let limits = limits_above(&[("f", "h"), ("c", "d"), ("g", "k"), ("m", "m")], &order);
    let keys = ["a", "c", "cc", "d", "dd", "f", "i", "k", "l", "m", "n"];
    let deletes: Vec<_> = keys.iter().map(|key| (*key, 7, Kind::Delete)).collect();
    let kept: Vec<String> =
        run(order.clone(), limits.clone(), &deletes).into_iter().map(|(key, _)| key).collect();
    assert_eq!(kept, ["c", "cc", "d", "f", "i", "k", "m"]);
    let puts: Vec<_> = keys.iter().map(|key| (*key, 7, Kind::Put)).collect();
    let zeroed: Vec<String> =
        run(order, limits, &puts).into_iter().filter(|(_, seqno)| *seqno == 0).map(|(key, _)| key).collect();
    assert_eq!(zeroed, ["a", "dd", "l", "n"]);
}

/// Puts that pass unseen leave the stream as if they had been pushed, and pass only if they would come out as they are
/// (INV-DROP-1, INV-DROP-5, INV-DROP-7): for all seqnos, readers and limits of a small world, with a held weak delete before
/// them and older versions of the last key behind them.
#[test]
fn puts_pass_unseen_only_where_pushing_changes_nothing() {
    let mut passed = 0;
    let worlds = readers_up_to(7).into_iter().flat_map(|readers| {
        [true, false].into_iter().flat_map(move |last_level| {
            let seqnos = (0..6).flat_map(|a| (0..6).map(move |b| (a, b)));
            let readers = readers.clone();
            seqnos.map(move |(a, b)| (readers.clone(), last_level, a, b))
        })
    });
    for (readers, last_level, first, last) in worlds {
        let limits = DropLimits { last_level, ..limits_above(&[("c", "c")], &KeyOrder::Bytes) };
        let entry = |key: &'static str, is_new_key, seqno, kind| Entry {
            key: key.as_bytes(),
            is_new_key,
            seqno,
            kind,
            value: b"",
        };
        let before = entry("a", true, 5, Kind::SingleDelete);
        let puts = [entry("b", true, first, Kind::Put), entry("c", true, last, Kind::Put)];
        let behind: Vec<_> = (0..last).rev().map(|seqno| entry("c", false, seqno, Kind::Put)).collect();
        let outcome = |unseen: bool| {
            let mut output = Vec::new();
            let mut emit = |entry: Entry<'_>| -> Result<(), Infallible> {
                output.push((entry.key.to_vec(), entry.is_new_key, entry.seqno, entry.kind));
                Ok(())
            };
            let mut stream = DropStream::new(KeyOrder::Bytes, readers.clone(), limits.clone());
            let Ok(()) = stream.push(before, &mut emit);
            let bounds = Puts {
                first: b"b",
                last: b"c",
                lowest_seqno: first.min(last),
                highest_seqno: first.max(last),
                last_seqno: last,
            };
            let passes = unseen && stream.pass(bounds, &mut emit) == Ok(true);
            for put in puts {
                let Ok(()) = if passes { emit(put) } else { stream.push(put, &mut emit) };
            }
            for older in &behind {
                let Ok(()) = stream.push(*older, &mut emit);
            }
            let Ok(()) = stream.finish(&mut emit);
            (passes, output)
        };
        let (passes, unseen) = outcome(true);
        assert_eq!(unseen, outcome(false).1, "{readers:?} {last_level} {first} {last}");
        passed += usize::from(passes);
    }
    assert!(passed > 1000, "only {passed} passed");
}
