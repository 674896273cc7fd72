//! The operations of a run, as plain data: what is left of a script after some of them were taken out still means something.
//!
//! Keys are numbers into the run's universe. A bound, a snapshot or an open range is named by a number that is resolved
//! against what there is when the operation comes; if there is none, or the operation would break a contract, it is passed over.

use super::dice::Dice;

/// Where a read looks from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// Everything that is written.
    Latest,
    /// A live snapshot.
    Snapshot(u16),
    /// A bound between the watermark and the next seqno.
    Between(u16),
}

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Unbounded,
    Included(u16),
    Excluded(u16),
}

/// Both ends of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) lower: Limit,
    pub(crate) upper: Limit,
}

/// How a range is walked: a bit for each step, set for the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walk {
    Front,
    Back,
    /// From both ends, as the bits say.
    Both(u64),
}

/// What the caller advises as a watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advice {
    Highest,
    Part(u16),
}

/// A part of an operation that can be made simpler.
trait Simplest: Sized {
    /// The simplest there is, if this is not it.
    fn simplest(&self) -> Option<Self>;
}

macro_rules! simplest {
    ($($of:ty: $simplest:expr;)*) => {
        $(impl Simplest for $of {
            fn simplest(&self) -> Option<Self> {
                (*self != $simplest).then_some($simplest)
            }
        })*
    };
}

simplest! {
    u8: 0;
    u16: 0;
    bool: false;
    At: At::Latest;
    Walk: Walk::Front;
    Advice: Advice::Highest;
    Span: Span { lower: Limit::Unbounded, upper: Limit::Unbounded };
}

impl<T: Clone> Simplest for Vec<T> {
    fn simplest(&self) -> Option<Self> {
        (self.len() > 1).then(|| self[..1].to_vec())
    }
}

