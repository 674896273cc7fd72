//! Buffers of a pool never overlap, whatever is taken and freed; whole pages come and go with what is in them.

use std::sync::Arc;
use std::thread;

use crate::buffer::pool::BufferPool;
use crate::buffer::{Buffer, BufferMut};
use crate::huge_pages::HUGE_PAGE;

fn buffer(pool: &Arc<BufferPool>, len: usize, word: u64) -> Buffer {
    let mut buffer = BufferMut::new_in(pool, len);
    let (words, rest) = buffer.bytes_mut().as_chunks_mut::<8>();
    words.fill(word.to_le_bytes());
    rest.fill(1);
    buffer.freeze()
}

fn is_intact(buffer: &Buffer, word: u64) -> bool {
    let (words, rest) = buffer.as_bytes().as_chunks::<8>();
    words.iter().all(|other| *other == word.to_le_bytes()) && rest.iter().all(|&byte| byte == 1)
}

/// INV-MEM-15: what one buffer holds, no other changes, and a page that is given back was nobody's.
#[test]
fn inv_mem_15_buffers_do_not_overlap_whatever_is_taken_and_freed() {
    let pool = Arc::new(BufferPool::new(4 * HUGE_PAGE));
    let mut random = fastrand::Rng::with_seed(3);
    let mut live: Vec<(Buffer, u64)> = Vec::new();
    for round in 0..6000 {
        let len = if random.u8(..20) == 0 { random.usize(..300_000) } else { random.usize(8000..8400) };
        live.push((buffer(&pool, len, round), round));
        while live.len() > 700 || (!live.is_empty() && random.u8(..3) == 0) {
            let (freed, word) = live.swap_remove(random.usize(..live.len()));
            assert!(is_intact(&freed, word));
        }
        assert!(pool.held_bytes() <= 4 * HUGE_PAGE);
    }
    assert!(live.iter().all(|(buffer, word)| is_intact(buffer, *word)));
    let bytes: usize = live.iter().map(|(buffer, _)| buffer.memory_bytes()).sum();
    assert!(bytes <= pool.held_bytes() + pool.outside_bytes());
    live.clear();
    assert_eq!((pool.held_bytes(), pool.outside_bytes()), (0, 0), "everything was given back");
}

#[test]
fn what_finds_no_room_comes_from_the_allocator_and_is_counted() {
    let pool = Arc::new(BufferPool::new(HUGE_PAGE));
    let first = buffer(&pool, 1_000_000, 1);
    let second = buffer(&pool, 1_500_000, 2);
    let third = buffer(&pool, 900_000, 3);
    let longest = buffer(&pool, 3_000_000, 4);
    assert_eq!(pool.held_bytes(), HUGE_PAGE);
    assert_eq!(pool.outside_bytes(), 1_500_040 + 3_000_040);
    assert!(is_intact(&first, 1) && is_intact(&second, 2) && is_intact(&third, 3) && is_intact(&longest, 4));
    // A limit of nothing, as in a small cache.
    pool.set_limit_bytes(0);
    drop((first, second, third, longest));
    let other = buffer(&pool, 10, 5);
    assert_eq!((pool.held_bytes(), pool.outside_bytes()), (0, 50));
    assert!(is_intact(&other, 5));
}

#[test]
fn a_closed_page_takes_nothing_and_goes_with_its_last_buffer() {
    let pool = Arc::new(BufferPool::new(8 * HUGE_PAGE));
    let full: Vec<_> = (0..3).map(|word| buffer(&pool, HUGE_PAGE - 1000, word)).collect();
    let small = buffer(&pool, 5000, 9);
    assert_eq!(pool.held_bytes(), 4 * HUGE_PAGE);
    let closed = pool.close_emptiest_page().unwrap();
    assert!(closed.contains(&small.address()) && !full.iter().any(|full| closed.contains(&full.address())));
    assert_eq!(pool.closing_bytes(), HUGE_PAGE);
    let other = buffer(&pool, 5000, 10);
    assert!(!closed.contains(&other.address()));
    assert_eq!(pool.held_bytes(), 5 * HUGE_PAGE);
    drop(small);
    assert_eq!((pool.held_bytes(), pool.closing_bytes()), (4 * HUGE_PAGE, 0));
    assert!(full.iter().zip(0..).all(|(full, word)| is_intact(full, word)));
}

#[test]
fn threads_share_a_pool() {
    let pool = Arc::new(BufferPool::new(2 * HUGE_PAGE));
    thread::scope(|scope| {
        for thread in 0..4 {
            let pool = &pool;
            scope.spawn(move || {
                let mut live = std::collections::VecDeque::new();
                for round in 0..3000 {
                    let word = thread << 32 | round;
                    live.push_back((buffer(pool, 8000 + (word % 300) as usize, word), word));
                    if live.len() > 100 {
                        let (freed, word) = live.pop_front().unwrap();
                        assert!(is_intact(&freed, word));
                    }
                }
            });
        }
    });
    assert_eq!((pool.held_bytes(), pool.outside_bytes()), (0, 0));
}
