//! What a process most likely does that no tier can see, from what it is made of.

use std::collections::HashMap;
use std::fs;
use std::io::{ErrorKind, Read as _};

use crate::process;

/// Bytes of an executable searched for the mark of Go.
const HEAD_BYTES_MAX: u64 = 256 * 1024;
/// Descriptors looked at.
const DESCRIPTORS_MAX: usize = 1024;

/// Says that nothing was looked at.
const UNREAD: &str = "what it is made of may not be read without CAP_SYS_PTRACE, given up when the probe \
                      began: whether it is a program that hides its locks is not known";

/// What was found while it could be read: of a process, by its id and birth.
#[derive(Debug, Default)]
pub(crate) struct Suspicions(HashMap<(u32, u64), Vec<String>>);

impl Suspicions {
    /// Looks at processes before privileges are given up.
    pub(crate) fn of(pids: impl IntoIterator<Item = u32>) -> Self {
        let of = |pid| Some(((pid, process::birth(pid)?), warnings(pid)));
        Self(pids.into_iter().filter_map(of).collect())
    }

    /// Sentences for the report: of now, or of then where it may not be read any more.
    pub(crate) fn about(&self, pid: u32) -> Vec<String> {
        let exe = fs::read_link(format!("/proc/{pid}/exe"));
        if !exe.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
            return warnings(pid);
        }
        let then = process::birth(pid).and_then(|birth| self.0.get(&(pid, birth)));
        then.cloned().unwrap_or_else(|| vec![UNREAD.to_owned()])
    }

    /// It executes another program since.
    pub(crate) fn forget(&mut self, pid: u32) {
        self.0.retain(|(known, _), _| *known != pid);
    }
}

/// Sentences for the report; empty: nothing suspicious, or not ours to read.
fn warnings(pid: u32) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let comm = process::comm(pid).unwrap_or_default();
    let mut warnings: Vec<String> =
        by_files(&maps, &comm).into_iter().map(|sentence| (*sentence).to_owned()).collect();
    if is_go(pid) {
        warnings.push(
            "a Go program: its mutexes park goroutines, not threads, and are not seen".to_owned(),
        );
    }
    if has_io_uring(pid) {
        warnings.push("it uses io_uring: such requests and waits are not seen".to_owned());
    }
    warnings
}

/// By the files mapped into it and its name.
fn by_files(maps: &str, comm: &str) -> Vec<&'static str> {
    if maps.is_empty() {
        return Vec::new();
    }
    let has = |part: &str| maps.lines().any(|line| file_of(line).contains(part));
    let mut warnings = Vec::new();
    if has("libjvm.so") {
        warnings.push(
            "a Java program: its monitors park each thread on a condition variable of its own, so \
             waits for them look like idle waits; only locks of the virtual machine are seen",
        );
    }
    if has("libpython") || has("/python3") {
        warnings.push(
            "a Python program: its interpreter lock is a condition variable, not a mutex, so waits \
             for it are not seen; most interpreters run one thread at a time",
        );
    }
    if comm.starts_with("postgres") {
        warnings.push(
            "PostgreSQL: its row locks and lightweight locks wait on semaphores, which look like \
             idle waits; ask pg_stat_activity for wait events",
        );
    }
    if !has("/libc.so") && !has("/libc-") && !has("ld-musl") && !has("libjvm.so") {
        warnings.push("no C library is mapped: its locks may be of any kind");
    }
    warnings
}

/// The last column of a line of `/proc/PID/maps`.
fn file_of(line: &str) -> &str {
    line.splitn(6, ' ').nth(5).unwrap_or_default().trim_start()
}

/// By the ELF note of its build: four bytes long is the name `Go`, of type 4 the note. (Its text would also
/// stand in a program that looks for it, such as this one.)
fn is_go(pid: u32) -> bool {
    let Ok(file) = fs::File::open(format!("/proc/{pid}/exe")) else { return false };
    let mut head = Vec::new();
    if file.take(HEAD_BYTES_MAX).read_to_end(&mut head).is_err() {
        return false;
    }
    let word = |note: &[u8], at: usize| note.get(at..at + 4).map(<[u8]>::to_vec);
    let four = Some(4u32.to_ne_bytes().to_vec());
    head.chunks_exact(4).enumerate().any(|(index, name)| {
        let at = index * 4;
        name == b"Go\0\0" && at >= 12 && word(&head, at - 12) == four && word(&head, at - 4) == four
    })
}

fn has_io_uring(pid: u32) -> bool {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    entries
        .take(DESCRIPTORS_MAX)
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .any(|link| link.to_str().is_some_and(|link| link.contains("io_uring")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBC: &str = "7f00-7f10 r-xp 00000000 fe:00 42   /usr/lib/x86_64-linux-gnu/libc.so.6\n";

    #[test]
    fn what_a_program_is_made_of_tells_what_it_hides() {
        let maps = |file: &str| format!("{LIBC}5500-5510 r-xp 00000000 fe:00 7   {file}\n");
        let say = |maps: &str, comm: &str| by_files(maps, comm).join(" ");
        assert!(say(&maps("/usr/lib/jvm/lib/server/libjvm.so"), "java").contains("Java"));
        assert!(say(&maps("/usr/bin/python3.11"), "python3").contains("Python"));
        assert!(
            say(&maps("/usr/lib/postgresql/15/bin/postgres"), "postgres").contains("PostgreSQL")
        );
        assert_eq!(say(&maps("/usr/bin/memcached"), "memcached"), "");
        assert!(
            say("5500-5510 r-xp 00000000 fe:00 7   /srv/app\n", "app").contains("no C library")
        );
        assert_eq!(say("", "gone"), "");
    }

    #[test]
    fn this_test_is_not_go() {
        assert!(!is_go(std::process::id()));
    }
}
