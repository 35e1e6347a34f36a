//! M/M/m: arrivals that wait for nobody, m servers, one queue.

use crate::error::{CapacityError, not_negative, positive};

/// Most servers; the recursion takes a step for each.
pub const SERVERS_MAX: usize = 1_000_000;

/// A queue in balance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Queue {
    /// Share of the servers in use, ρ.
    pub utilisation: f64,
    /// Share of arrivals that wait (Erlang's C).
    pub waiting: f64,
    /// Seconds from arrival to departure; infinite if it is full.
    pub response: f64,
    /// Mean number waiting and served; infinite if it is full.
    pub inside: f64,
}

/// `servers` servers with exponential service of `demand` seconds, `rate` arrivals per second.
///
/// Erlang's B by its recursion, which only adds positive numbers, and C from B.
///
/// # Errors
/// For what has no meaning, or more than [`SERVERS_MAX`] servers.
pub fn erlang_c(servers: usize, rate: f64, demand: f64) -> Result<Queue, CapacityError> {
    positive("servers", servers as f64)?;
    not_negative("rate", rate)?;
    positive("demand", demand)?;
    if servers > SERVERS_MAX {
        let what = "the number of servers";
        return Err(CapacityError::TooLarge { what, asked: servers, limit: SERVERS_MAX });
    }
    let offered = rate * demand;
    let utilisation = offered / servers as f64;
    if utilisation >= 1.0 {
        let (response, inside) = (f64::INFINITY, f64::INFINITY);
        return Ok(Queue { utilisation: 1.0, waiting: 1.0, response, inside });
    }
    let blocked = (1..=servers)
        .fold(1.0, |blocked, busy| offered * blocked / (busy as f64 + offered * blocked));
    let waiting = blocked / (1.0 - utilisation * (1.0 - blocked));
    let response = demand + waiting * demand / (servers as f64 * (1.0 - utilisation));
    Ok(Queue { utilisation, waiting, response, inside: rate * response })
}
