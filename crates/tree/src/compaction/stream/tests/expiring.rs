//! Values that expire, for every small history of one key, every sequence of compactions, and readers at all times that are still
//! to be read at: INV-TTL-2, INV-TTL-3, INV-TTL-4.

use super::*;
use crate::compaction::filter::{
    CompactionFilter, CompactionFilterFactory, FilterContext, FilterItem, RunningFilter, Verdict,
};
use crate::expiry::stored;

/// The times at which there are readers.
const TIMES: [u64; 2] = [5, 15];

/// A version with what it stores.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Stored {
    seqno: SeqNo,
    kind: Kind,
    value: Vec<u8>,
}

/// Versions with these kinds, oldest first; every other value that expires does so between the two times, the rest after them.
fn stored_history(kinds: &[Kind], odd_first: bool) -> Vec<Stored> {
    let version = |(kind, seqno): (&Kind, u64)| {
        let expires_at = if (seqno % 2 == 1) == odd_first { 10 } else { 30 };
        let number = &seqno.to_le_bytes()[..1];
        let value = match kind {
            Kind::ExpiringPut => stored(number, expires_at),
            Kind::Delete | Kind::SingleDelete => Vec::new(),
            _ => number.to_vec(),
        };
        Stored { seqno, kind: *kind, value }
    };
    kinds.iter().zip(1..).map(version).collect()
}

/// What a read at `bound` and `now` finds.
fn read_at(versions: &[Stored], bound: SeqNo, now: u64) -> Option<Vec<u8>> {
    let mut seen: Vec<&Stored> = versions.iter().filter(|v| v.seqno < bound).collect();
    seen.sort_by_key(|v| std::cmp::Reverse(v.seqno));
    let (mut found, mut is_there) = (Vec::new(), false);
    for version in seen {
        let value = match version.kind {
            Kind::ExpiringPut => {
                let (value, expiry) = version.value.split_last_chunk::<8>().unwrap();
                (now < u64::from_le_bytes(*expiry)).then_some(value)
            }
            kind => (!kind.is_tombstone()).then_some(&*version.value),
        };
        is_there |= value.is_some();
        found.splice(0..0, value.into_iter().flatten().copied());
        if version.kind != Kind::Merge {
            break;
        }
    }
    is_there.then_some(found)
}

/// A job's inputs among a key's versions, and its readers.
struct Job<'a> {
    newer: &'a [Stored],
    input: &'a [Stored],
    older: &'a [Stored],
    readers: &'a Readers,
    expired_at: u64,
}

impl Job<'_> {
    fn run(&self, rules: (Folding, Breach), filter: Option<RunningFilter>) -> Vec<Stored> {
        let plain = |versions: &[Stored]| -> Vec<Version> {
            versions.iter().map(|v| Version { seqno: v.seqno, kind: v.kind, origin: v.seqno }).collect()
        };
        let limits = limits(&plain(self.newer), &plain(self.input), &plain(self.older), Breach::None);
        let mut stream = DropStream::new(KeyOrder::Bytes, self.readers.clone(), limits)
            .folding(if rules.0 == Folding::Off { None } else { Some(Arc::new(rules.0)) })
            .filtering(filter)
            .expiring(self.expired_at);
        if let Breach::Rule(rule) = rules.1 {
            stream.broken = Some(rule);
        }
        let mut sorted = self.input.to_vec();
        sorted.sort_by_key(|v| std::cmp::Reverse(v.seqno));
        let mut output = Vec::new();
        let mut emit = |entry: Entry<'_>| -> Result<(), Infallible> {
            let Entry { seqno, kind, value, .. } = entry;
            output.push(Stored { seqno, kind, value: value.to_vec() });
            Ok(())
        };
        for (i, Stored { seqno, kind, value }) in sorted.iter().enumerate() {
            let entry = Entry { key: KEY, is_new_key: i == 0, seqno: *seqno, kind: *kind, value };
            let Ok(()) = stream.push(entry, &mut emit);
        }
        let Ok(()) = stream.finish(&mut emit);
        output
    }
}

/// Readers with everything below the watermark and at most one snapshot, and some with little below it.
fn few_readers(top: SeqNo) -> Vec<Readers> {
    let settled = (1..top).map(|bound| Readers { watermark: top, snapshots: vec![bound] });
    let without = [2, top].map(|watermark| Readers { watermark, snapshots: vec![] });
    settled.chain(without).collect()
}

