//! Which engines are built for which options.

use crate::bench::{features, refuse_unknown, value_of};

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn only_the_engines_asked_for_are_built() {
    assert_eq!(features(&words("")), "all");
    assert_eq!(features(&words("--keys 1000")), "all");
    assert_eq!(features(&words("--quick --keys 1000")), "quick");
    assert_eq!(features(&words("--scaling --resume")), "esker,rocksdb,heed,fjall");
    assert_eq!(features(&words("--report=old.jsonl")), "quick");
    assert_eq!(features(&words("--quick --engines esker,sled")), "esker,sled");
    assert_eq!(features(&words("--engines=esker,heed")), "esker,heed");
}

#[test]
fn values_stand_behind_a_space_or_a_sign() {
    assert_eq!(value_of(&words("--out a --dir=b"), "--out"), Some("a"));
    assert_eq!(value_of(&words("--out a --dir=b"), "--dir"), Some("b"));
    assert_eq!(value_of(&words("--outer a"), "--out"), None);
}

#[test]
fn an_unknown_engine_is_refused_with_those_there_are() {
    let manifest = "[features]\ndefault = [\"quick\"]\nquick = [\"esker\"]\nesker = []\nredb = []\n";
    assert_eq!(refuse_unknown("quick", manifest), Ok(()));
    assert_eq!(refuse_unknown("esker,redb", manifest), Ok(()));
    let refusal = refuse_unknown("esker,leveldb", manifest).unwrap_err();
    assert_eq!(refusal, "no engine is called leveldb; there are esker, redb");
}
