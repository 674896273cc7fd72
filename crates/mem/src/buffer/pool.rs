//! [`BufferPool`]: memory for buffers out of huge pages.
//!
//! A cache of many blocks in ordinary memory touches another page of address space with nearly every access, so that
//! translating addresses costs as much as the accesses. The pool takes regions of 32 MiB from the system, asks for huge
//! pages for them, and hands out runs of units of 128 bytes, none of which crosses a huge page. A page that nobody has
//! anything in is given back at once.
//!
//! Where a run goes: into the first page, from where the last one went, that has such a run; a page that had none is not
//! looked at again until something in it is freed or less is asked for. A fresh page is begun only when no page in use
//! has room, and only below the limit. What finds no place comes from the allocator as it would without a pool.
//!
//! What is counted, both ways, is what the system had to give: whole pages ([`BufferPool::held_bytes`]) whatever part of
//! them is in use, and what came from the allocator.
//!
//! INV-MEM-15: a unit is marked as used from before its address is given out until it is given back, so that no two buffers
//! share one; and only pages without such units are closed to all or given back to the system.
//!
//! Thread-safety: one lock around the book-keeping, held for some hundred nanoseconds by whoever takes or frees a
//! buffer; readers of buffers never meet it. It is a leaf.
//!
//! The test crate `tests/model` compiles this file against a `sync` in which threads take turns at every access.
//!
//! Not here: the units of one page (`page.rs`); what stays cached, and which pages are
//! [closed](BufferPool::close_emptiest_page) to empty them.

use crate::arena::region::Region;
use crate::buffer::pool::page::{Page, UNIT, UNITS, units_of};
use crate::huge_pages::HUGE_PAGE;
use crate::sync::{AtomicUsize, Mutex, MutexGuard, Ordering, closes_in_two_steps, frees_in_two_steps};
use std::collections::BTreeMap;
use std::fmt;
use std::ptr::NonNull;
use std::sync::PoisonError;

mod page;

/// Pages of a region. A region is larger than what an allocator keeps for itself when it is freed.
const PAGES: usize = 16;

/// Memory for buffers. Shared behind an `Arc`.
pub struct BufferPool {
    /// Bytes in whole pages that may be held.
    limit: AtomicUsize,
    held: AtomicUsize,
    /// How much of that is closed.
    closing: AtomicUsize,
    /// What came from the allocator for want of room.
    outside: AtomicUsize,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    /// By address.
    regions: BTreeMap<usize, Pages>,
    /// Where the last run was found.
    last: (usize, usize),
}

struct Pages {
    region: Region,
    pages: [Page; PAGES],
}