macro_rules! operations {
    ($($(#[$meta:meta])* $weight:literal $name:ident $({ $($field:ident: $type:ty = $draw:expr),* $(,)? })?;)*) => {
        /// One operation.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum Operation {
            $($(#[$meta])* $name $({ $($field: $type),* })?,)*
        }

        impl Operation {
            /// The names of all kinds.
            pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];

            /// How often each comes.
            const WEIGHTS: &[usize] = &[$($weight),*];

            /// The number of its kind.
            pub(crate) fn kind(&self) -> usize {
                let name = match self {
                    $(Operation::$name $({ $($field: _),* })? => stringify!($name),)*
                };
                Self::NAMES.iter().position(|other| *other == name).unwrap()
            }

            /// What it becomes when one of its numbers is replaced by the simplest there is.
            pub(crate) fn simpler(&self) -> Vec<Self> {
                let mut simpler = Vec::new();
                match self {
                    $(Operation::$name $({ $($field),* })? => {
                        $($(if let Some(simplest) = $field.simplest() {
                            let mut operation = self.clone();
                            if let Operation::$name { $field, .. } = &mut operation {
                                *$field = simplest;
                            }
                            simpler.push(operation);
                        })*)?
                    })*
                }
                simpler
            }

            /// Draws one of a kind.
            fn of_kind(kind: usize, dice: &mut Dice) -> Self {
                let name = Self::NAMES[kind];
                $(if name == stringify!($name) {
                    return Operation::$name $({ $($field: ($draw)(dice)),* })?;
                })*
                unreachable!("{name} is one of the names")
            }
        }
    };
}

operations! {
    // Writes.
    120 Insert { key: u16 = Dice::short, len: u8 = short_len };
    4 InsertLarge { key: u16 = Dice::short, len: u16 = large_len };
    6 InsertEmpty { key: u16 = Dice::short };
    40 InsertExpiring { key: u16 = Dice::short, len: u8 = short_len, lives: u8 = lives };
    20 AdvanceClock { millis: u8 = lives };
    40 Remove { key: u16 = Dice::short };
    30 RemoveWeak { key: u16 = Dice::short };
    40 Merge { key: u16 = Dice::short, len: u8 = short_len };
    6 RemoveRange { from: u16 = Dice::short, to: u16 = Dice::short };
    1 RemoveRangeInverted { from: u16 = Dice::short, to: u16 = Dice::short };
    2 RemovePrefix { key: u16 = Dice::short, len: u8 = prefix_len };
    12 ReserveAndApply { keys: Vec<u16> = several, len: u8 = short_len };
    10 ApplyBatch { keys: Vec<u16> = several, len: u8 = short_len };
    2 ApplyBatchTwice { keys: Vec<u16> = several, twice: u16 = Dice::short };
    8 TakeSeqno;
    10 InsertLate { key: u16 = Dice::short, which: u16 = Dice::short };
    3 MergeLate { key: u16 = Dice::short, which: u16 = Dice::short };
    4 RemoveLate { key: u16 = Dice::short, which: u16 = Dice::short };
    1 InstallSealed { keys: Vec<u16> = several, len: u8 = short_len };
    3 Ingest { keys: Vec<u16> = several, len: u8 = short_len };
    2 IngestFile { keys: Vec<u16> = several, len: u8 = short_len };
    1 IngestNotAscending { key: u16 = Dice::short };
    // Point reads.
    140 Get { key: u16 = Dice::short, at: At = at };
    20 GetLatest { key: u16 = Dice::short };
    20 ContainsKey { key: u16 = Dice::short, at: At = at };
    20 SizeOf { key: u16 = Dice::short, at: At = at };
    10 GetPinned { key: u16 = Dice::short, at: At = at };
    10 Overlaid { keys: Vec<u16> = several, span: Span = span, at: At = at, walk: Walk = walk };
    15 MultiGet { keys: Vec<u16> = several, at: At = at };
    5 First { at: At = at };
    5 Last { at: At = at };
    2 Len { at: At = at };
    3 IsEmpty { at: At = at };
    // Range reads.
    12 RangeOwned { span: Span = span, at: At = at, walk: Walk = walk };
    12 RangeLent { span: Span = span, at: At = at, walk: Walk = walk };
    4 IterWhole { at: At = at, walk: Walk = walk };
    8 Prefix { key: u16 = Dice::short, len: u8 = prefix_len, at: At = at, walk: Walk = walk };
    8 SeekTo { span: Span = span, to: u16 = Dice::short, at: At = at, steps: u8 = few };
    8 SeekToForPrev { span: Span = span, to: u16 = Dice::short, at: At = at, steps: u8 = few };
    6 PeekKey { span: Span = span, to: u16 = Dice::short, at: At = at };
    6 PeekBackKey { span: Span = span, to: u16 = Dice::short, at: At = at };
    6 ContainsPrefix { key: u16 = Dice::short, len: u8 = prefix_len, at: At = at };
    6 BatchRangeScan { spans: Vec<Span> = spans, at: At = at };
    5 SeekToAndFro { span: Span = span, to: Vec<u16> = several, at: At = at };
    4 OpenRange { span: Span = span, at: At = at };
    20 StepRange { which: u16 = Dice::short, walk: Walk = walk, steps: u8 = few };
    3 CloseRange { which: u16 = Dice::short };
    // Points in time.
    8 TakeSnapshot { at: At = at };
    2 CloneSnapshot { which: u16 = Dice::short };
    7 ReleaseSnapshot { which: u16 = Dice::short };
    10 RaiseVisible;
    3 ReadTooOld { below: u16 = Dice::short };
    3 WriteTooOld { key: u16 = Dice::short, below: u16 = Dice::short };
    // Upkeep.
    6 Rotate;
    5 FlushActive { advice: Advice = advice };
    4 FlushOldest { advice: Advice = advice };
    4 Compact { advice: Advice = advice };
    5 PickAndRun { idle: bool = coin, advice: Advice = advice };
    3 PickTwoAndRun { idle: bool = coin, first: Advice = advice, second: Advice = advice };
    2 PickAndLetGo { idle: bool = coin };
    2 PickAndCancel { idle: bool = coin, advice: Advice = advice };
    2 MajorCompact { advice: Advice = advice };
    3 CompactRange { span: Span = span, advice: Advice = advice };
    1 DropRange { span: Span = span };
    1 Clear;
    2 Reopen;
    1 SecondOpener;
    1 OtherComparator;
    1 Checkpoint;
    2 Feed { since: u16 = Dice::short };
    4 Trace { key: u16 = Dice::short };
    1 Verify;
    2 Shape;
    2 Room;
    // Refusals.
    1 KeyTooLong;
    1 SeqnoTooHigh { key: u16 = Dice::short };
}

impl Operation {
    /// Draws an operation.
    pub(crate) fn drawn(dice: &mut Dice) -> Self {
        let total: usize = Self::WEIGHTS.iter().sum();
        let mut left = dice.below(total);
        for (kind, weight) in Self::WEIGHTS.iter().enumerate() {
            if left < *weight {
                return Self::of_kind(kind, dice);
            }
            left -= weight;
        }
        unreachable!("the weights add up")
    }
}

fn short_len(dice: &mut Dice) -> u8 {
    dice.pick(&[0, 1, 5, 20, 40, 90])
}

/// Milliseconds.
fn lives(dice: &mut Dice) -> u8 {
    dice.pick(&[0, 1, 2, 10, 50, 200])
}

fn large_len(dice: &mut Dice) -> u16 {
    dice.pick(&[1000, 3000, 9000, 20_000])
}

fn prefix_len(dice: &mut Dice) -> u8 {
    dice.pick(&[0, 1, 2, 6, 14, 20])
}

fn several(dice: &mut Dice) -> Vec<u16> {
    (0..1 + dice.below(12)).map(|_| dice.short()).collect()
}

fn few(dice: &mut Dice) -> u8 {
    dice.below(6) as u8
}

fn coin(dice: &mut Dice) -> bool {
    dice.one_in(2)
}

fn at(dice: &mut Dice) -> At {
    match dice.below(3) {
        0 => At::Latest,
        1 => At::Snapshot(dice.short()),
        _ => At::Between(dice.short()),
    }
}

fn limit(dice: &mut Dice) -> Limit {
    match dice.below(3) {
        0 => Limit::Unbounded,
        1 => Limit::Included(dice.short()),
        _ => Limit::Excluded(dice.short()),
    }
}

fn span(dice: &mut Dice) -> Span {
    Span { lower: limit(dice), upper: limit(dice) }
}

fn spans(dice: &mut Dice) -> Vec<Span> {
    (0..dice.below(5)).map(|_| span(dice)).collect()
}

fn walk(dice: &mut Dice) -> Walk {
    match dice.below(3) {
        0 => Walk::Front,
        1 => Walk::Back,
        _ => Walk::Both(dice.any()),
    }
}

fn advice(dice: &mut Dice) -> Advice {
    if dice.one_in(2) { Advice::Highest } else { Advice::Part(dice.short()) }
}
