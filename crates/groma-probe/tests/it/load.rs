//! A program to watch: this test binary, started again, with threads that work, lock and wait.
//!
//! `Load::start("locks threads=4 hold_us=300 work_us=700")` begins one; [`Load::truth`] asks it how much CPU
//! it used, and how much of that inside of locks, by its own thread clocks.

use std::cell::UnsafeCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const VARIABLE: &str = "GROMA_PROBE_LOAD";

/// A running load, ended when dropped.
pub(crate) struct Load {
    child: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// CPU seconds of the load's threads since it began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Truth {
    pub(crate) used: f64,
    /// Inside of its first, second, … lock.
    pub(crate) locked: [f64; 2],
}

impl Load {
    pub(crate) fn start(what: &str) -> Self {
        Self::start_by(Command::new(std::env::current_exe().unwrap()), what).expect("a load")
    }

    /// By a command that ends with this test binary: `unshare … binary`. `None`: it does not run.
    pub(crate) fn start_by(mut command: Command, what: &str) -> Option<Self> {
        let mut child = command
            .args(["--exact", "load::child", "--nocapture", "--test-threads=1"])
            .env(VARIABLE, what)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let (ask, answers) = (child.stdin.take(), child.stdout.take()?);
        let mut load = Self { child, ask, answers: BufReader::new(answers) };
        load.answer().map(|_| load)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks the load for its own count.
    pub(crate) fn truth(&mut self) -> Truth {
        let numbers = self.answer().expect("the load has ended");
        let [used, first, second] = [0, 1, 2].map(|place| numbers[place] as f64 / 1e9);
        Truth { used, locked: [first, second] }
    }

    /// Requests its server has answered.
    pub(crate) fn served(&mut self) -> u64 {
        self.answer().expect("the load has ended")[3]
    }

    /// Tells it something that has no answer.
    pub(crate) fn say(&mut self, word: &str) {
        self.ask.as_mut().unwrap().write_all(format!("{word}\n").as_bytes()).unwrap();
    }

    fn answer(&mut self) -> Option<Vec<u64>> {
        // If it has ended there is no answer either.
        let _ = self.ask.as_mut()?.write_all(b"?\n");
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line).ok()? == 0 {
                return None;
            }
            // The harness may have begun the line.
            if let Some((_, answer)) = line.split_once("truth ") {
                return answer.split_whitespace().map(|number| number.parse().ok()).collect();
            }
        }
    }

    /// Ends it and waits until it is gone.
    pub(crate) fn end(&mut self) {
        drop(self.ask.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

impl Truth {
    /// p between two answers: the share of CPU time outside of all locks.
    pub(crate) fn parallel_until(&self, later: &Truth) -> f64 {
        1.0 - self.share_until(later, 0) - self.share_until(later, 1)
    }

    /// Share of the CPU time inside of one lock.
    pub(crate) fn share_until(&self, later: &Truth, lock: usize) -> f64 {
        (later.locked[lock] - self.locked[lock]) / (later.used - self.used)
    }
}

/// The load itself; without the variable a test that does nothing.
#[test]
fn child() {
    let Ok(what) = std::env::var(VARIABLE) else { return };
    let mut words = what.split_whitespace();
    let kind = words.next().unwrap();
    let number = |name: &str, otherwise: u64| {
        let found =
            what.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        found.map_or(otherwise, |text| text.parse().unwrap())
    };
    let plan = Plan {
        hold: [number("hold_us", 0), number("hold2_us", 0)].map(Duration::from_micros),
        work: Duration::from_micros(number("work_us", 0)),
        think: Duration::from_micros(number("think_us", 0)),
    };
    for seed in 0..number("threads", 1) {
        match kind {
            "locks" => drop(std::thread::spawn(move || work_with_pthread(plan, seed))),
            "rust" => drop(std::thread::spawn(move || work_with_rust(plan, seed))),
            "timed" => drop(std::thread::spawn(move || work_with_timed(plan, seed))),
            "rwlock" => drop(std::thread::spawn(move || read_and_write(plan, seed))),
            "queue" => drop(std::thread::spawn(take_from_queue)),
            "serve" => serve_one(),
            "disk" => drop(std::thread::spawn(write_to_disk)),
            "churn" => drop(std::thread::spawn(move || start_threads(plan))),
            "parent" => std::mem::forget(start_child()), // it ends when its standard input does
            "family" => {
                serve_one();
                std::mem::forget(start_child());
            }
            "exec" => {}
            other => panic!("no load is called {other}"),
        }
    }
    if kind == "queue" {
        std::thread::spawn(fill_queue);
    }
    answer(kind == "exec");
}

/// Answers each line until the asker is gone; to load `exec` the line "x" says to become another program.
fn answer(may_exec: bool) {
    while let Some(line) = read_line() {
        if may_exec && line == "x" {
            use std::os::unix::process::CommandExt as _;
            let error = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "load::child", "--nocapture", "--test-threads=1"])
                .env(VARIABLE, "locks threads=3 hold_us=300 work_us=300 think_us=600")
                .exec();
            panic!("{error}");
        }
        let [first, second] = [&LOCKED[0], &LOCKED[1]].map(|sum| sum.load(Ordering::Relaxed));
        let served = SERVED.load(Ordering::Relaxed);
        println!("truth {} {first} {second} {served}", clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID));
        let _ = std::io::stdout().flush();
    }
    std::process::exit(0);
}

