//! The words of the maps, in the order of `bpf/probe.bpf.c`. All are u64, so that no padding can differ.

/// Locks of one group whose owner is sampled.
pub(crate) const SLOTS: usize = 32;
/// Of the histogram of waits: bucket i holds [2^i, 2^(i+1)) times [`BUCKET_FIRST`].
pub(crate) const BUCKETS: usize = 24;
/// Seconds.
pub(crate) const BUCKET_FIRST: f64 = 1.024e-6;
/// Places for the lower bits of watched pids.
pub(crate) const DOORS: u32 = 4096;
/// Behind a door: more than one process.
pub(crate) const DOOR_SHARED: u64 = u64::MAX;

/// What is behind a door once this process is.
pub(crate) fn behind_door(now: u64, tgid: u32, group: u32) -> u64 {
    let own = u64::from(tgid) << 32 | u64::from(group);
    if now == 0 || now == own { own } else { DOOR_SHARED }
}
/// System calls that are told apart.
pub(crate) const SYSCALLS: usize = 512;

/// Why a thread is off the CPU: `enum class` in C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    #[expect(dead_code, reason = "only the kernel side says so")]
    RunQueue,
    #[expect(dead_code, reason = "only the kernel side says so")]
    Lock,
    Futex,
    Disk,
    Network,
    Poll,
    Sleep,
    Other,
    /// Only as a kind of call: what it waits for depends on the file.
    Descriptor,
    /// Only as a kind of call: which socket, shows when data has moved.
    Socket,
}

pub(crate) const CLASSES: usize = Class::Descriptor as usize;

/// What a system call means to the probe where tracefs is missing: `enum role` in C.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    Futex = 1,
    Receive,
    Send,
    Chosen,
}

/// `struct group`: sums since the group is watched.
pub(crate) type GroupWords = [u64; 12 + 2 * CLASSES];

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Group {
    pub(crate) ticks: u64,
    pub(crate) ticks_contended: u64,
    pub(crate) ticks_owner: u64,
    pub(crate) ticks_spinning: u64,
    pub(crate) contended_ns: u64,
    pub(crate) execs: u64,
    pub(crate) runs: u64,
    pub(crate) requests: u64,
    pub(crate) idle_futex_waits: u64,
    pub(crate) off_ns: [u64; CLASSES],
    pub(crate) off_count: [u64; CLASSES],
}

impl Group {
    /// At `now`: a contention that goes on is counted until now.
    pub(crate) fn read(words: &GroupWords, now: u64) -> Self {
        let [
            ticks,
            ticks_contended,
            ticks_owner,
            ticks_spinning,
            waiters,
            since,
            contended_ns,
            execs,
            _exits,
            runs,
            requests,
            idle_futex_waits,
            rest @ ..,
        ] = words;
        Self {
            ticks: *ticks,
            ticks_contended: *ticks_contended,
            ticks_owner: *ticks_owner,
            ticks_spinning: *ticks_spinning,
            contended_ns: contended_ns + open(*waiters, *since, now),
            execs: *execs,
            runs: *runs,
            requests: *requests,
            idle_futex_waits: *idle_futex_waits,
            off_ns: std::array::from_fn(|class| rest[class]),
            off_count: std::array::from_fn(|class| rest[CLASSES + class]),
        }
    }
}

/// `struct lock`: sums since its first wait. Words that only help to find faults are not read.
pub(crate) type LockWords = [u64; 16 + BUCKETS];

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LockCounts {
    pub(crate) waits: u64,
    pub(crate) wait_ns: u64,
    pub(crate) contended_ns: u64,
    pub(crate) holds: u64,
    pub(crate) hold_cpu_ns: u64,
    pub(crate) hold_cpu_us2: u64,
    pub(crate) hold_wall_ns: u64,
    pub(crate) hand_offs: u64,
    pub(crate) hand_off_ns: u64,
    /// Of the last wait.
    pub(crate) op: u32,
    /// Of the last wait.
    pub(crate) val: u32,
    pub(crate) timed: u64,
    pub(crate) mutex_waits: u64,
    /// The word 8 bytes on, as a waiter last saw it.
    pub(crate) owner_last: u32,
    pub(crate) histogram: [u64; BUCKETS],
}

impl LockCounts {
    /// At `now`: a contention that goes on is counted until now.
    pub(crate) fn read(words: &LockWords, now: u64) -> Self {
        Self {
            contended_ns: words[2] + open(words[0], words[1], now),
            op: (words[4] >> 32) as u32,
            val: words[4] as u32,
            timed: words[5],
            mutex_waits: words[6],
            owner_last: words[7] as u32,
            waits: words[8],
            wait_ns: words[9],
            hand_offs: words[10],
            hand_off_ns: words[11],
            holds: words[12],
            hold_cpu_ns: words[13],
            hold_cpu_us2: words[14],
            hold_wall_ns: words[15],
            histogram: std::array::from_fn(|bucket| words[16 + bucket]),
        }
    }
}

/// `struct thread`; only what the reader needs.
pub(crate) type ThreadWords = [u64; 25];

#[derive(Debug, Clone, Copy)]
pub(crate) struct Thread {
    pub(crate) group: u64,
    /// Off the CPU since then, for what; `None`: it runs, or has not moved since it is watched.
    pub(crate) off: Option<(u64, usize)>,
    pub(crate) off_port: u64,
}

impl Thread {
    pub(crate) fn read(words: &ThreadWords) -> Self {
        let off = (words[2] > 0).then_some((words[2], words[3] as usize));
        Self { group: words[0], off, off_port: words[4] }
    }
}

/// `struct slots`: count, addresses, offsets of the owner words.
pub(crate) type SlotWords = [u64; 1 + 2 * SLOTS];
/// `struct slot_ticks`: of the group, of the owner, unread.
pub(crate) type SlotTickWords = [u64; 3 * SLOTS];
/// `struct lock_key`, `struct port_key`: group and address or port.
pub(crate) type PairWords = [u64; 2];
/// `struct port`: nanoseconds waited, waits, replies, nanoseconds blocked before replies on what may be a lock.
pub(crate) type PortWords = [u64; 5];

/// A span that began at `since` and has not ended, if anyone is in it.
fn open(waiters: u64, since: u64, now: u64) -> u64 {
    // A negative number of waiters is a race that was lost, not a crowd.
    if (waiters as i64) > 0 { now.saturating_sub(since) } else { 0 }
}
