//! The system calls that std does not have. The only unsafe code of this crate.

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};

use libc::c_int;

/// Nanoseconds of the clock that BPF programs see.
pub(crate) fn monotonic_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC).unwrap_or_default()
}

/// CPU time of all threads of a process, living and dead, in nanoseconds; `None`: it is gone.
/// Needs no privilege.
pub(crate) fn process_cpu_ns(pid: u32) -> Option<u64> {
    // How the kernel spells the clock of another process: CPUCLOCK_SCHED is 2.
    let pid = i32::try_from(pid).ok()?;
    clock_ns((!pid << 3) | 2)
}

fn clock_ns(clock: libc::clockid_t) -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[expect(unsafe_code, reason = "clock_gettime writes to a timespec of ours")]
    let result = unsafe { libc::clock_gettime(clock, &mut time) };
    if result != 0 {
        return None;
    }
    Some(u64::try_from(time.tv_sec).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec).ok()?)
}

/// A counter of the CPU time of one thread: reading it gives nanoseconds, exact even while it runs.
///
/// # Errors
/// Of `perf_event_open`: the thread is gone, or belongs to someone else.
pub(crate) fn task_clock(tid: u32) -> io::Result<OwnedFd> {
    /// The first published size of `perf_event_attr`: what every kernel takes.
    const ATTR_WORDS: usize = 8;
    const PERF_TYPE_SOFTWARE: u64 = 1;
    const PERF_COUNT_SW_TASK_CLOCK: u64 = 1;
    /// Asked for by perf_event_paranoid=2; a clock of the CPU time runs in the kernel all the same.
    const EXCLUDE_KERNEL_AND_HYPERVISOR: u64 = 1 << 5 | 1 << 6;
    const PERF_FLAG_FD_CLOEXEC: u64 = 8;
    let mut attr = [0_u64; ATTR_WORDS];
    attr[0] = PERF_TYPE_SOFTWARE | ((ATTR_WORDS as u64 * 8) << 32);
    attr[1] = PERF_COUNT_SW_TASK_CLOCK;
    attr[5] = EXCLUDE_KERNEL_AND_HYPERVISOR;
    #[expect(unsafe_code, reason = "perf_event_open reads the attributes and gives a descriptor")]
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            attr.as_ptr(),
            tid as c_int,
            -1 as c_int,
            -1 as c_int,
            PERF_FLAG_FD_CLOEXEC,
        )
    };
    let fd = c_int::try_from(fd).unwrap_or(-1);
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    #[expect(unsafe_code, reason = "the descriptor is new and ours")]
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Bits of capabilities, as <linux/capability.h> numbers them.
pub(crate) mod capability {
    pub(crate) const DAC_READ_SEARCH: u64 = 1 << 2;
    pub(crate) const SYS_PTRACE: u64 = 1 << 19;
    pub(crate) const PERFMON: u64 = 1 << 38;
    pub(crate) const BPF: u64 = 1 << 39;
}

/// Gives up all capabilities of this thread but `keep`, for good.
///
/// # Errors
/// Of `capset`.
pub(crate) fn keep_capabilities(keep: u64) -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    let (low, high) = (keep as u32, (keep >> 32) as u32);
    // Effective, permitted, inheritable; first the lower 32 bits, then the upper.
    let data = [low, low, 0, high, high, 0];
    #[expect(unsafe_code, reason = "capset reads a header and two sets of ours")]
    let result = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