/// Byte by byte, so that a program that follows finds what was not read.
fn read_line() -> Option<String> {
    use std::io::Read as _;
    let mut input = std::fs::File::open("/dev/stdin").ok()?;
    let mut line = String::new();
    let mut byte = [0];
    while input.read(&mut byte).ok()? == 1 {
        if byte[0] == b'\n' {
            return Some(line);
        }
        line.push(char::from(byte[0]));
    }
    None
}

#[derive(Clone, Copy)]
struct Plan {
    hold: [Duration; 2],
    work: Duration,
    think: Duration,
}

/// CPU nanoseconds inside of each lock.
static LOCKED: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

fn work_with_pthread(plan: Plan, seed: u64) {
    static LOCKS: [Mutex; 2] = [Mutex::new(), Mutex::new()];
    let mut dice = Dice(seed + 1);
    loop {
        for (index, hold) in plan.hold.into_iter().enumerate().filter(|(_, hold)| !hold.is_zero()) {
            LOCKS[index].lock();
            let before = clock_ns(libc::CLOCK_THREAD_CPUTIME_ID);
            burn(dice.exponential(hold));
            let inside = clock_ns(libc::CLOCK_THREAD_CPUTIME_ID) - before;
            LOCKED[index].fetch_add(inside, Ordering::Relaxed);
            LOCKS[index].unlock();
        }
        outside(plan, &mut dice);
    }
}

/// Waits for the lock with a timeout that never passes.
fn work_with_timed(plan: Plan, seed: u64) {
    static LOCK: Mutex = Mutex::new();
    let mut dice = Dice(seed + 1);
    loop {
        LOCK.lock_within(Duration::from_secs(100));
        let before = clock_ns(libc::CLOCK_THREAD_CPUTIME_ID);
        burn(dice.exponential(plan.hold[0]));
        let inside = clock_ns(libc::CLOCK_THREAD_CPUTIME_ID) - before;
        LOCKED[0].fetch_add(inside, Ordering::Relaxed);
        LOCK.unlock();
        outside(plan, &mut dice);
    }
}

/// Two threads write, the others read.
fn read_and_write(plan: Plan, seed: u64) {
    static LOCK: RwLock = RwLock(UnsafeCell::new(libc::PTHREAD_RWLOCK_INITIALIZER));
    let mut dice = Dice(seed + 1);
    loop {
        LOCK.lock(seed < 2);
        burn(dice.exponential(plan.hold[0]));
        LOCK.unlock();
        outside(plan, &mut dice);
    }
}

fn work_with_rust(plan: Plan, seed: u64) {
    static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let mut dice = Dice(seed + 1);
    loop {
        let guard = LOCK.lock().unwrap();
        let before = clock_ns(libc::CLOCK_THREAD_CPUTIME_ID);
        burn(dice.exponential(plan.hold[0]));
        let inside = clock_ns(libc::CLOCK_THREAD_CPUTIME_ID) - before;
        LOCKED[0].fetch_add(inside, Ordering::Relaxed);
        drop(guard);
        outside(plan, &mut dice);
    }
}

/// Requests answered.
static SERVED: AtomicU64 = AtomicU64::new(0);

/// A server thread and the client that keeps it busy, over TCP.
fn serve_one() {
    use std::io::Read as _;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut away = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut here, _) = listener.accept().unwrap();
    std::thread::spawn(move || {
        let _listener = listener;
        let mut request = [0; 8];
        while here.read_exact(&mut request).is_ok() {
            burn(Duration::from_micros(300));
            // In two pieces: still one reply.
            here.write_all(&request[..4]).unwrap();
            here.write_all(&request[4..]).unwrap();
            SERVED.fetch_add(1, Ordering::Relaxed);
        }
    });
    std::thread::spawn(move || {
        let mut answer = [0; 8];
        loop {
            std::thread::sleep(Duration::from_millis(1));
            away.write_all(&answer).unwrap();
            away.read_exact(&mut answer).unwrap();
        }
    });
}

fn write_to_disk() {
    let mut file = tempfile::tempfile_in(std::env::current_dir().unwrap()).unwrap();
    loop {
        file.write_all(&[42; 65_536]).unwrap();
        file.sync_data().unwrap();
    }
}

