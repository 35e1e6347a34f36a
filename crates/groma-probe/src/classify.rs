//! Which futex is a lock: by the arguments of its waits, and where they do not tell, by its behaviour.
//!
//! Most futex waits are idle waiting (condition variables, semaphores, parked threads); a thread pool
//! would look fully contended if they counted. Measured signatures are in the tests below.

const CLOCK_REALTIME: u32 = 256;
const PRIVATE: u32 = 128;
const WAIT: u32 = 0;
const WAIT_BITSET: u32 = 9;
const LOCK_PI: u32 = 6;
const LOCK_PI2: u32 = 13;

/// How the rwlocks of glibc are called.
pub(crate) const RWLOCK: &str = "pthread-rwlock";
/// Where the owner's thread id stands in a mutex of glibc.
const GLIBC_OWNER_OFFSET: u64 = 8;
/// Fewer waits than this say nothing about behaviour.
const BEHAVIOUR_WAITS_MIN: u64 = 20;

/// How its waiters called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// The operation with its flags.
    pub op: u32,
    /// The value the word was expected to have.
    pub val: u32,
    /// With a timeout.
    pub timed: bool,
}

/// What was seen of a futex since it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Behaviour {
    /// Waits that slept.
    pub waits: u64,
    /// Returns from a wait after which the same thread woke the same word: it held it in between.
    pub holds: u64,
    /// True if the word 8 bytes on held the id of a living thread of the process.
    pub owner_seen: bool,
    /// True if the word itself held the id of a living thread.
    pub word_is_owner: bool,
}

/// What a futex is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// For people: `pthread-mutex`, `condition`, …
    pub kind: &'static str,
    /// True if a wait for it is contention, not idleness.
    pub excludes: bool,
    /// Bytes from the word to the id of the owner.
    pub owner_offset: Option<u64>,
}

/// Judges a futex.
pub fn classify(signature: Signature, behaviour: Behaviour) -> Verdict {
    let Signature { op, val, timed } = signature;
    let command = op & !(CLOCK_REALTIME | PRIVATE);
    if matches!(command, LOCK_PI | LOCK_PI2) {
        return lock("pi-mutex", Some(0));
    }
    if !matches!(command, WAIT | WAIT_BITSET) {
        return idle("futex");
    }
    match (command, val) {
        // pthread_mutex_timedlock: only the owner tells it from waits for a condition.
        (WAIT | WAIT_BITSET, 2) if timed && behaviour.owner_seen => {
            lock("pthread-mutex", Some(GLIBC_OWNER_OFFSET))
        }
        _ if timed => by_behaviour(behaviour, "timed-wait"),
        (WAIT, 2) if behaviour.owner_seen => lock("pthread-mutex", Some(GLIBC_OWNER_OFFSET)),
        (WAIT, 2) => lock("mutex", None),
        (WAIT_BITSET, 2) if op & CLOCK_REALTIME == 0 => lock("rust-mutex", None),
        // A robust one of glibc has its owner's id at both places.
        (WAIT, _) if val >> 31 == 1 && behaviour.word_is_owner && behaviour.owner_seen => {
            lock("robust-mutex", Some(0))
        }
        // musl: the owner's id, or EBUSY for the normal type, and a bit for waiters.
        (WAIT, _) if val >> 31 == 1 && behaviour.word_is_owner => lock("musl-mutex", Some(0)),
        (WAIT, 0x8000_0010) => lock("musl-mutex", None),
        // 2: a writer waits for readers. 3: a reader for a writer, or a writer for another.
        (WAIT_BITSET, 2 | 3) if op & CLOCK_REALTIME != 0 => lock(RWLOCK, None),
        (WAIT_BITSET, 0) if op & CLOCK_REALTIME != 0 => idle("condition"),
        (WAIT_BITSET, u32::MAX) => idle("parked"),
        (WAIT_BITSET, _) if op & PRIVATE == 0 => idle("join"),
        _ => by_behaviour(behaviour, "futex"),
    }
}

