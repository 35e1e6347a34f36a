//! What is injected is what the server says of itself, and what its clients see.

use std::io::Read;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use groma_lab::{
    CONNECTIONS_MAX, Clients, Lab, Load, LockKind, Order, PoolKind, Served, Service, Shape, Window,
};

use crate::program;

const SHORT: Duration = Duration::from_millis(1_500);

/// What a server does under this load, by its own account and by its clients'.
fn run(service: &Service, load: &Load) -> (Window, Served) {
    let mut lab = Lab::start(program(), service).unwrap();
    let clients = Clients::start(lab.address(), load).unwrap();
    let (from, seen) = (lab.truth().unwrap(), clients.seen());
    thread::sleep(SHORT);
    let (to, seen_after) = (lab.truth().unwrap(), clients.seen());
    (from.until(&to), seen.until(&seen_after))
}

/// Constant demands, so that the shares are right in a short run.
fn constant(shares: &[f64]) -> Service {
    Service {
        shares: shares.to_vec(),
        demand: Duration::from_millis(1),
        shape: Shape::Constant,
        ..Service::default()
    }
}

/// What the requests that the ends of a window cut in two can change: one of each client at both ends.
fn cut(served: &Served) -> f64 {
    2.0 * BUSY.clients as f64 / served.requests.max(1) as f64
}

const BUSY: Load = Load {
    clients: 4,
    think: Duration::from_millis(2),
    reconnect: false,
    real_time: false,
    seed: 1,
};

#[test]
fn shares_are_as_injected_and_the_clients_agree() {
    for order in Order::ALL {
        let service = Service { order: *order, ..constant(&[0.5, 0.2]) };
        let (window, served) = run(&service, &BUSY);
        // System calls and the clocks themselves cost some 5 %, and count as parallel.
        assert!((window.shares[0] - 0.5).abs() < 0.06 + cut(&served), "{order}: {window:?}");
        let ratio = window.shares[1] / window.shares[0];
        assert!((ratio - 0.4).abs() < 0.03 + cut(&served), "{order}: {window:?}");
        assert!((window.p + window.shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let ratio = served.throughput / window.throughput;
        assert!((ratio - 1.0).abs() < 0.15 + cut(&served), "{served:?} {window:?}");
        assert_eq!(served.failures, 0);
        assert!(served.response_p50 <= served.response_p99);
        assert!(served.response_mean > 0.001 * 0.98, "{served:?}");
    }
}

#[test]
fn every_lock_keeps_others_out_and_none_does_not() {
    // No think time: a lock that is held all the time lets at most one CPU be used under it.
    let load = Load { think: Duration::ZERO, ..BUSY };
    for lock in [LockKind::Owner, LockKind::Ownerless, LockKind::Semaphore, LockKind::Spin] {
        let service = Service { lock, ..constant(&[1.0]) };
        let (window, _) = run(&service, &load);
        assert!(window.shares[0] * window.cpus_used <= 1.02, "{lock}: {window:?}");
        assert!(window.waits > 0.0, "{lock}: nobody waited: {window:?}");
    }
    let (window, _) = run(&Service { lock: LockKind::None, ..constant(&[1.0]) }, &load);
    assert_eq!(window.waits, 0.0);
}

#[test]
fn a_pool_serves_as_connections_do() {
    for pool in PoolKind::ALL {
        let service = Service { pool: Some(*pool), threads: 3, ..constant(&[0.5]) };
        let (window, served) = run(&service, &BUSY);
        assert!((window.p - 0.5).abs() < 0.06 + cut(&served), "{pool}: {window:?}");
        assert!(served.requests > 0 && served.failures == 0, "{pool}: {served:?}");
    }
}

#[test]
fn clients_that_come_anew_are_served() {
    let (window, served) = run(&constant(&[0.5]), &Load { reconnect: true, ..BUSY });
    assert!(served.requests > 0 && served.failures == 0, "{served:?}");
    // A thread for each request costs something, and counts as parallel.
    assert!(window.p > 0.45 - cut(&served) && window.p < 0.75, "{window:?}");
}

/// The dice of a connection are its own, so that those of one place are not thrown again.
#[test]
fn connections_that_come_anew_have_the_shares_injected() {
    let service =
        Service { demand: Duration::from_millis(1), shape: Shape::Exponential, ..constant(&[0.5]) };
    let mut shares = Vec::new();
    for seed in 1..=3 {
        let load = Load { reconnect: true, think: Duration::ZERO, clients: 1, ..BUSY };
        let (window, served) = run(&Service { seed, ..service.clone() }, &load);
        println!("{window:?}");
        // Four standard errors of a ratio of exponential times, and what a connection costs.
        let off_max = 0.15 + 4.0 * (0.125 / served.requests as f64).sqrt();
        assert!((window.p - 0.55).abs() < off_max, "{window:?} {served:?}");
        shares.push(window.p);
    }
    let spread = shares.iter().fold(0.0_f64, |most, share| most.max((share - shares[0]).abs()));
    assert!(spread < 0.15, "{shares:?}");
}

#[test]
fn more_connections_than_there_may_be_are_closed() {
    let lab = Lab::start(program(), &constant(&[0.5])).unwrap();
    // One is the control line's.
    let connect = |_| TcpStream::connect(lab.address()).unwrap();
    let mut held: Vec<TcpStream> = (0..CONNECTIONS_MAX).map(connect).collect();
    let last = held.last_mut().unwrap();
    last.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(last.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_server_keeps_to_its_processors() {
    let load = Load { think: Duration::ZERO, ..BUSY };
    let (window, _) = run(&Service { processors: Some(1), ..constant(&[]) }, &load);
    assert!(window.cpus_used < 1.02 && window.p == 1.0, "{window:?}");
    let refused = Service { processors: Some(4096), ..constant(&[]) };
    assert!(Lab::start(program(), &refused).is_err());
}
