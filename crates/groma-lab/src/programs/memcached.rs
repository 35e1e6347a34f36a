//! memcached: four threads, short requests, locks per item and per list.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Case, Outcome, Owned, Program, free_port, on_path};
use crate::clients::{Ask, Clients, Seen};
use crate::os::is_root;
use crate::spec::Load;

const THREADS: &str = "4";
const KEYS: u32 = 10_000;
const VALUE: [u8; 100] = [b'x'; 100];
/// One in so many requests sets; the others get.
const SETS: u32 = 10;
const START_WAIT_MAX: Duration = Duration::from_secs(10);

pub(super) fn cases() -> Vec<Case> {
    let case = |what, clients| Case { program: "memcached", what, clients, start };
    vec![case("spread keys", 4), case("spread keys", 32), case("one hot key, sets", 32)]
}

fn start(case: &Case, _: Duration) -> io::Result<Box<dyn Program>> {
    if !on_path("memcached") {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it is not installed"));
    }
    let port = free_port()?;
    let mut command = Command::new(Path::new("memcached"));
    command.args(["-l", "127.0.0.1", "-p", &port.to_string(), "-t", THREADS]);
    if is_root() {
        command.args(["-u", "nobody"]);
    }
    let server = Owned::start(&mut command)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let since = Instant::now();
    while TcpStream::connect(address).is_err() {
        if since.elapsed() > START_WAIT_MAX {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not listen"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    let ask: Arc<Ask> = match case.what {
        "spread keys" => Arc::new(|stream: &mut TcpStream, dice: &mut ChaCha8Rng| {
            let key = dice.random_range(0..KEYS);
            if dice.random_range(0..SETS) == 0 { set(stream, key) } else { get(stream, key) }
        }),
        _ => Arc::new(|stream: &mut TcpStream, _: &mut ChaCha8Rng| set(stream, 0)),
    };
    let load = Load { clients: case.clients, think: Duration::ZERO, ..Load::default() };
    let clients = Clients::start_asking(address, &load, ask)?;
    thread::sleep(Duration::from_secs(1));
    let seen = clients.seen();
    Ok(Box::new(Running { server, clients, seen }))
}

fn set(stream: &mut TcpStream, key: u32) -> io::Result<()> {
    let mut words = format!("set k{key} 0 0 {}\r\n", VALUE.len()).into_bytes();
    words.extend(VALUE);
    words.extend(b"\r\n");
    stream.write_all(&words)?;
    read_until(stream, b"STORED\r\n")
}

fn get(stream: &mut TcpStream, key: u32) -> io::Result<()> {
    stream.write_all(format!("get k{key}\r\n").as_bytes())?;
    read_until(stream, b"END\r\n")
}

fn read_until(stream: &mut TcpStream, end: &[u8]) -> io::Result<()> {
    const ANSWER_MAX: usize = 4_096;
    let (mut answer, mut length) = ([0; ANSWER_MAX], 0);
    while !answer[..length].ends_with(end) {
        match stream.read(&mut answer[length..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => length += more,
        }
    }
    Ok(())
}

struct Running {
    server: Owned,
    clients: Clients,
    seen: Seen,
}

impl Program for Running {
    fn pid(&self) -> u32 {
        self.server.0.id()
    }

    fn finish(self: Box<Self>) -> io::Result<Outcome> {
        let served = self.seen.until(&self.clients.seen());
        if served.failures > 0 {
            return Err(io::Error::other(format!("{} requests failed", served.failures)));
        }
        Ok(Outcome { throughput: served.throughput, truth: None })
    }
}
