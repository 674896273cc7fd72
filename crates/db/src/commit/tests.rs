//! The pipeline in an environment that remembers what was asked of it, and in which order.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use esker_format::batch::{Operation, put_operation};
use esker_testkit::fault_fs::plan::{CallKind, FaultPlan, InjectedError, Strike};

use super::*;
use crate::commit::ticket::Touch;
use crate::error::{Error, ErrorKind};
use crate::options::RecoveryMode;
use crate::wal::testing::{TestLog, read};

/// What happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Reserve(u32, usize),
    Apply(SeqNo, Vec<u8>),
    Publish(SeqNo),
}

#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<Event>>,
    visible: AtomicU64,
    reserved: AtomicUsize,
    /// The keyspace in which there is no room.
    refuses: Option<u32>,
}

impl Recorder {
    fn note(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }
}

impl Environment for Recorder {
    type Keyspace = u32;
    type Reservation = u32;
    type Inserter<'a> = ();

    fn reserve(&self, keyspace: &u32, entries: usize, _: usize) -> Result<u32> {
        if self.refuses == Some(*keyspace) {
            return Err(Error::ValueTooLong { len: 1 });
        }
        self.note(Event::Reserve(*keyspace, entries));
        self.reserved.fetch_add(entries, Ordering::SeqCst);
        Ok(*keyspace)
    }

    fn cancel(&self, _: &u32, entries: usize, _: usize) {
        self.reserved.fetch_sub(entries, Ordering::SeqCst);
    }

    fn release(&self, _: &u32, entries: usize, _: usize) {
        self.reserved.fetch_sub(entries, Ordering::SeqCst);
    }

    fn begin<'a>(&'a self, _: &'a u32) {}

    fn insert(&self, (): &mut (), entry: &Entry<'_>) {
        assert!(self.visible.load(Ordering::SeqCst) <= entry.seqno, "applied before published");
        self.note(Event::Apply(entry.seqno, entry.key.to_vec()));
    }

    fn remove_range(&self, (): &mut (), start: &[u8], end: &[u8], seqno: SeqNo) {
        self.note(Event::Apply(seqno, [start, b"..", end].concat()));
    }

    fn publish(&self, next_seqno: SeqNo) {
        let before = self.visible.swap(next_seqno, Ordering::SeqCst);
        assert!(before < next_seqno, "published in order");
        self.note(Event::Publish(next_seqno));
    }

    fn appended(&self, _: bool) {}
}

fn pipeline(environment: Recorder) -> (esker_testkit::fault_fs::FaultFs, Pipeline<Recorder>) {
    let TestLog { fs, writer, .. } = TestLog::fresh();
    (fs, Pipeline::new(environment, writer, 1))
}

/// A ticket that puts some keys, each into a keyspace.
fn ticket(keys: &[(u32, &[u8])], durability: Durability) -> Arc<Ticket<u32>> {
    let ticket = Arc::new(Ticket::new());
    {
        let mut request = ticket.request();
        request.durability = durability;
        let mut entries: BTreeMap<u32, usize> = BTreeMap::new();
        for (keyspace, key) in keys {
            put_operation(&mut request.payload, KeyspaceId(*keyspace), Operation::Put, key, b"v");
            request.count += 1;
            *entries.entry(*keyspace).or_default() += 1;
        }
        for (keyspace, entries) in entries {
            request.touches.push(Touch { id: KeyspaceId(keyspace), keyspace, entries, key_value_bytes: 8 });
        }
    }
    ticket
}

fn commit<E: Environment<Keyspace = u32>>(
    pipeline: &Pipeline<E>,
    ticket: &Arc<Ticket<u32>>,
) -> Result<Committed> {
    pipeline.commit(ticket, ticket.request())
}

fn events(pipeline: &Pipeline<Recorder>) -> Vec<Event> {
    pipeline.environment().events.lock().unwrap().clone()
}

