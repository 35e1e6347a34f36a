//! The command `groma-lab`.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use groma_lab::{Clients, Flags, LISTENING, Load, Service};

const HELP: &str = "\
A server whose scalability is known, its clients, and the check of what the probe says of it.

groma-lab serve [--p 0.3 | --locks 0.5,0.2] [--demand 4ms] [--port 0] …
    A server on loopback. A request takes its demand in CPU time: its shares under one lock each,
    the rest, p, under none. It says where it listens, and serves until it is ended.
      --lock owner|ownerless|semaphore|spin|none     what the locks are
      --order serial-first|parallel-first|between    when a request takes them
      --shape exponential|constant|hyperexponential  how demands vary
      --pool condvar|semaphore --threads 10          a pool; else a thread for each connection
      --processors 1                                 only the first so many
      --real-time                                    so that neighbours cannot interfere (root)
      --seed 1 --tied                                dice; end with the standard input
groma-lab drive --port 4711 [--clients 10] [--think 36ms] [--for 5s] [--reconnect] [--real-time]
    A closed loop of clients: think, ask, wait for the answer. Prints throughput and response times.

Times are such as 300us, 4ms, 5s.
";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let verb = words.next().unwrap_or_default();
    match Flags::read(words).and_then(|flags| run(&verb, flags)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("groma-lab: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(verb: &str, flags: Flags) -> Result<(), String> {
    match verb {
        "serve" => serve(flags),
        "drive" => drive(flags),
        "help" | "--help" | "-h" | "" => say(HELP),
        _ => Err(format!("there is no verb \"{verb}\"; groma-lab --help lists them")),
    }
}

fn serve(mut flags: Flags) -> Result<(), String> {
    let service = Service::from_flags(&mut flags)?;
    flags.all_taken()?;
    let ready = |address: SocketAddr| {
        let _nobody_reads = say(&format!("{LISTENING}{}\n", address.port()));
    };
    groma_lab::serve(service, ready).map_err(|error| format!("cannot serve: {error}"))
}

fn drive(mut flags: Flags) -> Result<(), String> {
    let port: u16 = flags.take("port")?.ok_or("--port: where does the server listen?")?;
    let time = flags.duration("for")?.unwrap_or(Duration::from_secs(5));
    let load = Load::from_flags(&mut flags)?;
    flags.all_taken()?;
    let clients = Clients::start(SocketAddr::from(([127, 0, 0, 1], port)), &load)
        .map_err(|error| format!("cannot start clients: {error}"))?;
    let before = clients.seen();
    thread::sleep(time);
    let served = before.until(&clients.seen());
    say(&format!(
        "requests {}  failures {}  a second {:.1}\nresponse  mean {:.2} ms  p50 {:.2}  p95 {:.2}  p99 {:.2}\n",
        served.requests,
        served.failures,
        served.throughput,
        served.response_mean * 1e3,
        served.response_p50 * 1e3,
        served.response_p95 * 1e3,
        served.response_p99 * 1e3,
    ))
}

fn say(text: &str) -> Result<(), String> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| error.to_string())
}