/// A process that does nothing itself.
fn start_child() -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "load::child", "--nocapture", "--test-threads=1"])
        .env(VARIABLE, "locks threads=2 hold_us=200 work_us=200 think_us=200")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn outside(plan: Plan, dice: &mut Dice) {
    burn(dice.exponential(plan.work));
    if !plan.think.is_zero() {
        std::thread::sleep(dice.exponential(plan.think));
    }
}

/// A pool that waits on a condition variable and a semaphore, and never for a lock worth the name.
static QUEUE: Queue = Queue::new();

fn take_from_queue() {
    loop {
        QUEUE.take();
        burn(Duration::from_micros(200));
    }
}

fn fill_queue() {
    loop {
        std::thread::sleep(Duration::from_micros(500));
        QUEUE.put();
    }
}

/// Threads that live for a moment.
fn start_threads(plan: Plan) {
    loop {
        let one = std::thread::spawn(move || {
            static LOCK: Mutex = Mutex::new();
            LOCK.lock();
            burn(plan.hold[0]);
            LOCK.unlock();
            burn(plan.work);
        });
        one.join().unwrap();
        std::thread::sleep(plan.think);
    }
}

/// Uses the CPU for so long; without the hint to spin, by which the probe knows who waits.
fn burn(length: Duration) {
    let until = clock_ns(libc::CLOCK_THREAD_CPUTIME_ID) + length.as_nanos() as u64;
    while clock_ns(libc::CLOCK_THREAD_CPUTIME_ID) < until {
        std::hint::black_box(length);
    }
}

/// A small generator of its own, so that a run can be repeated.
struct Dice(u64);

impl Dice {
    fn exponential(&mut self, mean: Duration) -> Duration {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = ((self.0 >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        mean.mul_f64(-uniform.ln())
    }
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[expect(unsafe_code, reason = "thread clocks are not in std")]
    let result = unsafe { libc::clock_gettime(clock, &mut time) };
    assert_eq!(result, 0);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A mutex of the C library: the kind with an owner word.
struct Mutex(UnsafeCell<libc::pthread_mutex_t>);

#[expect(unsafe_code, reason = "pthread mutexes are made to be shared")]
unsafe impl Sync for Mutex {}

#[expect(unsafe_code, reason = "the C library's own locks are what is tested")]
impl Mutex {
    const fn new() -> Self {
        Self(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER))
    }

    fn lock(&self) {
        assert_eq!(unsafe { libc::pthread_mutex_lock(self.0.get()) }, 0);
    }

    fn lock_within(&self, time: Duration) {
        let now = clock_ns(libc::CLOCK_REALTIME) / 1_000_000_000;
        let until = libc::timespec { tv_sec: (now + time.as_secs()) as i64, tv_nsec: 0 };
        assert_eq!(unsafe { libc::pthread_mutex_timedlock(self.0.get(), &until) }, 0);
    }

    fn unlock(&self) {
        assert_eq!(unsafe { libc::pthread_mutex_unlock(self.0.get()) }, 0);
    }
}

/// A rwlock of the C library.
struct RwLock(UnsafeCell<libc::pthread_rwlock_t>);

#[expect(unsafe_code, reason = "pthread rwlocks are made to be shared")]
unsafe impl Sync for RwLock {}

#[expect(unsafe_code, reason = "the C library's own locks are what is tested")]
impl RwLock {
    fn lock(&self, to_write: bool) {
        let result = match to_write {
            true => unsafe { libc::pthread_rwlock_wrlock(self.0.get()) },
            false => unsafe { libc::pthread_rwlock_rdlock(self.0.get()) },
        };
        assert_eq!(result, 0);
    }

    fn unlock(&self) {
        assert_eq!(unsafe { libc::pthread_rwlock_unlock(self.0.get()) }, 0);
    }
}

/// A count of things to do, waited for with a condition variable of the C library.
struct Queue {
    lock: Mutex,
    filled: UnsafeCell<libc::pthread_cond_t>,
    count: UnsafeCell<u64>,
}

#[expect(unsafe_code, reason = "its count is guarded by its lock")]
unsafe impl Sync for Queue {}

#[expect(unsafe_code, reason = "the C library's own condition variables are what is tested")]
impl Queue {
    const fn new() -> Self {
        Self {
            lock: Mutex::new(),
            filled: UnsafeCell::new(libc::PTHREAD_COND_INITIALIZER),
            count: UnsafeCell::new(0),
        }
    }

    fn take(&self) {
        self.lock.lock();
        unsafe {
            while *self.count.get() == 0 {
                libc::pthread_cond_wait(self.filled.get(), self.lock.0.get());
            }
            *self.count.get() -= 1;
        }
        self.lock.unlock();
    }

    fn put(&self) {
        self.lock.lock();
        unsafe { *self.count.get() += 1 };
        self.lock.unlock();
        unsafe { libc::pthread_cond_signal(self.filled.get()) };
    }
}
