//! The clients: a closed loop of think, ask, wait for the answer, each in a thread of its own.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread::{self, JoinHandle};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::os;
use crate::server::REQUEST;
use crate::spec::{Load, Shape};

/// Each bucket of response times ends this much later than the one before: 2 %.
const BUCKET_RATIO: f64 = 1.02;
/// Up to a thousand seconds.
const BUCKETS: usize = 1_400;
/// The end of the first bucket.
const BUCKET_FIRST_NS: f64 = 1_000.0;

/// Clients that ask until they are dropped.
pub struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    stopped: AtomicBool,
    requests: AtomicU64,
    failures: AtomicU64,
    response_ns: AtomicU64,
    buckets: Vec<AtomicU64>,
}

/// What the clients have seen since they started. The difference of two is a [`Served`].
#[derive(Debug, Clone)]
pub struct Seen {
    at_ns: u64,
    requests: u64,
    failures: u64,
    response_ns: u64,
    buckets: Vec<u64>,
}

/// What the clients saw between two moments. Times in seconds; NaN: nothing was answered.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    /// How long it was.
    pub seconds: f64,
    /// Requests answered.
    pub requests: u64,
    /// Requests that got no answer: the connection was refused or closed.
    pub failures: u64,
    /// Answers a second.
    pub throughput: f64,
    /// From the request to its answer, mean.
    pub response_mean: f64,
    /// The middle one; right to 2 %, as the other two.
    pub response_p50: f64,
    /// Nineteen of twenty are faster.
    pub response_p95: f64,
    /// Ninety-nine of a hundred are faster.
    pub response_p99: f64,
}

/// Asks once over a connection, and reads the answer.
pub type Ask = dyn Fn(&mut TcpStream, &mut ChaCha8Rng) -> io::Result<()> + Send + Sync;

impl Clients {
    /// Starts clients of a server of the lab.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(address: SocketAddr, load: &Load) -> io::Result<Clients> {
        let ask = |stream: &mut TcpStream, _: &mut ChaCha8Rng| {
            stream.write_all(&[REQUEST])?;
            stream.read_exact(&mut [0])
        };
        Clients::start_asking(address, load, Arc::new(ask))
    }

    /// Starts clients that speak as `ask` does.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start_asking(address: SocketAddr, load: &Load, ask: Arc<Ask>) -> io::Result<Clients> {
        let shared = Arc::new(Shared {
            stopped: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            response_ns: AtomicU64::new(0),
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
        });
        let mut clients = Clients { shared, threads: Vec::new() };
        for client_index in 0..load.clients as u64 {
            let (load, shared, ask) = (load.clone(), Arc::clone(&clients.shared), Arc::clone(&ask));
            let mut dice = ChaCha8Rng::seed_from_u64(load.seed);
            dice.set_stream(client_index);
            let thread = thread::Builder::new()
                .name(format!("client-{client_index}"))
                .spawn(move || shared.go_round(address, &load, &*ask, &mut dice))?;
            clients.threads.push(thread);
        }
        Ok(clients)
    }

    /// What they have seen until now.
    pub fn seen(&self) -> Seen {
        let shared = &self.shared;
        Seen {
            at_ns: os::monotonic_ns(),
            requests: shared.requests.load(Relaxed),
            failures: shared.failures.load(Relaxed),
            response_ns: shared.response_ns.load(Relaxed),
            buckets: shared.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect(),
        }
    }
}

impl Drop for Clients {
    /// Each ends after the answer it waits for, or its pause.
    fn drop(&mut self) {
        self.shared.stopped.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
    }
}

impl Shared {
    /// The life of a client.
    fn go_round(&self, address: SocketAddr, load: &Load, ask: &Ask, dice: &mut ChaCha8Rng) {
        if load.real_time {
            // Refused: then the clients are as others are; the server said so already.
            let _refused = os::become_real_time(1);
        }
        let mut connection = None;
        while !self.stopped.load(Relaxed) {
            thread::sleep(Shape::Exponential.draw(load.think, dice));
            let since = os::monotonic_ns();
            match connected(&mut connection, address).and_then(|stream| ask(stream, dice)) {
                Ok(()) => self.note(os::monotonic_ns().saturating_sub(since)),
                Err(_) => {
                    self.failures.fetch_add(1, Relaxed);
                    connection = None;
                    // Who is refused does not ask again at once.
                    thread::sleep(std::time::Duration::from_millis(10));
                }
            }
            if load.reconnect {
                connection = None;
            }
        }
    }

    fn note(&self, response_ns: u64) {
        self.requests.fetch_add(1, Relaxed);
        self.response_ns.fetch_add(response_ns, Relaxed);
        let steps = (response_ns as f64 / BUCKET_FIRST_NS).max(1.0).ln() / BUCKET_RATIO.ln();
        self.buckets[(steps as usize).min(BUCKETS - 1)].fetch_add(1, Relaxed);
    }
}

/// The connection there is, or a new one.
fn connected(
    connection: &mut Option<TcpStream>,
    address: SocketAddr,
) -> io::Result<&mut TcpStream> {
    match connection {
        Some(stream) => Ok(stream),
        None => {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            Ok(connection.insert(stream))
        }
    }
}

impl Seen {
    /// What they saw between `self` and `later`.
    pub fn until(&self, later: &Seen) -> Served {
        let seconds = later.at_ns.saturating_sub(self.at_ns) as f64 / 1e9;
        let requests = later.requests.saturating_sub(self.requests);
        let counts: Vec<u64> = (later.buckets.iter().zip(&self.buckets))
            .map(|(later, before)| later.saturating_sub(*before))
            .collect();
        let response_ns = later.response_ns.saturating_sub(self.response_ns) as f64;
        Served {
            seconds,
            requests,
            failures: later.failures.saturating_sub(self.failures),
            throughput: requests as f64 / seconds,
            response_mean: response_ns / 1e9 / requests as f64,
            response_p50: quantile(&counts, 0.5),
            response_p95: quantile(&counts, 0.95),
            response_p99: quantile(&counts, 0.99),
        }
    }
}

/// The end of the bucket in which this share of all is reached. NaN: there are none.
fn quantile(counts: &[u64], share: f64) -> f64 {
    let all: u64 = counts.iter().sum();
    let wanted = share * all as f64;
    let mut so_far = 0;
    let reached = counts.iter().position(|count| {
        so_far += count;
        so_far > 0 && so_far as f64 >= wanted
    });
    let end = |index: usize| BUCKET_FIRST_NS * BUCKET_RATIO.powi(index as i32 + 1) / 1e9;
    reached.map_or(f64::NAN, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_two_percent() {
        let at =
            |seconds: f64| ((seconds * 1e9 / BUCKET_FIRST_NS).ln() / BUCKET_RATIO.ln()) as usize;
        let mut counts = vec![0; BUCKETS];
        counts[at(0.004)] = 50;
        counts[at(0.020)] = 49;
        counts[at(1.0)] = 1;
        let near = |share: f64, wanted: f64| (quantile(&counts, share) / wanted - 1.0).abs() < 0.02;
        assert!(near(0.5, 0.004) && near(0.51, 0.020) && near(0.99, 0.020) && near(0.995, 1.0));
        assert!(quantile(&vec![0; BUCKETS], 0.5).is_nan());
    }
}
