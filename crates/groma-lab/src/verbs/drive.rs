//! `groma-lab drive`

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use super::say;
use crate::{Clients, Flags, Load};

pub(super) fn run(mut flags: Flags) -> Result<(), String> {
    let port: u16 = flags.take("port")?.ok_or("--port: where does the server listen?")?;
    let time = flags.duration("for")?.unwrap_or(Duration::from_secs(5));
    let load = Load::from_flags(&mut flags)?;
    flags.all_taken()?;
    let clients = Clients::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), &load)
        .map_err(|error| format!("cannot start clients: {error}"))?;
    let before = clients.seen();
    thread::sleep(time);
    let served = before.until(&clients.seen());
    let ms = |seconds: f64| seconds * 1e3;
    say(&format!(
        "requests {}  failures {}  a second {:.1}\n\
         response  mean {:.2} ms  p50 {:.2}  p95 {:.2}  p99 {:.2}\n",
        served.requests,
        served.failures,
        served.throughput,
        ms(served.response_mean),
        ms(served.response_p50),
        ms(served.response_p95),
        ms(served.response_p99),
    ))
}
