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
}

#[derive(Clone, Debug)]
struct Version {
    seqno: SeqNo,
    what: What,
}

/// All that was ever written.
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

    /// What a read of a class sees.
    pub(crate) fn get(&self, class: usize, bound: SeqNo) -> Option<Value> {
        match &self.classes[class].iter().rev().find(|version| version.seqno < bound)?.what {
            What::Put(value) => Some(Arc::clone(value)),
            What::Delete | What::Weak => None,
        }
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
