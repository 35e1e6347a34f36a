//! The locks of the server, of several kinds, each of which counts what happens at it.

use std::hint::spin_loop;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Mutex, PoisonError};

use crate::os::{OwnerMutex, Semaphore, monotonic_ns};
use crate::truth::LockTruth;
use crate::words::words;

words! {
    /// What keeps others out of a critical section.
    pub enum LockKind {
        /// A `pthread_mutex_t` of glibc, which holds the thread id of its owner.
        Owner = "owner",
        /// Rust's `std::sync::Mutex`: a futex that does not say who holds it.
        Ownerless = "ownerless",
        /// A `sem_t` that one may pass: the futex looks like one of a pool that waits for work.
        Semaphore = "semaphore",
        /// Waits by trying again: no system call, so nothing a probe can see.
        Spin = "spin",
        /// Nothing: what should be serial is not.
        None = "none",
    }
}

/// A lock, and what it has seen.
pub(crate) struct Lock {
    inner: Inner,
    /// CPU time of those who held it; right to one step of `burn`.
    held_cpu_ns: AtomicU64,
    acquired: AtomicU64,
    contended: AtomicU64,
    waited_ns: AtomicU64,
}

enum Inner {
    Owner(OwnerMutex),
    Ownerless(Mutex<()>),
    Semaphore(Semaphore),
    Spin(AtomicBool),
    None,
}

impl Lock {
    pub(crate) fn new(kind: LockKind) -> Lock {
        let inner = match kind {
            LockKind::Owner => Inner::Owner(OwnerMutex::default()),
            LockKind::Ownerless => Inner::Ownerless(Mutex::new(())),
            LockKind::Semaphore => Inner::Semaphore(Semaphore::new(1)),
            LockKind::Spin => Inner::Spin(AtomicBool::new(false)),
            LockKind::None => Inner::None,
        };
        Lock {
            inner,
            held_cpu_ns: AtomicU64::new(0),
            acquired: AtomicU64::new(0),
            contended: AtomicU64::new(0),
            waited_ns: AtomicU64::new(0),
        }
    }

    /// Does `work` while nobody else can. `work` says with [`Lock::used`] what CPU time it took.
    pub(crate) fn hold(&self, work: impl FnOnce()) {
        match &self.inner {
            Inner::Owner(mutex) => {
                self.enter(mutex.try_lock().then_some(()), || mutex.lock());
                work();
                mutex.unlock();
            }
            Inner::Ownerless(mutex) => {
                let wait = || mutex.lock().unwrap_or_else(PoisonError::into_inner);
                let guard = self.enter(mutex.try_lock().ok(), wait);
                work();
                drop(guard);
            }
            Inner::Semaphore(semaphore) => {
                self.enter(semaphore.try_wait().then_some(()), || semaphore.wait());
                work();
                semaphore.post();
            }
            Inner::Spin(taken) => {
                let take = || !taken.swap(true, Acquire);
                let wait = || {
                    while !take() {
                        spin_loop();
                    }
                };
                self.enter(take().then_some(()), wait);
                work();
                taken.store(false, Release);
            }
            Inner::None => work(),
        }
    }

    /// Counts who comes in: at once, or after a wait.
    fn enter<G>(&self, free: Option<G>, wait: impl FnOnce() -> G) -> G {
        self.acquired.fetch_add(1, Relaxed);
        free.unwrap_or_else(|| {
            let since = monotonic_ns();
            let guard = wait();
            self.contended.fetch_add(1, Relaxed);
            self.waited_ns.fetch_add(monotonic_ns().saturating_sub(since), Relaxed);
            guard
        })
    }

    /// The holder used this much CPU time since it said so last.
    pub(crate) fn used(&self, cpu_ns: u64) {
        self.held_cpu_ns.fetch_add(cpu_ns, Relaxed);
    }

    pub(crate) fn truth(&self) -> LockTruth {
        LockTruth {
            held_cpu_ns: self.held_cpu_ns.load(Relaxed),
            acquired: self.acquired.load(Relaxed),
            contended: self.contended.load(Relaxed),
            waited_ns: self.waited_ns.load(Relaxed),
        }
    }
}