#[test]
fn a_batch_is_reserved_numbered_applied_and_published_once() {
    // INV-COMMIT-1, INV-COMMIT-4
    let (fs, pipeline) = pipeline(Recorder::default());
    let batch = ticket(&[(1, b"a"), (2, b"b"), (1, b"c")], Durability::Os);
    let committed = commit(&pipeline, &batch).unwrap();
    assert_eq!(committed.next_seqno, 4);
    let apply = |seqno, key: &[u8]| Event::Apply(seqno, key.to_vec());
    assert_eq!(
        events(&pipeline),
        [
            Event::Reserve(1, 2),
            Event::Reserve(2, 1),
            apply(1, b"a"),
            apply(2, b"b"),
            apply(3, b"c"),
            Event::Publish(4)
        ]
    );
    assert_eq!(read(&fs, RecoveryMode::default()).unwrap().0.len(), 1, "one frame");
}

#[test]
fn a_failed_append_applies_nothing_and_burns_its_numbers() {
    // INV-COMMIT-3
    let (fs, pipeline) = pipeline(Recorder::default());
    fs.set_plan(FaultPlan::error(Strike::NthOf(CallKind::Write, 1), InjectedError::StorageFull));
    let failed = commit(&pipeline, &ticket(&[(1, b"a"), (1, b"b")], Durability::Os));
    assert_eq!(failed.map_err(|error| error.kind()), Err(ErrorKind::NoSpace));
    assert_eq!(events(&pipeline), [Event::Reserve(1, 2)]);
    assert_eq!(pipeline.environment().reserved.load(Ordering::SeqCst), 0, "the room is given back");
    let committed = commit(&pipeline, &ticket(&[(1, b"c")], Durability::Os)).unwrap();
    assert_eq!(committed.next_seqno, 4, "1 and 2 are burnt");
    let (entries, _) = read(&fs, RecoveryMode::AbsoluteConsistency).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.seqno).collect::<Vec<_>>(), [3]);
}

#[test]
fn without_room_nothing_is_logged() {
    // INV-COMMIT-1
    let (fs, pipeline) = pipeline(Recorder { refuses: Some(1), ..Recorder::default() });
    let refused = commit(&pipeline, &ticket(&[(1, b"a")], Durability::Sync));
    assert!(matches!(refused, Err(Error::ValueTooLong { .. })));
    assert!(read(&fs, RecoveryMode::default()).unwrap().0.is_empty());
    // There was room in another keyspace, which is given back.
    let refused = commit(&pipeline, &ticket(&[(0, b"a"), (1, b"b"), (3, b"c")], Durability::Os));
    assert!(matches!(refused, Err(Error::ValueTooLong { .. })));
    assert_eq!(pipeline.environment().reserved.load(Ordering::SeqCst), 0);
    assert_eq!(events(&pipeline), [Event::Reserve(0, 1)]);
}

#[test]
fn only_sync_writers_sync() {
    // INV-COMMIT-6
    let (fs, pipeline) = pipeline(Recorder::default());
    fs.set_plan(FaultPlan::default());
    commit(&pipeline, &ticket(&[(1, b"a")], Durability::Buffered)).unwrap();
    assert_eq!((fs.calls(CallKind::Write), fs.calls(CallKind::Sync)), (0, 0));
    commit(&pipeline, &ticket(&[(1, b"b")], Durability::Os)).unwrap();
    assert_eq!((fs.calls(CallKind::Write), fs.calls(CallKind::Sync)), (1, 0));
    commit(&pipeline, &ticket(&[(1, b"c")], Durability::Sync)).unwrap();
    assert_eq!((fs.calls(CallKind::Write), fs.calls(CallKind::Sync)), (2, 1));
    pipeline.persist(Durability::Sync).unwrap();
    assert_eq!(fs.calls(CallKind::Sync), 1, "all is synced");
}

#[test]
fn a_failed_sync_is_indeterminate() {
    // INV-LIFE-2
    let (fs, pipeline) = pipeline(Recorder::default());
    fs.set_plan(FaultPlan::error(Strike::NthOf(CallKind::Sync, 1), InjectedError::DeviceFailed));
    for _ in 0..2 {
        let failed = commit(&pipeline, &ticket(&[(1, b"a")], Durability::Sync));
        assert_eq!(failed.map_err(|error| error.kind()), Err(ErrorKind::Indeterminate));
    }
}

