//! The server: on loopback, a thread for each connection or a pool; it says what it did.
//!
//! The wire is as small as can be. A client writes `r` and reads `r` when its request is done, or
//! writes `t` and reads a line of counts ([`Truth`]).

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::burn::Burner;
use crate::lock::Lock;
use crate::os;
use crate::pool::Pool;
use crate::spec::{CONNECTIONS_MAX, Order, Service};
use crate::truth::Truth;

/// What a client writes to have a request served, and reads when it is.
pub(crate) const REQUEST: u8 = b'r';
/// What a client writes to read a line of counts.
pub(crate) const TRUTH: u8 = b't';

struct Server {
    service: Service,
    burner: Burner,
    locks: Vec<Lock>,
    requests: AtomicU64,
    /// Connections admitted so far. Each throws dice of its own: one that comes anew for every request
    /// would throw the same again and again if they were those of its place.
    admitted: AtomicU64,
    /// The connections, for the threads of a pool; one that is free is `None`.
    connections: Vec<Mutex<Option<Arc<TcpStream>>>>,
    pool: Option<Pool>,
}

/// Serves until the process ends. Tells `ready` where it listens.
///
/// # Errors
/// The port is taken, or the system refuses the processors or the real-time class asked for.
pub fn serve(service: Service, ready: impl FnOnce(SocketAddr)) -> io::Result<()> {
    if let Some(count) = service.processors {
        os::keep_to_processors(count)?;
    }
    if service.real_time {
        os::become_real_time(1)?;
    }
    if service.tied {
        thread::spawn(|| {
            while io::stdin().read(&mut [0; 64]).is_ok_and(|length| length > 0) {}
            std::process::exit(0);
        });
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, service.port))?;
    let server = Arc::new(Server {
        burner: Burner::calibrated(),
        locks: service.shares.iter().map(|_| Lock::new(service.lock)).collect(),
        requests: AtomicU64::new(0),
        admitted: AtomicU64::new(0),
        connections: (0..CONNECTIONS_MAX).map(|_| Mutex::new(None)).collect(),
        pool: service.pool.map(|kind| Pool::new(kind, CONNECTIONS_MAX)),
        service,
    });
    let workers = if server.pool.is_some() { server.service.threads } else { 0 };
    for thread_index in 0..workers {
        let server = Arc::clone(&server);
        thread::Builder::new()
            .name(format!("worker-{thread_index}"))
            .spawn(move || server.work_for_pool(thread_index as u64))?;
    }
    ready(listener.local_addr()?);
    for stream in listener.incoming() {
        let (stream, server) = (stream?, Arc::clone(&server));
        stream.set_nodelay(true)?;
        // One too many is closed at once: its client reads the end of the stream.
        if let Some(connection_index) = server.admit(stream) {
            thread::Builder::new()
                .name(format!("connection-{connection_index}"))
                .spawn(move || server.attend(connection_index))?;
        }
    }
    Ok(())
}

impl Server {
    /// Keeps a connection, and says its number. `None`: there are as many as there may be.
    fn admit(&self, stream: TcpStream) -> Option<usize> {
        let free = |connection_index: &usize| self.connection(*connection_index).is_none();
        let connection_index = (0..self.connections.len()).find(free)?;
        *lock(&self.connections[connection_index]) = Some(Arc::new(stream));
        Some(connection_index)
    }

    fn connection(&self, connection_index: usize) -> Option<Arc<TcpStream>> {
        lock(&self.connections[connection_index]).clone()
    }

    /// The life of a connection: ends when its client does.
    fn attend(&self, connection_index: usize) {
        let Some(stream) = self.connection(connection_index) else { return };
        let mut dice = self.dice(CONNECTIONS_MAX as u64 + self.admitted.fetch_add(1, Relaxed));
        let mut asked = [0];
        while (&*stream).read_exact(&mut asked).is_ok() {
            let answered = match (asked[0], &self.pool) {
                (TRUTH, _) => (&*stream).write_all(format!("{}\n", self.truth()).as_bytes()),
                (_, Some(pool)) => {
                    pool.give(connection_index);
                    Ok(())
                }
                (_, None) => self.answer(&stream, &mut dice),
            };
            if answered.is_err() {
                break;
            }
        }
        *lock(&self.connections[connection_index]) = None;
    }

    /// The life of a thread of the pool.
    fn work_for_pool(&self, thread_index: u64) {
        let Some(pool) = &self.pool else { return };
        let mut dice = self.dice(thread_index);
        loop {
            if let Some(stream) = self.connection(pool.take()) {
                // A client that is gone is seen by the thread that reads from it.
                let _gone = self.answer(&stream, &mut dice);
            }
        }
    }

    fn answer(&self, mut stream: &TcpStream, dice: &mut ChaCha8Rng) -> io::Result<()> {
        self.perform(dice);
        self.requests.fetch_add(1, Relaxed);
        stream.write_all(&[REQUEST])
    }

    /// One request: so much CPU time under each lock, and so much under none.
    fn perform(&self, dice: &mut ChaCha8Rng) {
        let Service { demand, shape, order, .. } = self.service;
        let parallel = shape.draw(demand.mul_f64(self.service.p().max(0.0)), dice);
        let burn = |share: f64| self.burner.burn(parallel.mul_f64(share), |_| ());
        let pieces = self.locks.len() as f64 + 1.0;
        match order {
            Order::SerialFirst => {}
            Order::ParallelFirst => burn(1.0),
            Order::Between => burn(1.0 / pieces),
        }
        for (lock, share) in self.locks.iter().zip(&self.service.shares) {
            let serial = shape.draw(demand.mul_f64(*share), dice);
            lock.hold(|| self.burner.burn(serial, |cpu_ns| lock.used(cpu_ns)));
            if order == Order::Between {
                burn(1.0 / pieces);
            }
        }
        if order == Order::SerialFirst {
            burn(1.0);
        }
    }

    fn truth(&self) -> Truth {
        Truth {
            at_ns: os::monotonic_ns(),
            cpu_ns: os::process_cpu_ns(),
            requests: self.requests.load(Relaxed),
            locks: self.locks.iter().map(Lock::truth).collect(),
        }
    }

    fn dice(&self, stream: u64) -> ChaCha8Rng {
        let mut dice = ChaCha8Rng::seed_from_u64(self.service.seed);
        dice.set_stream(stream);
        dice
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