impl BufferPool {
    /// A pool of at most `limit_bytes`, in whole huge pages. It takes nothing before it is used.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            limit: AtomicUsize::new(limit_bytes),
            held: AtomicUsize::new(0),
            closing: AtomicUsize::new(0),
            outside: AtomicUsize::new(0),
            book: Mutex::default(),
        }
    }

    /// Changes the limit. What is held beyond it stays until it is freed.
    pub fn set_limit_bytes(&self, limit_bytes: usize) {
        self.limit.store(limit_bytes, Ordering::Relaxed);
    }

    /// Bytes of the pages that are in use, in whatever part.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Bytes of those pages that are closed: they go when the last buffer in them does.
    #[must_use]
    pub fn closing_bytes(&self) -> usize {
        self.closing.load(Ordering::Relaxed)
    }

    /// Bytes of buffers that found no room and came from the allocator.
    #[must_use]
    pub fn outside_bytes(&self) -> usize {
        self.outside.load(Ordering::Relaxed)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for `bytes`, aligned to the unit, and how much it is, or `None` if there is none. It holds whatever it held
    /// before.
    pub(super) fn take(&self, bytes: usize) -> Option<(NonNull<u8>, usize)> {
        let units = units_of(bytes);
        if units > UNITS {
            return None;
        }
        let mut book = self.book();
        if let Some(found) = book.take_from_held(units) {
            return Some((found, units * UNIT));
        }
        let staying = self.held_bytes().saturating_sub(self.closing_bytes());
        if staying + HUGE_PAGE > self.limit.load(Ordering::Relaxed) {
            return None;
        }
        let found = book.take_from_fresh(units)?;
        self.held.fetch_add(HUGE_PAGE, Ordering::Relaxed);
        Some((found, units * UNIT))
    }

    /// Takes back what [`BufferPool::take`] gave for so many bytes.
    pub(super) fn give_back(&self, address: NonNull<u8>, bytes: usize) {
        let mut book = self.book();
        let Some((at, page_at)) = book.place_of(address.addr().get()) else { return };
        let Some(page) = book.page(at, page_at) else { return };
        page.free(address.addr().get() % HUGE_PAGE / UNIT, units_of(bytes));
        if !page.is_empty() {
            return;
        }
        if frees_in_two_steps() {
            drop(book);
            book = self.book();
        }
        let Some(pages) = book.regions.get_mut(&at) else { return };
        let Some(page) = pages.pages.get_mut(page_at) else { return };
        if page.is_closed() {
            self.closing.fetch_sub(HUGE_PAGE, Ordering::Relaxed);
        }
        *page = Page::EMPTY;
        self.held.fetch_sub(HUGE_PAGE, Ordering::Relaxed);
        if pages.pages.iter().any(Page::is_held) {
            // SAFETY: no unit of the page is in use, and nobody gets one while we hold the lock.
            unsafe { pages.region.give_back(page_at * HUGE_PAGE, HUGE_PAGE) };
        } else {
            // Giving a region back takes a while: not under the lock.
            let region = book.regions.remove(&at);
            drop(book);
            drop(region);
        }
    }

    /// Counts a buffer that comes from the allocator for want of room, or goes back to it.
    pub(super) fn count_outside(&self, bytes: usize, taken: bool) {
        if taken {
            self.outside.fetch_add(bytes, Ordering::Relaxed);
        } else {
            self.outside.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// Closes the page in which the least is in use, so that it is given back when that is freed, and returns its addresses.
    pub fn close_emptiest_page(&self) -> Option<std::ops::Range<usize>> {
        let mut book = self.book();
        let (at, page_at) = book.emptiest_page()?;
        if closes_in_two_steps() {
            drop(book);
            book = self.book();
        }
        book.page(at, page_at)?.close();
        self.closing.fetch_add(HUGE_PAGE, Ordering::Relaxed);
        let from = at + page_at * HUGE_PAGE;
        Some(from..from + HUGE_PAGE)
    }
}

impl Book {
    /// From a page that is in use: the ones from the last place on, then those before it.
    fn take_from_held(&mut self, units: usize) -> Option<NonNull<u8>> {
        let (last, last_page) = self.last;
        let later = self.regions.range_mut(last..).map(|(&at, pages)| (at, pages));
        let found = search(later, last_page, last, units);
        let found = found.or_else(|| {
            let earlier = self.regions.range_mut(..=last).map(|(&at, pages)| (at, pages));
            search(earlier, 0, last, units)
        });
        let (at, page_at, address) = found?;
        self.last = (at, page_at);
        Some(address)
    }

    /// From a page that was not in use.
    fn take_from_fresh(&mut self, units: usize) -> Option<NonNull<u8>> {
        let unheld = |pages: &Pages| pages.pages.iter().position(|page| !page.is_held());
        let found = self.regions.iter().find_map(|(&at, pages)| Some((at, unheld(pages)?)));
        let (at, page_at) = found.unwrap_or_else(|| {
            let region = Region::new(PAGES * HUGE_PAGE);
            region.ask_for_huge_pages();
            let at = region.address(0).addr().get();
            self.regions.insert(at, Pages { region, pages: [Page::EMPTY; PAGES] });
            (at, 0)
        });
        let pages = self.regions.get_mut(&at)?;
        let page = pages.pages.get_mut(page_at)?;
        let unit = page.take(units)?;
        page.hold();
        self.last = (at, page_at);
        Some(pages.region.address(page_at * HUGE_PAGE + unit * UNIT))
    }

    /// Of the pages that are in use and open the one with most free.
    fn emptiest_page(&self) -> Option<(usize, usize)> {
        let all = self.regions.iter().flat_map(|(&at, pages)| {
            pages.pages.iter().enumerate().map(move |(page_at, page)| (at, page_at, page))
        });
        let open = all.filter(|(_, _, page)| page.is_held() && !page.is_closed());
        open.max_by_key(|(_, _, page)| page.free_units()).map(|(at, page_at, _)| (at, page_at))
    }

    fn page(&mut self, at: usize, page_at: usize) -> Option<&mut Page> {
        self.regions.get_mut(&at)?.pages.get_mut(page_at)
    }

    /// The region and the page of an address.
    fn place_of(&self, address: usize) -> Option<(usize, usize)> {
        let (&at, _) = self.regions.range(..=address).next_back()?;
        Some((at, (address - at) / HUGE_PAGE))
    }
}

/// The first run of `units` in `regions`, in the region `last` from its page `from_page` on.
fn search<'a>(
    regions: impl Iterator<Item = (usize, &'a mut Pages)>,
    from_page: usize,
    last: usize,
    units: usize,
) -> Option<(usize, usize, NonNull<u8>)> {
    for (at, pages) in regions {
        let skipped = if at == last { from_page } else { 0 };
        for (page_at, page) in pages.pages.iter_mut().enumerate().skip(skipped) {
            if page.is_held()
                && let Some(unit) = page.take(units)
            {
                return Some((at, page_at, pages.region.address(page_at * HUGE_PAGE + unit * UNIT)));
            }
        }
    }
    None
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferPool")
            .field("held_bytes", &self.held_bytes())
            .field("outside_bytes", &self.outside_bytes())
            .finish_non_exhaustive()
    }
}
