//! The oracle: every version of every class of keys, as plain as can be.
//!
//! A read at bound `R` sees the versions below `R`, newest first. A range delete is written down in every class that it covers,
//! *below* what has its own seqno, since it hides strictly smaller ones.

use std::sync::Arc;

use esker_tree::SeqNo;

/// A value.
pub(crate) type Value = Arc<[u8]>;

/// What a version says of its class.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Put(Value),
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

    /// What a read of a class sees.
    pub(crate) fn get(&self, class: usize, bound: SeqNo) -> Option<Value> {
        let mut newest_first = self.classes[class].iter().rev().filter(|version| version.seqno < bound);
        match &newest_first.next()?.what {
            What::Put(value) => Some(Arc::clone(value)),
            What::Delete | What::Weak | What::Covered => None,
            What::Merge(newest) => Some(folded(newest, newest_first.map(|version| &version.what))),
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
    pub(crate) fn live(&self, classes: impl Iterator<Item = usize>, bound: SeqNo) -> Vec<(usize, Value)> {
        classes.filter_map(|class| Some((class, self.get(class, bound)?))).collect()
    }

    /// Whether a weak delete may come next: exactly one put since the last deletion of any sort.
    pub(crate) fn may_delete_weakly(&self, class: usize) -> bool {
        let mut newest_first = self.classes[class].iter().rev().map(|version| &version.what);
        matches!(newest_first.next(), Some(What::Put(_)))
            && newest_first.next().is_none_or(|before| !matches!(before, What::Put(_)))
    }

    /// Whether a put may come next in a class that is deleted weakly.
    pub(crate) fn may_put_weakly(&self, class: usize) -> bool {
        self.classes[class].last().is_none_or(|version| !matches!(version.what, What::Put(_)))
    }
}

/// What an operand makes of the older versions, which come newest first.
fn folded<'a>(newest: &Value, older: impl Iterator<Item = &'a What>) -> Value {
    let mut operands: Vec<&[u8]> = vec![newest];
    let mut base = None;
    for what in older {
        match what {
            What::Merge(operand) => operands.push(operand),
            What::Put(value) => base = Some(&**value),
            What::Delete | What::Weak | What::Covered => {}
        }
        if !matches!(what, What::Merge(_)) {
            break;
        }
    }
    operands.reverse();
    Arc::from(appended(base, &operands))
}

/// The merge operator of the runs: operands behind the base, of which the last bytes are kept.
pub(crate) fn appended(base: Option<&[u8]>, operands: &[&[u8]]) -> Vec<u8> {
    const KEPT_BYTES: usize = 24;
    let whole = [base.unwrap_or_default(), &operands.concat()].concat();
    whole[whole.len().saturating_sub(KEPT_BYTES)..].to_vec()
}
