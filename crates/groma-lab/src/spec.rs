//! What is set: the server's demands and locks, its clients, and the flags that say so.

use std::time::Duration;

use rand::Rng;
use rand_distr::{Distribution, Exp1};

use crate::flags::{Flags, seconds};
use crate::lock::LockKind;
use crate::pool::PoolKind;
use crate::words::words;

/// Locks of one request, at most.
pub const LOCKS_MAX: usize = 16;
/// Connections of one server, and threads of a pool, at most.
pub const CONNECTIONS_MAX: usize = 1024;

words! {
    /// When a request takes its locks.
    pub enum Order {
        /// First of all, as in the paper.
        SerialFirst = "serial-first",
        /// After all that needs none.
        ParallelFirst = "parallel-first",
        /// In between: some work without a lock before, between and after them.
        Between = "between",
    }
}

words! {
    /// How demands vary around their mean.
    pub enum Shape {
        /// Exponential: the variance is the square of the mean.
        Exponential = "exponential",
        /// All alike.
        Constant = "constant",
        /// Mostly short, some long: the variance is four times the square of the mean.
        Hyperexponential = "hyperexponential",
    }
}

impl Shape {
    /// A demand of this mean.
    pub(crate) fn draw(self, mean: Duration, dice: &mut impl Rng) -> Duration {
        let one: f64 = Exp1.sample(dice);
        mean.mul_f64(match self {
            Shape::Exponential => one,
            Shape::Constant => 1.0,
            // Two phases with balanced means: p = (1 + sqrt(3/5)) / 2 gives a cv² of 4.
            Shape::Hyperexponential => {
                const SHORT: f64 = 0.887_298_334_620_741_7;
                let share =
                    if rand::RngExt::random_bool(dice, SHORT) { SHORT } else { 1.0 - SHORT };
                one / (2.0 * share)
            }
        })
    }
}

/// What one request of the server needs, and how the server is built.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Mean CPU time of a request, all parts together.
    pub demand: Duration,
    /// The share of the demand under each lock; what is left is under none: p.
    pub shares: Vec<f64>,
    /// What the locks are.
    pub lock: LockKind,
    /// When they are taken.
    pub order: Order,
    /// How demands vary.
    pub shape: Shape,
    /// A pool that serves the requests, or a thread for each connection.
    pub pool: Option<PoolKind>,
    /// Threads of the pool.
    pub threads: usize,
    /// Only the first so many processors.
    pub processors: Option<usize>,
    /// In the real-time class, so that neighbours cannot interfere.
    pub real_time: bool,
    /// Of all dice.
    pub seed: u64,
    /// Of loopback; 0: any that is free.
    pub port: u16,
    /// Ends when its standard input does, so that it does not outlive who started it.
    pub tied: bool,
}

impl Default for Service {
    fn default() -> Service {
        Service {
            demand: Duration::from_millis(4),
            shares: vec![0.7],
            lock: LockKind::Owner,
            order: Order::SerialFirst,
            shape: Shape::Exponential,
            pool: None,
            threads: 10,
            processors: None,
            real_time: false,
            seed: 1,
            port: 0,
            tied: false,
        }
    }
}

impl Service {
    /// The usual one, with this share of its demand outside of its one lock.
    pub fn with_p(p: f64) -> Service {
        Service { shares: vec![1.0 - p], ..Service::default() }
    }

    /// The share of the demand that is under no lock.
    pub fn p(&self) -> f64 {
        1.0 - self.shares.iter().sum::<f64>()
    }

    /// Takes its flags out of `flags`.
    ///
    /// # Errors
    /// What cannot be, and what to give instead.
    pub fn from_flags(flags: &mut Flags) -> Result<Service, String> {
        let usual = Service::default();
        let p: Option<f64> = flags.take("p")?;
        let locks: Option<String> = flags.take("locks")?;
        let shares = match (p, locks) {
            (Some(_), Some(_)) => return Err("--p and --locks say the same; give one".to_owned()),
            (Some(p), None) => vec![1.0 - p],
            (None, None) => usual.shares,
            (None, Some(text)) => text
                .split(',')
                .filter(|share| !share.is_empty())
                .map(|share| share.parse().map_err(|_| format!("--locks: \"{share}\" is no share")))
                .collect::<Result<_, _>>()?,
        };
        let service = Service {
            demand: flags.duration("demand")?.unwrap_or(usual.demand),
            shares,
            lock: flags.take("lock")?.unwrap_or(usual.lock),
            order: flags.take("order")?.unwrap_or(usual.order),
            shape: flags.take("shape")?.unwrap_or(usual.shape),
            pool: flags.take("pool")?,
            threads: flags.take("threads")?.unwrap_or(usual.threads),
            processors: flags.take("processors")?,
            real_time: flags.is_set("real-time"),
            seed: flags.take("seed")?.unwrap_or(usual.seed),
            port: flags.take("port")?.unwrap_or(usual.port),
            tied: flags.is_set("tied"),
        };
        service.check()
    }

