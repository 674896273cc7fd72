//! Writers that lead and follow: everyone is served, and groups are published in the order of the log.

use std::sync::Arc;

use esker_testkit::model::{catches, explore, schedules};

use crate::commit::line::Line;
use crate::commit::ticket::{Committed, Ticket};
use crate::sync::{AtomicU64, Fault, MutexGuard, Ordering};

const WRITERS: u64 = 3;
const WRITES: u64 = 2;

/// What the log lock guards: the next number.
type Log = u64;

/// The pipeline, but for what it does to logs and memtables.
struct Pipeline {
    line: Line<Log, ()>,
    /// Below it everything is published.
    visible: AtomicU64,
}

impl Pipeline {
    /// One write of one operation.
    fn commit(&self, ticket: &Arc<Ticket<()>>) {
        let committed = match self.line.try_lead_awhile() {
            Some(log) => self.lead(log, 1),
            None => {
                ticket.request().count = 1;
                let committed = self.line.follow(ticket, 1, |log| {
                    self.lead(log, 0);
                });
                committed.unwrap()
            }
        };
        assert!(
            self.visible.load(Ordering::SeqCst) >= committed.next_seqno,
            "acknowledged before it is visible"
        );
    }

    /// Commits the leader's own operations and what is queued, as one group.
    fn lead(&self, mut log: MutexGuard<'_, Log>, own: u64) -> Committed {
        let followers = self.line.take_queued();
        let count = own + followers.iter().map(|follower| u64::from(follower.request().count)).sum::<u64>();
        let first_seqno = *log;
        *log += count;
        let committed = Committed { lsn: *log, next_seqno: *log };
        if count == 0 {
            self.line.let_go(log);
            return committed;
        }
        let applying = self.line.go_on_to_apply(log);
        let before = self.visible.swap(committed.next_seqno, Ordering::SeqCst);
        assert_eq!(before, first_seqno, "published before an earlier group");
        drop(applying);
        for follower in &followers {
            follower.finish(Ok(committed));
        }
        committed
    }
}

fn model() {
    let pipeline = Arc::new(Pipeline { line: Line::new(0), visible: AtomicU64::new(0) });
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let pipeline = Arc::clone(&pipeline);
            shuttle::thread::spawn(move || {
                let ticket = Arc::new(Ticket::new());
                for _ in 0..WRITES {
                    pipeline.commit(&ticket);
                }
            })
        })
        .collect();
    // Somebody who holds the log lock without writing, as a flush does.
    pipeline.line.let_go(pipeline.line.lock());
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(pipeline.visible.load(Ordering::SeqCst), WRITERS * WRITES);
}

/// INV-COMMIT-4, INV-COMMIT-5
#[test]
fn everyone_is_served_and_groups_are_published_in_order() {
    explore(model, schedules(1000));
}

/// INV-COMMIT-5: who queued while the lock was held, and looked in vain, sleeps for ever.
#[test]
fn the_model_catches_a_lock_that_is_let_go_without_promoting_anyone() {
    assert!(catches(Fault::PromotesNobody, model));
}

/// INV-COMMIT-4: between the two locks a later group overtakes.
#[test]
fn the_model_catches_a_log_lock_that_is_let_go_too_early() {
    assert!(catches(Fault::LetsGoBeforeApplying, model));
}
