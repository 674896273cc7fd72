//! What verdicts of a compaction filter do, for every small history and every set of readers: INV-FILTER-1.

use super::*;
use crate::compaction::filter::{
    CompactionFilter, CompactionFilterFactory, FilterContext, FilterItem, RunningFilter, Verdict,
};
use crate::error::Error;

/// Says the same of everything, and what it was asked about.
#[derive(Clone)]
struct Always(Verdict);

impl CompactionFilter for Always {
    fn filter_item(&mut self, item: FilterItem<'_>) -> Verdict {
        assert_eq!(item.key(), KEY);
        self.0.clone()
    }
}

impl CompactionFilterFactory for Always {
    fn name(&self) -> &'static str {
        "always"
    }

    fn make_filter(&self, _: FilterContext) -> Box<dyn CompactionFilter> {
        Box::new(self.clone())
    }
}

fn filter(verdict: &Verdict, newest_snapshot: Option<SeqNo>) -> RunningFilter {
    RunningFilter::new(&Always(verdict.clone()), FilterContext::new(1, false), newest_snapshot)
}

/// Runs `input` through a stream with a filter.
fn compact_judged(
    (newer, input, older): (&[Version], &[Version], &[Version]),
    readers: &Readers,
    filter: RunningFilter,
) -> (Vec<Version>, RunningFilter) {
    let limits = limits(newer, input, older, Breach::None);
    let mut stream = DropStream::new(KeyOrder::Bytes, readers.clone(), limits)
        .folding(Some(Arc::new(Folding::Partly)))
        .filtering(Some(filter));
    let mut output = Vec::new();
    let mut emit = |entry: Entry<'_>| -> Result<(), Infallible> {
        assert_eq!((entry.key, entry.is_new_key), (KEY, output.is_empty()));
        output.push(Version { seqno: entry.seqno, kind: entry.kind, origin: origin_of(entry.value) });
        Ok(())
    };
    for (i, version) in input.iter().rev().enumerate() {
        let (value, is_new_key) = (bytes_of(version.origin), i == 0);
        let entry = Entry { key: KEY, is_new_key, seqno: version.seqno, kind: version.kind, value: &value };
        let Ok(()) = stream.push(entry, &mut emit);
    }
    let Ok(()) = stream.finish(&mut emit);
    (output, stream.take_filter().unwrap())
}

/// What the history should read as afterwards: the newest version among the inputs is changed, if it may be.
fn judged(history: &[Version], places: &[u8], readers: &Readers, verdict: &Verdict) -> (Vec<Version>, bool) {
    let mut after = history.to_vec();
    let newest = places.iter().rposition(|place| *place == 1).unwrap();
    let changed = &mut after[newest];
    let newest_snapshot = readers.snapshots.last().copied().unwrap_or(0);
    let is_asked =
        changed.kind == Kind::Put && changed.seqno < readers.watermark && changed.seqno >= newest_snapshot;
    if !is_asked {
        return (after, false);
    }
    match verdict {
        Verdict::Keep => {}
        Verdict::Remove | Verdict::RemoveWeak => changed.kind = Kind::Delete,
        Verdict::ReplaceValue(value) => changed.origin = origin_of(value),
        Verdict::Destroy => {
            // With it goes what it hid among the inputs: all that no snapshot sees.
            let gone =
                (0..history.len()).filter(|at| places[*at] == 1 && history[*at].seqno >= newest_snapshot);
            for at in gone.collect::<Vec<_>>().into_iter().rev() {
                after.remove(at);
            }
        }
    }
    (after, true)
}

