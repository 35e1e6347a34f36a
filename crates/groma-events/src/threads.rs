//! Work on all processors.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many threads to use when `threads` were asked for; 0: as many as the machine runs at once.
pub(crate) fn count(threads: usize) -> usize {
    match threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    }
}

/// Runs `work` on each number below `count`, on up to `threads` threads; `start` makes what
/// a thread needs, `finish` takes it in the end.
pub(crate) fn each<S>(
    threads: usize,
    count: usize,
    start: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) + Sync,
    finish: impl Fn(S) + Sync,
) {
    let next = AtomicUsize::new(0);
    let one_thread = || {
        let mut state = start();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if count <= number {
                break;
            }
            work(&mut state, number);
        }
        finish(state);
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(count) {
            scope.spawn(one_thread);
        }
        one_thread();
    });
}
