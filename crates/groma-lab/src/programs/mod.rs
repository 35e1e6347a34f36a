//! Real programs under load: what a probe says of them must be right, or say that it cannot know.

mod interpreted;
mod memcached;
mod postgres;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::truth::Window;

/// A program and what is done to it.
pub struct Case {
    /// `postgres`, `memcached`, `python`, `java`.
    pub program: &'static str,
    /// What the clients do.
    pub what: &'static str,
    /// How many of them.
    pub clients: usize,
    start: fn(&Case, Duration) -> io::Result<Box<dyn Program>>,
}

/// A program that runs under load.
pub trait Program {
    /// The process to watch.
    fn pid(&self) -> u32;

    /// Whether its children do the work.
    fn forks(&self) -> bool {
        false
    }

    /// Ends the load, then the program, and says what came of it.
    ///
    /// # Errors
    /// It is gone, or its clients failed.
    fn finish(self: Box<Self>) -> io::Result<Outcome>;
}

/// What came of a load.
pub struct Outcome {
    /// Answers a second.
    pub throughput: f64,
    /// What the program knows of itself, where it does: its p is what the probe should say.
    pub truth: Option<Window>,
}

impl Case {
    /// Starts the program and its load, and waits until both are warm. The load lasts at least `time`
    /// from then on.
    ///
    /// # Errors
    /// It is not installed, or does not start: the text says which.
    pub fn start(&self, time: Duration) -> io::Result<Box<dyn Program>> {
        (self.start)(self, time)
    }
}

/// All cases, program by program.
pub fn cases() -> Vec<Case> {
    let mut cases = postgres::cases();
    cases.extend(memcached::cases());
    cases.extend(interpreted::cases());
    cases
}

/// A child process that ends with us.
struct Owned(Child);

impl Owned {
    fn start(command: &mut Command) -> io::Result<Owned> {
        let name = command.get_program().to_string_lossy().into_owned();
        let started = command.stdin(Stdio::null()).spawn().map(Owned);
        started.map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// A port of loopback that nobody listens on now.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether a file of this name is in one of the folders of `PATH`.
fn on_path(name: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(name).is_file())
}

/// The command itself, or run as another user if we are root: some servers refuse to be root's.
fn as_user(user: &str, program: &Path) -> Command {
    if !crate::os::is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", "nogroup", "--clear-groups", "--"]).arg(program);
    command
}
