//! The oracle: every version of every class of keys, as plain as can be.
//!
//! A read at bound `R` sees the versions below `R`, newest first; of values that expire those that have not at its time. A range delete is written down in every class that it covers,
//! *below* what has its own seqno, since it hides strictly smaller ones.

use std::sync::Arc;

use esker_tree::SeqNo;

/// A value.
pub(crate) type Value = Arc<[u8]>;

/// What a version says of its class.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Put(Value),
    /// A value, and when it expires.
    Expiring(Value, u64),
    Delete,
    /// A delete that goes with the put before it.
    Weak,
    /// A range delete went over it.
    Covered,
    /// An operand for the merge operator.
    Merge(Value),
}

#[derive(Clone, Debug)]
struct Version {
    seqno: SeqNo,
    what: What,
}

/// All that was ever written.
#[derive(Clone)]
pub(crate) struct Oracle {
    classes: Vec<Vec<Version>>,
}

impl Oracle {
    pub(crate) fn new(classes: usize) -> Self {
        Self { classes: vec![Vec::new(); classes] }
    }

    /// Writes one version; what has the same seqno already stands before it.
    pub(crate) fn write(&mut self, class: usize, seqno: SeqNo, what: What) {
        let versions = &mut self.classes[class];
        let at = versions.partition_point(|version| version.seqno <= seqno);
        versions.insert(at, Version { seqno, what });
    }

    /// Deletes a class as part of a range: all that has a strictly smaller seqno.
    pub(crate) fn cover(&mut self, class: usize, seqno: SeqNo) {
        let versions = &mut self.classes[class];
        let at = versions.partition_point(|version| version.seqno < seqno);
        versions.insert(at, Version { seqno, what: What::Covered });
    }

    /// What a read of a class sees at a time.
    pub(crate) fn get(&self, class: usize, bound: SeqNo, now: u64) -> Option<Value> {
        let mut newest_first = self.classes[class].iter().rev().filter(|version| version.seqno < bound);
        let newest = &newest_first.next()?.what;
        match newest {
            What::Merge(operand) => Some(folded(operand, newest_first.map(|version| &version.what), now)),
            whole => whole.value_at(now).cloned(),
        }
    }

    /// The writes of single keys from a seqno on: by seqno, then class.
    pub(crate) fn points_since(&self, since: SeqNo) -> Vec<(SeqNo, usize, What)> {
        let of_class = |(class, versions): (usize, &Vec<Version>)| {
            let from = versions.partition_point(|version| version.seqno < since);
            let points = versions[from..].iter().filter(|version| !matches!(version.what, What::Covered));
            points.map(|version| (version.seqno, class, version.what.clone())).collect::<Vec<_>>()
        };
        let mut points: Vec<_> = self.classes.iter().enumerate().flat_map(of_class).collect();
        points.sort_by_key(|(seqno, class, _)| (*seqno, *class));
        points
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.classes.iter_mut().for_each(Vec::clear);
    }

    /// Forgets the versions of a class below a seqno.
    pub(crate) fn forget_below(&mut self, class: usize, seqno: SeqNo) {
        self.classes[class].retain(|version| version.seqno >= seqno);
    }

    /// The classes of `range` that a scan sees, ascending, with their values.
    pub(crate) fn live(
        &self,
        classes: impl Iterator<Item = usize>,
        bound: SeqNo,
        now: u64,
    ) -> Vec<(usize, Value)> {
        classes.filter_map(|class| Some((class, self.get(class, bound, now)?))).collect()
    }

    /// Whether a weak delete may come next: exactly one put since the last deletion of any sort.
    pub(crate) fn may_delete_weakly(&self, class: usize) -> bool {
        let mut newest_first = self.classes[class].iter().rev().map(|version| &version.what);
        newest_first.next().is_some_and(What::is_put)
            && newest_first.next().is_none_or(|before| !before.is_put())
    }

    /// Whether a put may come next in a class that is deleted weakly.
    pub(crate) fn may_put_weakly(&self, class: usize) -> bool {
        self.classes[class].last().is_none_or(|version| !version.what.is_put())
    }
}

/// What an operand makes of the older versions, which come newest first.
fn folded<'a>(newest: &Value, older: impl Iterator<Item = &'a What>, now: u64) -> Value {
    let mut operands: Vec<&[u8]> = vec![newest];
    let mut base = None;
    for what in older {
        let What::Merge(operand) = what else {
            base = what.value_at(now).map(|value| &**value);
            break;
        };
        operands.push(operand);
    }
    operands.reverse();
    Arc::from(appended(base, &operands))
}

impl What {
    /// The value that a version is by itself, at a time.
    fn value_at(&self, now: u64) -> Option<&Value> {
        match self {
            Self::Put(value) => Some(value),
            Self::Expiring(value, expires_at) => (now < *expires_at).then_some(value),
            Self::Delete | Self::Weak | Self::Covered | Self::Merge(_) => None,
        }
    }

    /// Whether it is a value, expired or not: what a weak delete goes with.
    fn is_put(&self) -> bool {
        matches!(self, Self::Put(_) | Self::Expiring(..))
    }
}

/// The merge operator of the runs: operands behind the base, of which the last bytes are kept.
pub(crate) fn appended(base: Option<&[u8]>, operands: &[&[u8]]) -> Vec<u8> {
    const KEPT_BYTES: usize = 24;
    let whole = [base.unwrap_or_default(), &operands.concat()].concat();
    whole[whole.len().saturating_sub(KEPT_BYTES)..].to_vec()
}
