//! A pool of threads that waits for work: what a futex wait is *not* about a lock.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use crate::os::{Condition, OwnerMutex, Semaphore};
use crate::words::words;

words! {
    /// How the threads of a pool wait for work.
    pub enum PoolKind {
        /// On a `pthread_cond_t`, with its mutex.
        Condvar = "condvar",
        /// On a `sem_t`.
        Semaphore = "semaphore",
    }
}

/// Work that is waiting, as the numbers of connections, of which each waits at most once.
pub(crate) struct Pool {
    tickets: Tickets,
    /// A bit for each connection that waits for an answer: taken without a lock, so that the pool
    /// itself is never contended.
    waiting: Vec<AtomicU64>,
}

/// One ticket for each piece of work.
enum Tickets {
    Condvar(OwnerMutex, Condition, AtomicU64),
    Semaphore(Semaphore),
}

impl Pool {
    pub(crate) fn new(kind: PoolKind, connections_max: usize) -> Pool {
        let tickets = match kind {
            PoolKind::Semaphore => Tickets::Semaphore(Semaphore::new(0)),
            PoolKind::Condvar => {
                Tickets::Condvar(OwnerMutex::default(), Condition::default(), AtomicU64::new(0))
            }
        };
        let words = connections_max.div_ceil(64);
        Pool { tickets, waiting: (0..words).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The connection of this number has a request.
    pub(crate) fn give(&self, connection_index: usize) {
        self.waiting[connection_index / 64].fetch_or(1 << (connection_index % 64), SeqCst);
        match &self.tickets {
            Tickets::Semaphore(semaphore) => semaphore.post(),
            Tickets::Condvar(mutex, condition, count) => {
                mutex.lock();
                count.fetch_add(1, Relaxed);
                mutex.unlock();
                condition.notify_one();
            }
        }
    }

    /// Waits for a request, and says whose it is.
    pub(crate) fn take(&self) -> usize {
        match &self.tickets {
            Tickets::Semaphore(semaphore) => semaphore.wait(),
            Tickets::Condvar(mutex, condition, count) => {
                mutex.lock();
                while count.load(Relaxed) == 0 {
                    condition.wait(mutex);
                }
                count.fetch_sub(1, Relaxed);
                mutex.unlock();
            }
        }
        // Who has a ticket finds work: there are as many bits as tickets.
        loop {
            for (word_index, word) in self.waiting.iter().enumerate() {
                let bits = word.load(SeqCst);
                let bit = bits & bits.wrapping_neg();
                if bit != 0 && word.fetch_and(!bit, SeqCst) & bit != 0 {
                    return word_index * 64 + bit.trailing_zeros() as usize;
                }
            }
        }
    }
}