/// A lock is woken by the thread that waited for it: more often than not.
fn by_behaviour(behaviour: Behaviour, otherwise: &'static str) -> Verdict {
    if behaviour.waits >= BEHAVIOUR_WAITS_MIN && behaviour.holds * 2 > behaviour.waits {
        lock("lock", None)
    } else {
        idle(otherwise)
    }
}

fn lock(kind: &'static str, owner_offset: Option<u64>) -> Verdict {
    Verdict { kind, excludes: true, owner_offset }
}

fn idle(kind: &'static str) -> Verdict {
    Verdict { kind, excludes: false, owner_offset: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits often, and wakes the same word afterwards.
    const LIKE_A_LOCK: Behaviour =
        Behaviour { waits: 100, holds: 90, owner_seen: false, word_is_owner: false };
    const LIKE_A_QUEUE: Behaviour = Behaviour { holds: 10, ..LIKE_A_LOCK };

    /// op, val, timed, as measured on glibc 2.36, Rust 1.95 and parking_lot.
    #[test]
    fn the_signatures_of_the_table() {
        let owned = Behaviour { owner_seen: true, ..LIKE_A_QUEUE };
        let in_word = Behaviour { word_is_owner: true, ..LIKE_A_QUEUE };
        let robust = Behaviour { owner_seen: true, ..in_word };
        let cases = [
            ("glibc pthread_mutex", 128, 2, false, owned, "pthread-mutex", true),
            ("Go runtime", 128, 2, false, LIKE_A_QUEUE, "mutex", true),
            ("Rust std Mutex", 137, 2, false, LIKE_A_QUEUE, "rust-mutex", true),
            ("Rust std RwLock", 137, 85, false, LIKE_A_LOCK, "lock", true),
            ("glibc rwlock", 393, 3, false, LIKE_A_QUEUE, "pthread-rwlock", true),
            ("glibc rwlock, for readers", 393, 2, false, LIKE_A_QUEUE, "pthread-rwlock", true),
            ("glibc timed lock", 393, 2, true, owned, "pthread-mutex", true),
            ("timed, by an unknown", 393, 2, true, LIKE_A_QUEUE, "timed-wait", false),
            ("glibc robust", 128, 0x8000_1234, false, robust, "robust-mutex", true),
            ("musl, with its owner", 128, 0x8000_1234, false, in_word, "musl-mutex", true),
            ("PI mutex", 134, 0, false, LIKE_A_QUEUE, "pi-mutex", true),
            ("parking_lot parker", 128, 1, false, LIKE_A_QUEUE, "futex", false),
            ("glibc condvar, sem_wait", 393, 0, false, LIKE_A_LOCK, "condition", false),
            ("Rust Condvar with a timeout", 137, 1, true, LIKE_A_QUEUE, "timed-wait", false),
            ("Rust park, mpsc", 137, u32::MAX, false, LIKE_A_LOCK, "parked", false),
            ("pthread_join", 265, 4711, false, LIKE_A_QUEUE, "join", false),
            ("musl, normal", 128, 0x8000_0010, false, LIKE_A_QUEUE, "musl-mutex", true),
        ];
        for (name, op, val, timed, behaviour, kind, excludes) in cases {
            let verdict = classify(Signature { op, val, timed }, behaviour);
            assert_eq!((verdict.kind, verdict.excludes), (kind, excludes), "{name}");
        }
    }

    #[test]
    fn only_a_seen_owner_can_be_sampled() {
        let glibc = Signature { op: 128, val: 2, timed: false };
        let owned = Behaviour { owner_seen: true, ..LIKE_A_LOCK };
        assert_eq!(classify(glibc, owned).owner_offset, Some(8));
        assert_eq!(classify(glibc, LIKE_A_LOCK).owner_offset, None);
    }

    #[test]
    fn few_waits_prove_no_behaviour() {
        let unknown = Signature { op: 137, val: 77, timed: false };
        let few = Behaviour { waits: 3, holds: 3, ..LIKE_A_LOCK };
        assert!(!classify(unknown, few).excludes);
        assert!(classify(unknown, LIKE_A_LOCK).excludes);
        assert!(!classify(unknown, LIKE_A_QUEUE).excludes);
    }
}
