//! A proof that cannot fail is worthless: each fault planted in a store is seen.

use std::collections::BTreeMap;
use std::sync::Mutex;

use esker_testkit::oracle::change::{Change, Durability};

use crate::proofs::check::{load, read_all, scan_all};
use crate::proofs::keys::key;
use crate::proofs::store::Store;

/// A map in memory.
#[derive(Default)]
struct Model(Mutex<BTreeMap<Vec<u8>, Vec<u8>>>);

impl Store for Model {
    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), String> {
        self.0.lock().unwrap().insert(key.to_vec(), value.to_vec());
        Ok(())
    }
    fn apply(&self, _: &[Change], _: Durability) -> Result<(), String> {
        Err("not asked by the checks".to_owned())
    }
    fn get(&self, key: &[u8], show: &mut dyn FnMut(Option<&[u8]>)) -> Result<(), String> {
        show(self.0.lock().unwrap().get(key).map(Vec::as_slice));
        Ok(())
    }
    fn scan(&self, reverse: bool, show: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), String> {
        let map = self.0.lock().unwrap();
        let mut pairs: Vec<_> = map.iter().collect();
        if reverse {
            pairs.reverse();
        }
        pairs.into_iter().for_each(|(key, value)| show(key, value));
        Ok(())
    }
    fn settle(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Scans upward whatever it is asked.
struct OneWay(Model);

impl Store for OneWay {
    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), String> {
        self.0.put(key, value)
    }
    fn apply(&self, changes: &[Change], durability: Durability) -> Result<(), String> {
        self.0.apply(changes, durability)
    }
    fn get(&self, key: &[u8], show: &mut dyn FnMut(Option<&[u8]>)) -> Result<(), String> {
        self.0.get(key, show)
    }
    fn scan(&self, _: bool, show: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), String> {
        self.0.scan(false, show)
    }
    fn settle(&self) -> Result<(), String> {
        self.0.settle()
    }
}

fn loaded() -> Model {
    let model = Model::default();
    load(&model, 1000, 20).unwrap();
    model
}

fn all(store: &dyn Store) -> [bool; 3] {
    [
        read_all(store, 1000, 20, 1).is_ok(),
        scan_all(store, 1000, 20, false).is_ok(),
        scan_all(store, 1000, 20, true).is_ok(),
    ]
}

#[test]
fn a_true_store_passes() {
    assert_eq!(all(&loaded()), [true; 3]);
}

#[test]
fn a_lost_key_is_seen_by_each() {
    let model = loaded();
    model.0.lock().unwrap().remove(key(17).as_slice());
    assert_eq!(all(&model), [false; 3]);
}

#[test]
fn a_wrong_value_is_seen_by_each() {
    let model = loaded();
    let other = model.0.lock().unwrap()[key(18).as_slice()].clone();
    model.0.lock().unwrap().insert(key(17).to_vec(), other);
    assert_eq!(all(&model), [false; 3]);
}

#[test]
fn a_key_that_nobody_wrote_is_seen_by_scans() {
    for foreign in [key(1000).to_vec(), b"ghost".to_vec()] {
        let model = loaded();
        model.0.lock().unwrap().insert(foreign, vec![0; 20]);
        assert_eq!(all(&model), [true, false, false]);
    }
}

#[test]
fn disorder_is_seen() {
    assert_eq!(all(&OneWay(loaded())), [true, true, false]);
}
