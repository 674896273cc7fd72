//! A buffer holds what was written into it for as long as anybody holds a part of it, and is freed then. These tests see
//! what is read; leaks and uses after freeing need Miri or valgrind, which nothing runs by itself.

use std::sync::Arc;
use std::thread;

use arc_swap::{ArcSwapAny, Guard};

use super::{Buffer, BufferMut};
use crate::slice::Slice;

fn buffer(len: usize, byte: u8) -> Buffer {
    let mut buffer = BufferMut::new(len);
    assert!(buffer.bytes_mut().iter().all(|&byte| byte == 0), "a new buffer is zero");
    buffer.bytes_mut().fill(byte);
    buffer.freeze()
}

#[test]
fn bytes_begin_where_the_header_of_a_data_block_shares_the_line_of_the_count() {
    for len in [0, 1, 24, 8192] {
        let buffer = buffer(len, 7);
        assert_eq!(buffer.as_bytes().as_ptr().addr() % 64, 40);
        assert_eq!(buffer.as_bytes(), vec![7; len]);
        assert_eq!(buffer.memory_bytes(), 40 + len);
    }
}

#[test]
fn a_truncated_buffer_keeps_its_memory() {
    let mut filling = BufferMut::copy_of(b"payload and trailer");
    filling.truncate(7);
    filling.truncate(9);
    let buffer = filling.freeze();
    assert_eq!(buffer.as_bytes(), b"payload");
    assert_eq!(buffer.memory_bytes(), 40 + 19);
}

/// INV-MEM-12: what a reader holds is neither changed nor freed.
#[test]
fn inv_mem_12_parts_outlive_the_buffer_they_came_from() {
    let whole = buffer(1000, 5);
    let part = Slice::of_buffer(&whole, 100..200).unwrap();
    let small = Slice::of_buffer(&whole, 0..8).unwrap();
    assert!(Slice::of_buffer(&whole, 990..1001).is_none());
    assert_eq!((part.heap_bytes(), small.heap_bytes()), (1040, 0));
    drop(whole);
    let smaller = part.slice(10..90);
    let rest = part.clone().into_part(50..).unwrap();
    drop(part);
    assert_eq!(smaller, [5; 80]);
    assert_eq!(rest, [5; 50]);
    assert_eq!(Slice::from(buffer(64, 9)).slice(32..), [9; 32]);
    assert_eq!(Slice::from(buffer(4, 9)).heap_bytes(), 0);
}

#[test]
fn use_is_noted_once_until_it_is_forgotten() {
    let buffer = buffer(10, 0);
    assert!(buffer.note_use() && !buffer.note_use());
    buffer.forget_use();
    assert!(buffer.note_use());
    assert!(buffer.is_same(&buffer.clone()) && !buffer.is_same(&self::buffer(10, 0)));
}

#[test]
fn readers_of_a_slot_hold_what_they_found_while_it_is_replaced() {
    let slot = Arc::new(ArcSwapAny::<Option<Buffer>>::new(None));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut kept = Vec::new();
                for round in 0..2000 {
                    let guard = slot.load();
                    let Some(buffer) = &*guard else { continue };
                    let first = buffer[0];
                    assert!(buffer.iter().all(|&byte| byte == first));
                    if round % 16 == 0 {
                        kept.push((first, Slice::of_buffer(buffer, 40..100).unwrap()));
                    } else if round % 16 == 8 {
                        kept.extend(Guard::into_inner(guard).map(|buffer| (first, Slice::from(buffer))));
                    }
                }
                assert!(kept.iter().all(|(byte, slice)| slice.iter().all(|other| other == byte)));
            });
        }
        for round in 0..2000_u32 {
            let byte = round.to_le_bytes()[0];
            slot.store((round % 3 > 0).then(|| buffer(128, byte)));
        }
    });
    assert_eq!(slot.load_full().unwrap().as_bytes()[0], 1999_u32.to_le_bytes()[0]);
}
