use std::sync::atomic::AtomicUsize;

use super::*;

#[test]
fn threads_run_and_join() {
    let ran = Arc::new(AtomicBool::new(false));
    let handle = {
        let ran = Arc::clone(&ran);
        Threads.spawn("runs", Box::new(move || ran.store(true, Ordering::Release))).unwrap()
    };
    handle.join();
    assert!(ran.load(Ordering::Acquire));
}

#[test]
fn a_panic_in_a_thread_reaches_the_joiner() {
    let handle = Threads.spawn("panics", Box::new(|| panic::resume_unwind(Box::new("boom")))).unwrap();
    let caught = panic::catch_unwind(panic::AssertUnwindSafe(|| handle.join()));
    assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"boom"));
}

#[test]
fn single_threaded_runs_nothing_by_itself_and_everything_in_order() {
    let spawner = SingleThreaded::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    for n in 0..3 {
        let (log, inside) = (Arc::clone(&log), spawner.clone());
        let task = move || {
            log.lock().unwrap().push(n);
            if n == 0 {
                inside.spawn("later", Box::new(move || log.lock().unwrap().push(10))).unwrap();
            }
        };
        spawner.spawn(&format!("task {n}"), Box::new(task)).unwrap();
    }
    assert!(log.lock().unwrap().is_empty());
    assert_eq!(spawner.names(), ["task 0", "task 1", "task 2"]);
    assert!(spawner.run_at(1));
    assert!(!spawner.run_at(9));
    assert_eq!(spawner.run_all(), 3);
    assert_eq!(*log.lock().unwrap(), [1, 0, 2, 10]);
}

#[test]
fn joining_a_queued_task_runs_the_queue_up_to_it() {
    let spawner = SingleThreaded::new();
    let count = Arc::new(AtomicUsize::new(0));
    let mut handles: Vec<_> = (0..3)
        .map(|_| {
            let count = Arc::clone(&count);
            let task = move || {
                count.fetch_add(1, Ordering::Relaxed);
            };
            spawner.spawn("count", Box::new(task)).unwrap()
        })
        .collect();
    let second = handles.remove(1);
    assert!(!second.is_finished());
    second.join();
    assert_eq!(count.load(Ordering::Relaxed), 2);
    assert_eq!(spawner.waiting(), 1);
}
