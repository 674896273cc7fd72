//! Point reads of a run.

use esker_tree::SeqNo;

use super::operation::Operation;
use super::oracle::Value;
use super::subject::{Done, Outcome, Subject, same, told};

impl Subject {
    /// Does one of the point reads.
    pub(super) fn read_points(&self, operation: &Operation) -> Outcome {
        use Operation as O;
        match operation {
            O::Get { key, at } => {
                let (bytes, bound) = (self.universe.key(*key), self.bound(*at));
                let got = self.tree().get(bytes, bound).map_err(told("get"))?;
                self.same_value("get", *key, bound, got.as_deref())?;
            }
            O::GetLatest { key } => {
                let got = self
                    .tree()
                    .get_latest(self.universe.key(*key), || SeqNo::MAX)
                    .map_err(told("get_latest"))?;
                self.same_value("get_latest", *key, SeqNo::MAX, got.as_deref())?;
            }
            O::ContainsKey { key, at } => {
                let bound = self.bound(*at);
                let got =
                    self.tree().contains_key(self.universe.key(*key), bound).map_err(told("contains_key"))?;
                same("contains_key", &got, &self.seen(*key, bound).is_some())?;
            }
            O::SizeOf { key, at } => {
                let bound = self.bound(*at);
                let got = self.tree().size_of(self.universe.key(*key), bound).map_err(told("size_of"))?;
                let wanted = self.seen(*key, bound);
                same("size_of", &got, &wanted.map(|value| value.len() as u32))?;
            }
            O::GetPinned { key, at } => {
                let (bytes, bound) = (self.universe.key(*key), self.bound(*at));
                let got = self.tree().get_pinned(bytes, bound).map_err(told("get_pinned"))?;
                self.same_value("get_pinned", *key, bound, got.as_deref())?;
            }
            O::MultiGet { keys, at } => {
                let bound = self.bound(*at);
                let asked: Vec<&[u8]> = keys.iter().map(|key| self.universe.key(*key)).collect();
                let got = self.tree().multi_get(asked, bound).map_err(told("multi_get"))?;
                same("answers of multi_get", &got.len(), &keys.len())?;
                for (key, got) in keys.iter().zip(got) {
                    self.same_value("multi_get", *key, bound, got.as_deref())?;
                }
            }
            O::First { at } => {
                let bound = self.bound(*at);
                let got = self.tree().first_key_value(bound).map_err(told("first"))?;
                self.same_pair("first", &got, self.all(bound).first())?;
            }
            O::Last { at } => {
                let bound = self.bound(*at);
                let got = self.tree().last_key_value(bound).map_err(told("last"))?;
                self.same_pair("last", &got, self.all(bound).last())?;
            }
            O::Len { at } => {
                let bound = self.bound(*at);
                same("len", &self.tree().len(bound).map_err(told("len"))?, &self.all(bound).len())?;
            }
            O::IsEmpty { at } => {
                let bound = self.bound(*at);
                let got = self.tree().is_empty(bound).map_err(told("is_empty"))?;
                same("is_empty", &got, &self.all(bound).is_empty())?;
            }
            other => unreachable!("{other:?} is no point read"),
        }
        Ok(Done::Checked)
    }

    /// Everything that is live at a bound.
    pub(super) fn all(&self, bound: SeqNo) -> Vec<(usize, Value)> {
        self.oracle.live(0..self.universe.classes(), bound, self.time_at(bound))
    }

    /// What a read of a key at a bound is to see.
    pub(super) fn seen(&self, key: u16, bound: SeqNo) -> Option<Value> {
        self.oracle.get(self.universe.class(key), bound, self.time_at(bound))
    }

    fn same_value(&self, what: &str, key: u16, bound: SeqNo, got: Option<&[u8]>) -> Result<(), String> {
        let wanted = self.seen(key, bound);
        if got == wanted.as_deref() {
            return Ok(());
        }
        Err(format!(
            "{what} of {} at {bound}: got {}, expected {}",
            shown(self.universe.key(key)),
            maybe(got),
            maybe(wanted.as_deref())
        ))
    }

    fn same_pair<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        what: &str,
        got: &Option<(K, V)>,
        wanted: Option<&(usize, Value)>,
    ) -> Result<(), String> {
        let got = got.as_ref().map(|(key, value)| (key.as_ref(), value.as_ref()));
        self.same_entry(what, got, wanted)
    }

    /// Compares an entry that the tree gave with the one that the oracle expects: the key by its class.
    pub(super) fn same_entry(
        &self,
        what: &str,
        got: Option<(&[u8], &[u8])>,
        wanted: Option<&(usize, Value)>,
    ) -> Result<(), String> {
        let same = match (got, wanted) {
            (None, None) => true,
            (Some((key, value)), Some((class, wanted))) => {
                self.universe.is_of_class(key, *class, &self.order) && value == &**wanted
            }
            _ => false,
        };
        if same {
            return Ok(());
        }
        let got =
            got.map_or("nothing".to_owned(), |(key, value)| format!("{} = {}", shown(key), shown(value)));
        let wanted = wanted.map_or("nothing".to_owned(), |(class, value)| {
            format!("{} = {}", shown(self.universe.key_of_class(*class)), shown(value))
        });
        Err(format!("{what}: got {got}, expected {wanted}"))
    }
}

/// Bytes as text, cut short.
pub(super) fn shown(bytes: &[u8]) -> String {
    let end = bytes.len().min(40);
    let cut = if bytes.len() > end { format!("... ({} bytes)", bytes.len()) } else { String::new() };
    format!("\"{}\"{cut}", bytes[..end].escape_ascii())
}

fn maybe(bytes: Option<&[u8]>) -> String {
    bytes.map_or("nothing".to_owned(), shown)
}
