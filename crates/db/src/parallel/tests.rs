use std::io;
use std::sync::Arc;

use esker_env::spawn::{JoinHandle, SingleThreaded, Spawn, Task, Threads};

use super::Team;

/// A system without a thread to give.
struct Exhausted;

impl Spawn for Exhausted {
    fn spawn(&self, _: &str, _: Task) -> io::Result<Box<dyn JoinHandle>> {
        Err(io::Error::from(io::ErrorKind::WouldBlock))
    }
}

#[test]
fn every_item_is_done_once_and_in_order_with_any_threads() {
    let spawns: [Arc<dyn Spawn>; 3] =
        [Arc::new(Threads), Arc::new(SingleThreaded::new()), Arc::new(Exhausted)];
    for spawn in spawns {
        for threads in [0, 1, 2, 7] {
            for count in [0, 1, 2, 100] {
                let doubled = Team::new(Arc::clone(&spawn), threads).map(count, |item| item * 2);
                assert_eq!(doubled, (0..count).map(|item| item * 2).collect::<Vec<_>>());
            }
        }
    }
}
