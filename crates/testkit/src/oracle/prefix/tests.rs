use super::*;
use crate::oracle::change::{Change, append_merge};

fn put(key: &str, durability: Durability, ack: Ack) -> Commit {
    Commit { changes: vec![Change::put(key, "value")], durability, ack }
}

fn acknowledged(key: &str, durability: Durability) -> Commit {
    put(key, durability, Ack::Acknowledged)
}

fn state(keys: &str) -> State {
    let mut state = State::new();
    for key in keys.chars() {
        state.insert(0, key.to_string().into_bytes(), b"value".to_vec());
    }
    state
}

fn check(history: &[Commit], crash: CrashKind, keys: &str) -> Result<usize, String> {
    check_prefix(&State::new(), history, crash, &state(keys), append_merge)
}

fn mixed() -> Vec<Commit> {
    vec![
        acknowledged("a", Durability::Sync),
        acknowledged("b", Durability::Os),
        acknowledged("c", Durability::Sync),
        acknowledged("d", Durability::Os),
        acknowledged("e", Durability::Buffered),
    ]
}

#[test]
fn a_power_loss_respects_what_was_synced_and_everything_before_it() {
    let history = mixed();
    for (keys, len) in [("abc", 3), ("abcd", 4), ("abcde", 5)] {
        assert_eq!(check(&history, CrashKind::PowerLoss, keys), Ok(len));
    }
    for keys in ["", "a", "ab", "abce", "acd", "abcx"] {
        check(&history, CrashKind::PowerLoss, keys).unwrap_err();
    }
}

#[test]
fn a_kill_respects_what_the_system_has_and_a_close_everything() {
    let history = mixed();
    check(&history, CrashKind::Kill, "abc").unwrap_err();
    assert_eq!(check(&history, CrashKind::Kill, "abcd"), Ok(4));
    check(&history, CrashKind::CleanClose, "abcd").unwrap_err();
    assert_eq!(check(&history, CrashKind::CleanClose, "abcde"), Ok(5));
}

#[test]
fn a_batch_is_there_whole_or_not_at_all() {
    let batch = Commit {
        changes: vec![Change::put("a", "value"), Change::put("b", "value")],
        durability: Durability::Os,
        ack: Ack::Acknowledged,
    };
    let history = [batch];
    assert_eq!(check(&history, CrashKind::PowerLoss, ""), Ok(0));
    check(&history, CrashKind::PowerLoss, "a").unwrap_err();
    assert_eq!(check(&history, CrashKind::PowerLoss, "ab"), Ok(1));
}

#[test]
fn a_refused_batch_is_not_there_and_an_unknown_one_may_be() {
    let history = [
        put("a", Durability::Sync, Ack::Refused),
        put("b", Durability::Sync, Ack::Unknown),
        acknowledged("c", Durability::Sync),
        put("d", Durability::Sync, Ack::Unknown),
    ];
    for keys in ["c", "bc", "cd", "bcd"] {
        check(&history, CrashKind::PowerLoss, keys).unwrap();
    }
    for keys in ["ac", "abc", "b", "bd"] {
        check(&history, CrashKind::PowerLoss, keys).unwrap_err();
    }
}

#[test]
fn a_barrier_promises_what_came_before() {
    let history = [acknowledged("a", Durability::Os), Commit::barrier(Durability::Sync)];
    check(&history, CrashKind::PowerLoss, "").unwrap_err();
    assert_eq!(check(&history, CrashKind::PowerLoss, "a"), Ok(2));
}

#[test]
fn a_deleted_key_that_returns_is_found_out() {
    let mut history = vec![acknowledged("a", Durability::Sync)];
    history.push(Commit {
        changes: vec![Change::delete("a")],
        durability: Durability::Sync,
        ack: Ack::Acknowledged,
    });
    history.push(acknowledged("b", Durability::Sync));
    let message = check(&history, CrashKind::PowerLoss, "ab").unwrap_err();
    assert!(message.starts_with("no prefix"), "{message}");
    let line = "keyspace 0 key \"a\": expected absent, found \"value\"; written by batches 0 (Sync, Acknowledged), \
                1 (Sync, Acknowledged)";
    assert!(message.contains(line), "{message}");
}

#[test]
fn a_loss_says_how_much_was_lost() {
    let message = check(&mixed(), CrashKind::PowerLoss, "a").unwrap_err();
    assert!(message.starts_with("lost: the state is that of the first 1 of 5 batches, but 3"), "{message}");
}