#[test]
fn many_writers_are_logged_applied_and_published_in_one_order() {
    // INV-COMMIT-4, INV-COMMIT-5: the recorder asserts the order of publication; every writer is woken, or this hangs.
    const WRITERS: u32 = 8;
    const WRITES: u32 = 400;
    let (fs, pipeline) = pipeline(Recorder::default());
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let pipeline = &pipeline;
            scope.spawn(move || {
                for i in 0..WRITES {
                    let durability = if i % 64 == 0 { Durability::Sync } else { Durability::Os };
                    let key = format!("{writer}-{i}");
                    let keys = [(writer % 3, key.as_bytes()), (5, b"shared")];
                    let committed = commit(pipeline, &ticket(&keys, durability)).unwrap();
                    let visible = pipeline.environment().visible.load(Ordering::SeqCst);
                    assert!(visible >= committed.next_seqno, "an acknowledged write is visible");
                }
            });
        }
    });
    let applied: Vec<SeqNo> = events(&pipeline)
        .iter()
        .filter_map(|event| match event {
            Event::Apply(seqno, _) => Some(*seqno),
            _ => None,
        })
        .collect();
    assert!(applied.iter().copied().eq(1..=u64::from(WRITERS * WRITES * 2)), "in order, without gaps");
    assert_eq!(pipeline.environment().reserved.load(Ordering::SeqCst), 0);
    let (entries, end) = read(&fs, RecoveryMode::AbsoluteConsistency).unwrap();
    assert_eq!(end.next_seqno, u64::from(WRITERS * WRITES * 2) + 1);
    assert!(entries.windows(2).all(|pair| pair[0].seqno < pair[1].seqno));
}

#[test]
fn a_barrier_stands_between_groups() {
    // INV-COMMIT-2: what is numbered at the barrier does not change while it stands.
    let (_fs, pipeline) = pipeline(Recorder::default());
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..500 {
                commit(&pipeline, &ticket(&[(1, b"a")], Durability::Os)).unwrap();
            }
        });
        for _ in 0..100 {
            pipeline.at_barrier(|log| {
                let numbered = log.next_seqno;
                thread::yield_now();
                assert_eq!(log.next_seqno, numbered);
            });
        }
        writer.join().unwrap();
    });
}

#[test]
fn the_planted_bug_acknowledges_what_was_never_written() {
    struct Wrong(Recorder);
    impl Environment for Wrong {
        type Keyspace = u32;
        type Reservation = u32;
        type Inserter<'a> = ();
        fn reserve(&self, keyspace: &u32, entries: usize, bytes: usize) -> Result<u32> {
            self.0.reserve(keyspace, entries, bytes)
        }
        fn cancel(&self, keyspace: &u32, entries: usize, bytes: usize) {
            self.0.cancel(keyspace, entries, bytes);
        }
        fn release(&self, keyspace: &u32, entries: usize, bytes: usize) {
            self.0.release(keyspace, entries, bytes);
        }
        fn begin<'a>(&'a self, _: &'a u32) {}
        fn insert(&self, inserter: &mut (), entry: &Entry<'_>) {
            self.0.insert(inserter, entry);
        }
        fn remove_range(&self, inserter: &mut (), start: &[u8], end: &[u8], seqno: SeqNo) {
            self.0.remove_range(inserter, start, end, seqno);
        }
        fn publish(&self, next_seqno: SeqNo) {
            self.0.publish(next_seqno);
        }
        fn appended(&self, _: bool) {}
        fn planted_bug(&self) -> Option<PlantedBug> {
            Some(PlantedBug::PublishBeforeAppend)
        }
    }
    let TestLog { fs, writer, .. } = TestLog::fresh();
    let pipeline = Pipeline::new(Wrong(Recorder::default()), writer, 1);
    fs.power_off();
    assert!(commit(&pipeline, &ticket(&[(1, b"a")], Durability::Os)).is_ok());
}
