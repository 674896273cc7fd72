//! Operands of one key and one stripe, held until it is known what they can be folded with.
//!
//! They are held in memory, as they are when the key is read; every so often they are folded into one, if the operator can
//! do that.
//!
//! Not here: what may be folded with what ([`super::fold`]).

use std::fmt;

use esker_mem::seqno::SeqNo;
use esker_mem::slice::UserValue;

use crate::merge_operator::SharedMergeOperator;

/// So many operands are folded into one before more are held.
const FOLD_AT: usize = 1024;
/// The longest operand or value.
const MAX_VALUE_BYTES: usize = u32::MAX as usize;

/// Operands of one key and one stripe, with what folds them.
#[derive(Default)]
pub(super) struct Operands {
    pub(super) operator: Option<SharedMergeOperator>,
    pub(super) key: Vec<u8>,
    /// Newest first.
    pub(super) waiting: Vec<(SeqNo, UserValue)>,
    /// How many came.
    pub(super) taken: u64,
    /// Where the stripe begins.
    pub(super) stripe_from: SeqNo,
    /// Whether nothing newer of the key was among the inputs.
    pub(super) is_newest: bool,
    /// How many may wait.
    fold_at: usize,
}

impl fmt::Debug for Operands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operands").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

impl Operands {
    pub(super) fn new(operator: Option<SharedMergeOperator>) -> Self {
        Self { operator, ..Self::default() }
    }

    /// Takes note of a new key, and of where its stripe begins.
    pub(super) fn begin(&mut self, key: &[u8], is_newest: bool, stripe_from: SeqNo) {
        self.key.clear();
        self.key.extend_from_slice(key);
        self.waiting.clear();
        self.taken = 0;
        self.is_newest = is_newest;
        self.stripe_from = stripe_from;
        self.fold_at = FOLD_AT;
    }

    /// Takes the next older operand.
    pub(super) fn add(&mut self, seqno: SeqNo, operand: &[u8]) {
        self.waiting.push((seqno, UserValue::new(operand)));
        self.taken += 1;
        if self.waiting.len() >= self.fold_at {
            self.fold_partly();
            self.fold_at = FOLD_AT.max(2 * self.waiting.len());
        }
    }

    pub(super) fn newest_seqno(&self) -> SeqNo {
        self.waiting.first().map_or(0, |(seqno, _)| *seqno)
    }

    fn oldest_first(&self) -> Vec<&[u8]> {
        self.waiting.iter().rev().map(|(_, operand)| &**operand).collect()
    }

    /// The value that the operands make of `base`, if the operator can tell.
    pub(super) fn fold_onto(&self, base: Option<&[u8]>) -> Option<UserValue> {
        let operator = self.operator.as_ref()?;
        let folded = operator.merge(&self.key, base, &self.oldest_first()).ok()?;
        Some(folded).filter(|folded| folded.len() <= MAX_VALUE_BYTES)
    }

    /// Makes one operand of several, if the operator can do that.
    pub(super) fn fold_partly(&mut self) {
        let Some(operator) = self.operator.as_ref().filter(|_| self.waiting.len() > 1) else { return };
        let folded = operator.partial_merge(&self.key, &self.oldest_first());
        if let Some(folded) = folded.filter(|folded| folded.len() <= MAX_VALUE_BYTES) {
            let newest = self.newest_seqno();
            self.waiting.clear();
            self.waiting.push((newest, folded));
        }
    }
}
