use super::*;

fn history(limit_bytes: u64) -> History {
    History::new(limit_bytes, 0, None, (0, 0))
}

fn oldest(gone: &Result<()>) -> Option<SeqNo> {
    match gone {
        Err(Error::HistoryGone { oldest }) => Some(*oldest),
        _ => None,
    }
}

#[test]
fn without_a_horizon_the_history_follows_the_watermark() {
    let history = history(u64::MAX);
    assert_eq!((history.horizon(), history.oldest()), (None, 0));
    assert_eq!(history.cap(10), 10);
    assert_eq!(history.cap(7), 7, "an older job");
    assert_eq!(history.oldest(), 10);
    assert_eq!(oldest(&history.check(9)), Some(10));
    assert!(history.check(10).is_ok());
}

/// INV-FEED-1, INV-FEED-2.
#[test]
fn a_horizon_holds_every_job_back_and_comes_too_late_for_what_was_allowed() {
    let history = history(u64::MAX);
    history.cap(10);
    assert_eq!(oldest(&history.set(Some(9))), Some(10));
    history.set(Some(12)).unwrap();
    assert_eq!((history.cap(11), history.cap(50), history.oldest()), (11, 12, 12));
    history.register(15).unwrap();
    assert_eq!(oldest(&history.register(11)), Some(12));
    history.set(None).unwrap();
    assert_eq!(history.horizon(), Some(15));
    history.advance(15, 20);
    assert_eq!(history.cap(50), 20);
    history.release(20);
    assert_eq!((history.horizon(), history.cap(50), history.oldest()), (None, 50, 50));
}

#[test]
fn a_reopened_history_begins_where_the_last_one_was_complete() {
    let history = History::new(1, 20, Some(30), (0, 0));
    assert_eq!((history.oldest(), history.horizon(), history.recorded()), (20, Some(30), Some(30)));
    history.set(None).unwrap();
    assert_eq!((history.horizon(), history.recorded()), (None, Some(MAX_SEQNO)));
    assert_eq!(History::new(1, 20, None, (0, 0)).recorded(), None);
}

#[test]
fn what_is_erased_is_no_history_whoever_wants_it() {
    let history = history(u64::MAX);
    history.set(Some(10)).unwrap();
    history.cap(50);
    history.erase_below(40);
    assert_eq!((history.horizon(), history.oldest(), history.cap(50)), (Some(40), 40, 40));
    assert_eq!(oldest(&history.check(39)), Some(40));
}

#[test]
fn more_than_the_limit_is_given_up_oldest_flush_first() {
    let history = history(100);
    history.note_flush(5, 1000);
    history.set(Some(10)).unwrap();
    for flush in 1..=4 {
        history.note_flush(10 * flush + 9, 30);
    }
    // 19, 29, 39, 49 with 30 bytes each: the first is given up.
    assert_eq!((history.horizon(), history.cap(60)), (Some(20), 20));
    history.note_flush(59, 200);
    assert_eq!(history.horizon(), Some(60), "one flush alone was too much");
    history.set(Some(70)).unwrap();
    history.note_flush(79, 100);
    assert_eq!(history.horizon(), Some(70), "what the caller let go does not count");
}