    fn check(self) -> Result<Service, String> {
        let fits = |share: &f64| (0.0..=1.0).contains(share);
        if !self.shares.iter().all(fits) || !fits(&(self.p() + 1e-9).min(1.0)) {
            return Err("shares are between 0 and 1, and together at most 1".to_owned());
        }
        if self.shares.len() > LOCKS_MAX {
            return Err(format!("{} locks; {LOCKS_MAX} is the most", self.shares.len()));
        }
        if !(1..=CONNECTIONS_MAX).contains(&self.threads) {
            return Err(format!("--threads is between 1 and {CONNECTIONS_MAX}"));
        }
        Ok(self)
    }

    /// The flags that say the same.
    pub fn words(&self) -> Vec<String> {
        let shares: Vec<String> = self.shares.iter().map(f64::to_string).collect();
        let mut words = Vec::new();
        let mut say = |name: &str, value: String| words.extend([format!("--{name}"), value]);
        say("demand", seconds(self.demand));
        say("locks", shares.join(","));
        say("lock", self.lock.to_string());
        say("order", self.order.to_string());
        say("shape", self.shape.to_string());
        say("threads", self.threads.to_string());
        say("seed", self.seed.to_string());
        say("port", self.port.to_string());
        self.pool.iter().for_each(|pool| say("pool", pool.to_string()));
        self.processors.iter().for_each(|count| say("processors", count.to_string()));
        let set = [("--real-time", self.real_time), ("--tied", self.tied)];
        words.extend(set.iter().filter(|(_, set)| *set).map(|(name, _)| (*name).to_owned()));
        words
    }
}

/// Who asks the server: a closed loop of think, ask, wait for the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Clients, each with a thread and a connection.
    pub clients: usize,
    /// Mean of the exponential pause between an answer and the next request.
    pub think: Duration,
    /// A new connection, and so a new thread of the server, for each request.
    pub reconnect: bool,
    /// In the real-time class.
    pub real_time: bool,
    /// Of all dice.
    pub seed: u64,
}

impl Default for Load {
    fn default() -> Load {
        Load {
            clients: 10,
            think: Duration::from_millis(36),
            reconnect: false,
            real_time: false,
            seed: 1,
        }
    }
}

impl Load {
    /// Takes its flags out of `flags`.
    ///
    /// # Errors
    /// What cannot be, and what to give instead.
    pub fn from_flags(flags: &mut Flags) -> Result<Load, String> {
        let usual = Load::default();
        let load = Load {
            clients: flags.take("clients")?.unwrap_or(usual.clients),
            think: flags.duration("think")?.unwrap_or(usual.think),
            reconnect: flags.is_set("reconnect"),
            real_time: flags.is_set("real-time"),
            seed: flags.take("seed")?.unwrap_or(usual.seed),
        };
        if !(1..=CONNECTIONS_MAX).contains(&load.clients) {
            return Err(format!("--clients is between 1 and {CONNECTIONS_MAX}"));
        }
        Ok(load)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn flags_and_words_say_the_same() {
        let line = "--demand 300us --locks 0.3,0.1 --lock ownerless --order between --pool condvar \
                    --threads 3 --processors 2 --shape constant --real-time --seed 9 --port 4000";
        let mut flags = Flags::read(line.split_whitespace().map(str::to_owned)).unwrap();
        let service = Service::from_flags(&mut flags).unwrap();
        flags.all_taken().unwrap();
        assert_eq!(service.demand, Duration::from_micros(300));
        assert_eq!(service.p(), 0.6);
        let mut again = Flags::read(service.words().into_iter()).unwrap();
        assert_eq!(Service::from_flags(&mut again), Ok(service));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |line: &str| {
            let mut flags = Flags::read(line.split_whitespace().map(str::to_owned)).unwrap();
            Service::from_flags(&mut flags).unwrap_err()
        };
        assert_eq!(
            refused("--locks 0.7,0.7"),
            "shares are between 0 and 1, and together at most 1"
        );
        assert_eq!(refused("--p 0.3 --locks 0.7"), "--p and --locks say the same; give one");
        assert_eq!(
            refused("--lock door"),
            "--lock \"door\": one of owner ownerless semaphore spin none"
        );
        assert_eq!(refused("--threads 0"), "--threads is between 1 and 1024");
        assert!(
            refused(&format!("--locks 0{}", ",0".repeat(LOCKS_MAX))).contains("16 is the most")
        );
    }

    #[test]
    fn demands_have_their_mean_and_spread() {
        let mut dice = ChaCha8Rng::seed_from_u64(7);
        for (shape, cv2) in
            [(Shape::Exponential, 1.0), (Shape::Constant, 0.0), (Shape::Hyperexponential, 4.0)]
        {
            let draw = |_| shape.draw(Duration::from_millis(1), &mut dice).as_secs_f64() * 1e3;
            let drawn: Vec<f64> = (0..200_000).map(draw).collect();
            let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
            let variance =
                drawn.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / drawn.len() as f64;
            assert!((mean - 1.0).abs() < 0.02, "{shape}: mean {mean}");
            assert!((variance - cv2).abs() < 0.2, "{shape}: variance {variance}");
        }
    }
}
