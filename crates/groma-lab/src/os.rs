//! What the lab takes from libc: CPU clocks, glibc's own locks, priorities, processors.
//!
//! The only file with unsafe code. The locks are glibc's and not Rust's on purpose: a probe must
//! meet what C, C++, Java and Python programs hold.
#![expect(unsafe_code, reason = "libc's clocks, locks and schedulers are C functions")]

use std::cell::UnsafeCell;
use std::io;
use std::mem::{size_of, zeroed};

/// CPU time that this thread has used, in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time that all threads of this process have used, in nanoseconds.
pub fn process_cpu_ns() -> u64 {
    clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Time since the machine started, in nanoseconds: the clock of the probe.
pub fn monotonic_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC)
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing; these clocks exist on every Linux.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Puts this thread, and those it starts, into the real-time class `SCHED_RR`, so that neighbours
/// cannot take its processor. Needs root or `CAP_SYS_NICE`.
///
/// # Errors
/// What the kernel said.
pub fn become_real_time(priority: i32) -> io::Result<()> {
    // SAFETY: `sched_param` is plain data.
    let mut how: libc::sched_param = unsafe { zeroed() };
    how.sched_priority = priority;
    // SAFETY: `how` outlives the call; 0 is the calling thread.
    answer(unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const how) })
}

/// Runs this thread, and those it starts, on the first `count` of the processors it may use now.
///
/// # Errors
/// What the kernel said, or that it may use fewer.
pub fn keep_to_processors(count: usize) -> io::Result<()> {
    // SAFETY: a `cpu_set_t` is a set of bits; all zero is the empty set.
    let (mut may, mut set): (libc::cpu_set_t, libc::cpu_set_t) = unsafe { (zeroed(), zeroed()) };
    // SAFETY: both sets outlive the calls, and the size is theirs; indices are below CPU_SETSIZE.
    unsafe {
        answer(libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut may))?;
        let all = 0..usize::try_from(libc::CPU_SETSIZE).unwrap_or(0);
        let mine: Vec<usize> = all.filter(|cpu| libc::CPU_ISSET(*cpu, &may)).collect();
        if count == 0 || count > mine.len() {
            let text = format!("asked for {count} processors, may use {}", mine.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        mine.iter().take(count).for_each(|cpu| libc::CPU_SET(*cpu, &mut set));
        answer(libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set))
    }
}

/// Whether this process may do all.
pub fn is_root() -> bool {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

fn answer(code: libc::c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A `pthread_mutex_t`: the thread id of its owner stands at byte 8.
pub struct OwnerMutex(Box<UnsafeCell<libc::pthread_mutex_t>>);

// SAFETY: a pthread mutex is made to be used by several threads, and the box keeps it in its place.
unsafe impl Sync for OwnerMutex {}
// SAFETY: nothing in it belongs to the thread that made it, as long as nobody holds it.
unsafe impl Send for OwnerMutex {}

impl Default for OwnerMutex {
    fn default() -> OwnerMutex {
        OwnerMutex(Box::new(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER)))
    }
}

impl OwnerMutex {
    /// Whether it was free, and is ours now.
    pub fn try_lock(&self) -> bool {
        // SAFETY: initialised, and never moved.
        unsafe { libc::pthread_mutex_trylock(self.0.get()) == 0 }
    }

    /// Waits until it is ours.
    pub fn lock(&self) {
        // SAFETY: initialised, and never moved.
        unsafe { libc::pthread_mutex_lock(self.0.get()) };
    }

    /// Gives it back. Only its holder may.
    pub fn unlock(&self) {
        // SAFETY: initialised, and never moved.
        unsafe { libc::pthread_mutex_unlock(self.0.get()) };
    }
}

/// A `sem_t`.
pub struct Semaphore(Box<UnsafeCell<libc::sem_t>>);

// SAFETY: a semaphore is made to be used by several threads, and the box keeps it in its place.
unsafe impl Sync for Semaphore {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for Semaphore {}

impl Semaphore {
    /// One that `count` may pass.
    pub fn new(count: u32) -> Semaphore {
        // SAFETY: `sem_t` is plain data, and initialised before anyone sees it.
        let semaphore = Semaphore(Box::new(UnsafeCell::new(unsafe { zeroed() })));
        // SAFETY: the pointer is valid; 0: for the threads of one process.
        unsafe { libc::sem_init(semaphore.0.get(), 0, count) };
        semaphore
    }

    /// Whether one could pass, and did.
    pub fn try_wait(&self) -> bool {
        // SAFETY: initialised, and never moved.
        unsafe { libc::sem_trywait(self.0.get()) == 0 }
    }

    /// Waits until one can pass.
    pub fn wait(&self) {
        // SAFETY: initialised, and never moved. A signal may end the wait early: wait again.
        while unsafe { libc::sem_wait(self.0.get()) } != 0 {}
    }

    /// Lets one more pass.
    pub fn post(&self) {
        // SAFETY: initialised, and never moved.
        unsafe { libc::sem_post(self.0.get()) };
    }
}

/// A `pthread_cond_t` beside the mutex that guards what it tells of.
pub struct Condition(Box<UnsafeCell<libc::pthread_cond_t>>);

// SAFETY: a condition is made to be used by several threads, and the box keeps it in its place.
unsafe impl Sync for Condition {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for Condition {}

impl Default for Condition {
    fn default() -> Condition {
        Condition(Box::new(UnsafeCell::new(libc::PTHREAD_COND_INITIALIZER)))
    }
}

impl Condition {
    /// Lets go of `mutex`, which the caller holds, waits for news, and takes it again.
    pub fn wait(&self, mutex: &OwnerMutex) {
        // SAFETY: both are initialised, and never moved.
        unsafe { libc::pthread_cond_wait(self.0.get(), mutex.0.get()) };
    }

    /// Wakes one who waits.
    pub fn notify_one(&self) {
        // SAFETY: initialised, and never moved.
        unsafe { libc::pthread_cond_signal(self.0.get()) };
    }
}
