//! What the slots stand on, as the library has it but for the scheduler.

pub(crate) use crate::library::cache::{key, part, slots, stored};

/// The stand-in for `src/cache/slot.rs`: every access may switch threads, and faults can be planted.
pub(crate) mod slot {
    use std::cell::Cell;

    use arc_swap::{ArcSwapAny, Guard};
    use esker_mem::buffer::Buffer;
    use esker_testkit::model::Plantable;
    use shuttle::sync::atomic::{AtomicBool, Ordering};

    pub(crate) type Held = Guard<Option<Buffer>>;

    pub(crate) struct Slot(ArcSwapAny<Option<Buffer>>);

    impl Slot {
        pub(crate) fn new(block: Option<Buffer>) -> Self {
            Self(ArcSwapAny::new(block))
        }

        pub(crate) fn load(&self) -> Held {
            switch();
            self.0.load()
        }

        pub(crate) fn swap(&self, block: Option<Buffer>) -> Option<Buffer> {
            switch();
            self.0.swap(block)
        }

        pub(crate) fn compare_and_swap(&self, current: &Option<Buffer>, block: Option<Buffer>) -> Held {
            switch();
            self.0.compare_and_swap(current, block)
        }
    }

    /// A point where the scheduler may go on with another thread.
    fn switch() {
        AtomicBool::new(false).load(Ordering::SeqCst);
    }

    /// A defect to plant in the code under test.
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Fault {
        None,
        FillsSlotsLast,
        StoresWhatOthersFilled,
    }

    impl Plantable for Fault {
        const NONE: Self = Self::None;

        fn plant(self) {
            FAULT.set(self);
        }
    }

    thread_local! {
        // All threads of a model run on the thread that started it.
        static FAULT: Cell<Fault> = const { Cell::new(Fault::None) };
    }

    pub(crate) fn fills_slots_last() -> bool {
        FAULT.get() == Fault::FillsSlotsLast
    }

    pub(crate) fn stores_what_others_filled() -> bool {
        FAULT.get() == Fault::StoresWhatOthersFilled
    }
}

/// The stand-in for `src/cache/store.rs`: room for one block, and the older one goes.
pub(crate) mod store {
    use std::collections::VecDeque;

    use shuttle::sync::Mutex;

    use super::key::BlockKey;
    use super::stored::Stored;

    const CAPACITY: usize = 1;

    #[derive(Default)]
    pub(crate) struct BlockStore {
        blocks: Mutex<VecDeque<(BlockKey, Stored)>>,
    }

    impl BlockStore {
        pub(crate) fn note_use(&self, _: BlockKey) {}

        pub(crate) fn insert(&self, key: BlockKey, block: Stored) {
            let mut blocks = self.blocks.lock().unwrap();
            blocks.retain(|(other, _)| *other != key);
            blocks.push_back((key, block));
            while blocks.len() > CAPACITY {
                let Some((key, block)) = blocks.pop_front() else { return };
                block.empty_slot(key.ordinal);
            }
        }

        pub(crate) fn remove(&self, key: BlockKey) {
            self.blocks.lock().unwrap().retain(|(other, _)| *other != key);
        }

        /// The ordinals and the first bytes of what it weighs.
        pub(crate) fn weighed(&self) -> Vec<(usize, Vec<u8>)> {
            let blocks = self.blocks.lock().unwrap();
            let first_bytes = |block: &Stored| block.block().unwrap().as_bytes()[..8].to_vec();
            blocks.iter().map(|(key, block)| (key.ordinal, first_bytes(block))).collect()
        }
    }
}