/// Every sequence of compactions of neighbouring sources, as time goes on and readers come and go; each state must read as the
/// history does, at every time that is not over for some reader.
fn live_on(history: &[Stored], rules: (Folding, Breach)) -> Result<(), String> {
    let top = history.len() as SeqNo + 1;
    let all_readers = few_readers(top);
    let start: Vec<Vec<Stored>> = history.iter().rev().map(|v| vec![v.clone()]).collect();
    let mut seen = HashSet::new();
    let mut todo = vec![(start, Readers { watermark: 1, snapshots: vec![] }, 0)];
    while let Some((sources, before, time)) = todo.pop() {
        if !seen.insert((sources.clone(), before.watermark, before.snapshots.clone(), time)) {
            continue;
        }
        let left = sources.concat();
        for (bound, now) in bounds(&before, top).flat_map(|bound| TIMES.map(|now| (bound, now))) {
            let (was, is) = (read_at(history, bound, now), read_at(&left, bound, now));
            if now >= time && was != is {
                return Err(format!(
                    "at {bound}, {now}: {was:?} {is:?}\n{history:?}\n{before:?}\n{sources:?}"
                ));
            }
        }
        let follows = |next: &&Readers| {
            next.watermark >= before.watermark
                && next.snapshots.iter().all(|s| *s >= before.watermark || before.snapshots.contains(s))
        };
        for (readers, expired_at) in all_readers
            .iter()
            .filter(follows)
            .flat_map(|readers| TIMES.into_iter().filter(|now| *now >= time).map(move |now| (readers, now)))
        {
            for (from, to) in
                (0..sources.len()).flat_map(|from| (from + 1..=sources.len()).map(move |to| (from, to)))
            {
                let [newer, input, older] =
                    [&sources[..from], &sources[from..to], &sources[to..]].map(<[Vec<Stored>]>::concat);
                let job = Job { newer: &newer, input: &input, older: &older, readers, expired_at };
                let next = [&sources[..from], &[job.run(rules, None)], &sources[to..]].concat();
                todo.push((next, readers.clone(), expired_at));
            }
        }
    }
    Ok(())
}

const EXPIRING: [Kind; 4] = [Kind::Put, Kind::ExpiringPut, Kind::Delete, Kind::Merge];

/// All histories of so many versions with an expiring one among them.
fn expiring_histories(kinds: &[Kind], len: usize) -> Vec<Vec<Stored>> {
    let all = histories(kinds, len).into_iter().map(|h| h.iter().map(|v| v.kind).collect::<Vec<_>>());
    let expiring = all.filter(|kinds| kinds.contains(&Kind::ExpiringPut));
    expiring.flat_map(|kinds| [true, false].map(|odd| stored_history(&kinds, odd))).collect()
}

/// Histories that keep the contract of weak deletes, in which some puts expire.
fn weak_histories(len: usize) -> Vec<Vec<Stored>> {
    let kinds = [Kind::Put, Kind::ExpiringPut, Kind::SingleDelete];
    let mut all = expiring_histories(&kinds, len);
    all.retain(|history| {
        let is_put = |v: &Stored| v.kind != Kind::SingleDelete;
        history.iter().enumerate().all(|(i, v)| is_put(v) == (i % 2 == 0))
    });
    all
}

#[test]
fn no_reader_notices_any_sequence_of_compactions_of_what_expires() {
    for history in (1..=3).flat_map(|len| expiring_histories(&EXPIRING[..3], len)) {
        live_on(&history, (Folding::Off, Breach::None)).unwrap();
    }
    let folds = |history: &Vec<Stored>| history.iter().any(|version| version.kind == Kind::Merge);
    for (folding, most) in [(Folding::Whole, 3), (Folding::Partly, 3), (Folding::Failing, 2)] {
        for history in (1..=most).flat_map(|len| expiring_histories(&EXPIRING, len)).filter(folds) {
            live_on(&history, (folding, Breach::None)).unwrap();
        }
    }
}

/// A weak delete finds its put though that has expired.
#[test]
fn no_reader_notices_weak_deletes_of_what_expires() {
    for history in (1..=4).flat_map(weak_histories) {
        live_on(&history, (Folding::Off, Breach::None)).unwrap();
    }
}

/// Within the contract: one put since the last deletion.
fn twice_put() -> Vec<Stored> {
    let kinds = [Kind::Put, Kind::Put, Kind::Delete, Kind::ExpiringPut, Kind::SingleDelete];
    stored_history(&kinds, false)
}

/// One sequence of compactions of these five versions, that of the fault that it is about: the expiring put alone, then with the
/// weak delete, the delete, and the second put.
fn compact_twice_put(breach: Breach) -> Option<Vec<u8>> {
    let history = twice_put();
    let readers = Readers { watermark: 9, snapshots: vec![] };
    let rules = (Folding::Off, breach);
    let job = |newer: &[Stored], input: &[Stored], older: &[Stored]| {
        Job { newer, input, older, readers: &readers, expired_at: 15 }.run(rules, None)
    };
    let [old, put, delete, expiring, weak] = <[Stored; 5]>::try_from(history).unwrap();
    let expired = job(std::slice::from_ref(&weak), &[expiring], &[delete.clone(), put.clone(), old.clone()]);
    let above = job(&[], &[vec![weak], expired].concat(), &[delete.clone(), put.clone(), old.clone()]);
    let above = job(&[], &[above, vec![delete]].concat(), &[put.clone(), old.clone()]);
    let above = job(&[], &[above, vec![put]].concat(), std::slice::from_ref(&old));
    read_at(&[above, vec![old]].concat(), 9, 15)
}

