//! Files of tables that compactions have replaced: they go, and whoever let go of them last does not wait for that.

use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use esker::Database;
use esker_env::spawn::{JoinHandle, Spawn, Task, Threads};

/// Threads, but for the deletion of files, which waits for leave.
#[derive(Default)]
struct HeldDeletions {
    may_run: Mutex<bool>,
    told: Condvar,
}

impl HeldDeletions {
    fn let_go(&self) {
        *self.may_run.lock().unwrap() = true;
        self.told.notify_all();
    }
}

struct Held(Arc<HeldDeletions>);

impl Spawn for Held {
    fn spawn(&self, name: &str, task: Task) -> io::Result<Box<dyn JoinHandle>> {
        if name != "esker-deletion" {
            return Threads.spawn(name, task);
        }
        let held = Arc::clone(&self.0);
        let wait = move || {
            let may_run = held.may_run.lock().unwrap();
            drop(held.told.wait_while(may_run, |may_run| !*may_run).unwrap());
            task();
        };
        Threads.spawn(name, Box::new(wait))
    }
}

fn tables(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_table = |path: &Path| path.extension().is_some_and(|extension| extension == "table");
    entries.map(|path| if path.is_dir() { tables(&path) } else { usize::from(is_table(&path)) }).sum()
}

fn fill(db: &Database) {
    for round in 0..4 {
        for i in 0..100 {
            db.put(format!("key{i:03}"), format!("{round}")).unwrap();
        }
        db.flush().unwrap();
    }
}

/// INV-LIFE-5.
#[test]
fn the_last_reader_of_a_replaced_table_leaves_its_file_to_the_background() {
    let folder = tempfile::tempdir().unwrap();
    let held = Arc::new(HeldDeletions::default());
    let spawn = Arc::new(Held(Arc::clone(&held)));
    let db = Database::builder(&folder).background_threads(1).spawn(spawn).open().unwrap();
    fill(&db);
    let mut reader = db.iter();
    reader.next().unwrap().unwrap();
    db.compact().unwrap();
    let with_reader = tables(folder.path());
    assert!(with_reader > 1);
    assert_eq!(reader.count(), 99);
    assert_eq!(tables(folder.path()), with_reader, "the reader deleted files itself");
    held.let_go();
    let end = Instant::now() + Duration::from_secs(60);
    while tables(folder.path()) > 1 {
        assert!(Instant::now() < end, "nobody deletes the files");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(db.iter().count(), 100);
}

/// INV-LIFE-5: who waits until all is done finds no such file, and neither does who closes, and without threads they go at once.
#[test]
fn no_replaced_file_outlives_a_wait_for_the_background_or_a_close() {
    let folder = tempfile::tempdir().unwrap();
    for threads in [0, 1] {
        let held = Arc::new(HeldDeletions::default());
        let spawn = Arc::new(Held(Arc::clone(&held)));
        let db = Database::builder(&folder).background_threads(threads).spawn(spawn).open().unwrap();
        fill(&db);
        db.compact().unwrap();
        if threads > 0 {
            db.wait_until_idle().unwrap();
        }
        assert_eq!(tables(folder.path()), 1);
        let reader = db.iter();
        fill(&db);
        db.compact().unwrap();
        assert!(tables(folder.path()) > 1);
        held.let_go();
        db.close().unwrap();
        drop(reader);
        assert_eq!(tables(folder.path()), 1);
    }
}
