//! A server in a process of its own, to be measured from here.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use crate::server::TRUTH;
use crate::spec::Service;
use crate::truth::Truth;

/// How the line begins on which a server says where it listens.
pub const LISTENING: &str = "listening on 127.0.0.1:";

/// A running server. Dropping it ends it.
pub struct Lab {
    child: Child,
    address: SocketAddr,
    control: BufReader<TcpStream>,
}

impl Lab {
    /// Starts `program`, a `groma-lab`, as a server.
    ///
    /// # Errors
    /// It does not start, or ends before it listens; what it said is on standard error.
    pub fn start(program: &Path, service: &Service) -> io::Result<Lab> {
        Lab::start_under(&[], program, service)
    }

    /// The same through another program, such as `unshare` or `setpriv`, that starts it.
    ///
    /// # Errors
    /// As [`Lab::start`].
    pub fn start_under(before: &[&str], program: &Path, service: &Service) -> io::Result<Lab> {
        let mut words = before.iter();
        let mut command = match words.next() {
            Some(first) => {
                let mut command = Command::new(first);
                command.args(words).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.arg("serve").args(Service { tied: true, ..service.clone() }.words());
        Lab::start_command(command)
    }

    /// Starts any server that speaks as ours does, ends with its standard input, and says on its
    /// first line where it listens.
    ///
    /// # Errors
    /// As [`Lab::start`].
    pub fn start_command(mut command: Command) -> io::Result<Lab> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let first_line = child.stdout.take().map(|stdout| {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| line)
        });
        let line = first_line.transpose()?.unwrap_or_default();
        let port = line.trim_end().strip_prefix(LISTENING).and_then(|port| port.parse().ok());
        let Some(port) = port else {
            let _ended = child.kill().and_then(|()| child.wait());
            return Err(io::Error::other(format!("the server did not start: \"{line}\"")));
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let control = BufReader::new(TcpStream::connect(address)?);
        Ok(Lab { child, address, control })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process that was started: the server, or the program before it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it counted until now.
    ///
    /// # Errors
    /// It is gone.
    pub fn truth(&mut self) -> io::Result<Truth> {
        self.control.get_mut().write_all(&[TRUTH])?;
        let mut line = String::new();
        self.control.read_line(&mut line)?;
        line.parse().map_err(io::Error::other)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // The end of its standard input ends a server; what stands before it may not pass that on.
        drop(self.child.stdin.take());
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Threads that do nothing but use CPU time: neighbours, so that processors are short.
pub struct Neighbours {
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Neighbours {
    /// Starts so many.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(count: usize) -> io::Result<Neighbours> {
        let mut neighbours = Neighbours { stopped: Arc::default(), threads: Vec::new() };
        for _ in 0..count {
            let stopped = Arc::clone(&neighbours.stopped);
            let busy = move || while !stopped.load(Relaxed) {};
            neighbours.threads.push(thread::Builder::new().spawn(busy)?);
        }
        Ok(neighbours)
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        self.stopped.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
    }
}