#[test]
fn an_expired_put_that_became_a_tombstone_would_bring_an_old_one_back() {
    assert_eq!(compact_twice_put(Breach::None), None);
    assert!(compact_twice_put(Breach::Rule(Rule::ExpiredIsNoTombstone)).is_some());
}

/// The model notices each rule's breach, so it does guard them.
#[test]
fn every_broken_rule_of_expiry_is_noticed() {
    let rules = [
        (Rule::ExpiredStaysToHide, Folding::Off),
        (Rule::ExpiredTakesNoOlder, Folding::Off),
        (Rule::ExpiredOnlyForAll, Folding::Off),
        (Rule::ExpiringBaseIsNotFolded, Folding::Whole),
    ];
    for (rule, folding) in rules {
        let mut histories = (1..=3).flat_map(|len| expiring_histories(&EXPIRING, len));
        let noticed = histories.any(|history| live_on(&history, (folding, Breach::Rule(rule))).is_err());
        assert!(noticed, "{rule:?} went unnoticed");
    }
}

/// At the bottom, below the watermark and without snapshots, nothing is left of what has expired.
#[test]
fn nothing_is_left_of_what_has_expired_at_the_bottom() {
    let readers = Readers { watermark: 9, snapshots: vec![] };
    for history in (1..=4).flat_map(|len| expiring_histories(&EXPIRING[..3], len)) {
        let job = Job { newer: &[], input: &history, older: &[], readers: &readers, expired_at: 35 };
        let output = job.run((Folding::Off, Breach::None), None);
        assert!(output.iter().all(|v| v.kind == Kind::Put), "{history:?} {output:?}");
    }
}

/// Above older data what has expired loses its value, and stays absent whatever the clock shows later.
#[test]
fn an_expired_value_above_older_data_is_cut_off() {
    let readers = Readers { watermark: 9, snapshots: vec![] };
    let history = stored_history(&[Kind::Put, Kind::ExpiringPut], false);
    let (older, input) = history.split_at(1);
    let job = Job { newer: &[], input, older, readers: &readers, expired_at: 15 };
    let output = job.run((Folding::Off, Breach::None), None);
    assert_eq!(output, [Stored { seqno: 2, kind: Kind::ExpiringPut, value: vec![0; 8] }]);
    assert_eq!(read_at(&[older, &output].concat(), 9, 0), None);
}

/// A value, and when it expires.
type Asked = (Vec<u8>, Option<u64>);

/// Takes note of what it is asked about, and replaces it.
#[derive(Clone, Default)]
struct Curious(Arc<std::sync::Mutex<Vec<Asked>>>);

impl CompactionFilter for Curious {
    fn filter_item(&mut self, item: FilterItem<'_>) -> Verdict {
        self.0.lock().unwrap().push((item.value().to_vec(), item.expires_at()));
        Verdict::ReplaceValue(Slice::from("other"))
    }
}

impl CompactionFilterFactory for Curious {
    fn name(&self) -> &'static str {
        "curious"
    }

    fn make_filter(&self, _: FilterContext) -> Box<dyn CompactionFilter> {
        Box::new(self.clone())
    }
}

/// INV-TTL-6: a filter is shown values without their expiry beside it, as long as they live; what replaces one expires as it did.
#[test]
fn a_filter_sees_values_until_they_expire_and_changes_no_expiry() {
    let readers = Readers { watermark: 9, snapshots: vec![] };
    let history = stored_history(&[Kind::ExpiringPut], true);
    for (expired_at, lives) in [(5, true), (9, true), (10, false), (25, false)] {
        let filter = Curious::default();
        let running = RunningFilter::new(&filter, FilterContext::new(1, false), None);
        let job = Job { newer: &[], input: &history, older: &[], readers: &readers, expired_at };
        let output = job.run((Folding::Off, Breach::None), Some(running));
        let asked = filter.0.lock().unwrap().clone();
        if lives {
            assert_eq!(asked, [(vec![1], Some(10))]);
            assert_eq!(output, [Stored { seqno: 0, kind: Kind::ExpiringPut, value: stored(b"other", 10) }]);
        } else {
            assert_eq!((asked, output), (vec![], vec![]), "at {expired_at}");
        }
    }
}
