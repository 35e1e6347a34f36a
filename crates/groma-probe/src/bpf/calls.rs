//! The system calls: their numbers on this machine, and what a thread in one of them waits for.

use std::path::Path;

use super::layout::{Class, SYSCALLS};

/// Calls that take a request from a socket.
pub(super) const RECEIVES: &[&str] = &["read", "readv", "recvfrom", "recvmsg"];
/// Calls that send a reply.
pub(super) const SENDS: &[&str] = &["write", "writev", "sendto", "sendmsg", "sendfile64"];

/// What is known of the calls of this machine.
pub(super) struct Calls {
    /// Number and what it waits for.
    pub(super) classes: Vec<(u32, Class)>,
}

/// Tracepoints of single calls need tracefs.
pub(super) fn tracefs_is_mounted() -> bool {
    has_tracepoint("futex")
}

/// True if there is a tracepoint for the call, or it is known without one.
pub(crate) fn is_known(name: &str) -> bool {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    NAMED.iter().any(|(known, ..)| *known == name)
        || (name.chars().all(is_name) && has_tracepoint(name))
}

fn has_tracepoint(name: &str) -> bool {
    ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"].iter().any(|folder| {
        Path::new(folder).join(format!("events/syscalls/sys_enter_{name}/id")).exists()
    })
}

pub(super) fn unknown(name: &str) -> String {
    let known: Vec<_> = NAMED.iter().map(|(name, ..)| *name).collect();
    format!("without tracefs the system call {name} is not known; known are {}", known.join(", "))
}

impl Calls {
    /// `sockets`: the kernel says by which socket data moves.
    pub(super) fn of_this_machine(sockets: bool) -> Self {
        let classes = NAMED
            .iter()
            .filter_map(|(_, number, class)| Some((u32::try_from(*number).ok()?, *class)))
            .filter(|(number, _)| (*number as usize) < SYSCALLS);
        // What is not named waits for something that is no demand.
        let mut all: Vec<_> = (0..SYSCALLS as u32).map(|number| (number, Class::Other)).collect();
        for (number, class) in classes {
            let unsaid = class == Class::Socket && !sockets;
            all[number as usize].1 = if unsaid { Class::Descriptor } else { class };
        }
        Self { classes: all }
    }

    pub(super) fn number(&self, name: &str) -> Option<u32> {
        let (_, number, _) = NAMED.iter().find(|(known, ..)| *known == name)?;
        u32::try_from(*number).ok()
    }
}

/// Name as its tracepoint spells it, number, and what it waits for.
static NAMED: &[(&str, libc::c_long, Class)] = &[
    ("read", libc::SYS_read, Class::Descriptor),
    ("readv", libc::SYS_readv, Class::Descriptor),
    ("pread64", libc::SYS_pread64, Class::Disk),
    ("preadv", libc::SYS_preadv, Class::Disk),
    ("write", libc::SYS_write, Class::Descriptor),
    ("writev", libc::SYS_writev, Class::Descriptor),
    ("pwrite64", libc::SYS_pwrite64, Class::Disk),
    ("pwritev", libc::SYS_pwritev, Class::Disk),
    ("fsync", libc::SYS_fsync, Class::Disk),
    ("fdatasync", libc::SYS_fdatasync, Class::Disk),
    ("sync_file_range", libc::SYS_sync_file_range, Class::Disk),
    ("msync", libc::SYS_msync, Class::Disk),
    ("io_getevents", libc::SYS_io_getevents, Class::Disk),
    ("accept", libc::SYS_accept, Class::Descriptor),
    ("accept4", libc::SYS_accept4, Class::Descriptor),
    ("connect", libc::SYS_connect, Class::Descriptor),
    ("recvfrom", libc::SYS_recvfrom, Class::Socket),
    ("recvmsg", libc::SYS_recvmsg, Class::Socket),
    ("recvmmsg", libc::SYS_recvmmsg, Class::Descriptor),
    ("sendto", libc::SYS_sendto, Class::Socket),
    ("sendmsg", libc::SYS_sendmsg, Class::Socket),
    ("sendmmsg", libc::SYS_sendmmsg, Class::Descriptor),
    ("sendfile64", libc::SYS_sendfile, Class::Descriptor),
    ("futex", libc::SYS_futex, Class::Futex),
    #[cfg(target_arch = "x86_64")]
    ("epoll_wait", libc::SYS_epoll_wait, Class::Poll),
    ("epoll_pwait", libc::SYS_epoll_pwait, Class::Poll),
    ("epoll_pwait2", libc::SYS_epoll_pwait2, Class::Poll),
    #[cfg(target_arch = "x86_64")]
    ("poll", libc::SYS_poll, Class::Poll),
    ("ppoll", libc::SYS_ppoll, Class::Poll),
    #[cfg(target_arch = "x86_64")]
    ("select", libc::SYS_select, Class::Poll),
    ("pselect6", libc::SYS_pselect6, Class::Poll),
    ("nanosleep", libc::SYS_nanosleep, Class::Sleep),
    ("clock_nanosleep", libc::SYS_clock_nanosleep, Class::Sleep),
    #[cfg(target_arch = "x86_64")]
    ("pause", libc::SYS_pause, Class::Sleep),
];