#[test]
fn filter_item_is_asked_and_obeyed_where_no_snapshot_sees() {
    let verdicts =
        [Verdict::Keep, Verdict::Remove, Verdict::ReplaceValue(Slice::from("new")), Verdict::Destroy];
    let mut asked = 0;
    for len in 1..=4 {
        for history in histories(&[Kind::Put, Kind::Delete], len) {
            for places in placements(len, true) {
                let at = |place: u8| -> Vec<Version> {
                    history.iter().zip(&places).filter(|(_, p)| **p == place).map(|(v, _)| *v).collect()
                };
                let (newer, input, older) = (at(0), at(1), at(2));
                for readers in readers_up_to(len as SeqNo + 1) {
                    for verdict in &verdicts {
                        let filter = filter(verdict, readers.snapshots.last().copied());
                        let (output, filter) = compact_judged((&newer, &input, &older), &readers, filter);
                        let (expected, is_asked) = judged(&history, &places, &readers, verdict);
                        asked += u64::from(is_asked);
                        assert_eq!(filter.changed(), u64::from(is_asked && *verdict != Verdict::Keep));
                        let after = [newer.as_slice(), &output, &older].concat();
                        for bound in bounds(&readers, len as SeqNo + 2) {
                            let (should, is) = (read(&expected, bound), read(&after, bound));
                            assert_eq!(
                                should, is,
                                "{verdict:?} at {bound}\n{history:?}\nplaces {places:?} {readers:?}\n{output:?}"
                            );
                        }
                    }
                }
            }
        }
    }
    assert!(asked > 5000, "asked only {asked} times");
}

/// A snapshot above the watermark is not in the list of those whose versions are kept one by one, but sees them all the same.
#[test]
fn filter_item_is_not_asked_about_what_a_snapshot_above_the_watermark_sees() {
    let puts = history(&[Kind::Put; 3]);
    let readers = Readers { watermark: 4, snapshots: vec![] };
    for (newest_snapshot, removed) in [(None, true), (Some(3), true), (Some(4), false), (Some(9), false)] {
        let filter = filter(&Verdict::Remove, newest_snapshot);
        let (output, _) = compact_judged((&[], &puts, &[]), &readers, filter);
        assert_eq!(output.is_empty(), removed, "{newest_snapshot:?}");
    }
}

/// A weak tombstone goes with the put before it.
#[test]
fn filter_item_that_removes_weakly_leaves_a_weak_tombstone() {
    let puts = history(&[Kind::Put, Kind::Put]);
    let readers = Readers { watermark: 4, snapshots: vec![] };
    let weakly = || filter(&Verdict::RemoveWeak, None);
    let (output, _) = compact_judged((&[], &puts[1..], &puts[..1]), &readers, weakly());
    assert_eq!(output.iter().map(|v| (v.seqno, v.kind)).collect::<Vec<_>>(), [(2, Kind::SingleDelete)]);
    let older = [Version { seqno: 0, ..puts[0] }];
    let (output, _) = compact_judged((&[], &puts, &older), &readers, weakly());
    assert_eq!(output, [], "they met");
}

/// Operands are shown as what they come to, or not at all.
#[test]
fn filter_item_sees_folded_operands() {
    let all = history(&[Kind::Put, Kind::Merge, Kind::Merge]);
    let readers = Readers { watermark: 4, snapshots: vec![] };
    let (output, filter) = compact_judged((&[], &all, &[]), &readers, filter(&Verdict::Remove, None));
    assert_eq!((output.as_slice(), filter.changed()), ([].as_slice(), 1));
    let (output, filter) =
        compact_judged((&[], &all[1..], &all[..1]), &readers, self::filter(&Verdict::Remove, None));
    assert_eq!((output.len(), filter.changed()), (1, 0));
}

/// INV-FILTER-2. The limit is lower here, as 4 GiB are much for a test.
#[test]
fn replace_value_over_the_limit_is_an_error() {
    let puts = history(&[Kind::Put]);
    let readers = Readers { watermark: 4, snapshots: vec![] };
    for (len, fails) in [(8, false), (9, true)] {
        let mut filter = filter(&Verdict::ReplaceValue(Slice::from(vec![1; len])), None);
        filter.longest_value_bytes = 8;
        let (_, filter) = compact_judged((&[], &puts, &[]), &readers, filter);
        match filter.check() {
            Ok(()) => assert!(!fails),
            Err(Error::FilterValueTooLong { filter, key, len }) => {
                assert!(fails);
                assert_eq!((filter.as_str(), &*key, len), ("always", KEY, 9));
            }
            Err(other) => panic!("{other}"),
        }
    }
}
