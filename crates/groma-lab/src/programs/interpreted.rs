//! The server of the lab in Python and in Java: locks that a futex probe sees in part, or not at all.

use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::{Case, Outcome, Program, on_path};
use crate::clients::{Clients, Seen};
use crate::lab::Lab;
use crate::spec::Load;
use crate::truth::Truth;

/// What is injected in all of them.
const P: &str = "0.5";
const DEMAND_MS: &str = "4";
/// A virtual machine compiles what is hot first.
const WARM_UP: Duration = Duration::from_secs(3);

pub(super) fn cases() -> Vec<Case> {
    let case = |program, what| Case { program, what, clients: 10, start };
    vec![
        case("python", "half in plain Python (GIL)"),
        case("python", "half under a threading.Lock"),
        case("java", "half in synchronized"),
        case("java", "half under a ReentrantLock"),
    ]
}

fn start(case: &Case, _: Duration) -> io::Result<Box<dyn Program>> {
    let mut command = match case.program {
        "python" => Command::new("python3"),
        _ => Command::new("java"),
    };
    if !on_path(&command.get_program().to_string_lossy()) {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it is not installed"));
    }
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("servers");
    let (source, kind) = match case.what {
        "half in plain Python (GIL)" => ("server.py", "gil"),
        "half under a threading.Lock" => ("server.py", "lock"),
        "half in synchronized" => ("Server.java", "monitor"),
        _ => ("Server.java", "reentrant"),
    };
    command.arg(folder.join(source)).args([P, DEMAND_MS, kind]);
    let mut lab = Lab::start_command(command)?;
    let load = Load { clients: case.clients, think: Duration::from_millis(1), ..Load::default() };
    let clients = Clients::start(lab.address(), &load)?;
    thread::sleep(WARM_UP);
    let (from, seen) = (lab.truth()?, clients.seen());
    Ok(Box::new(Running { lab, clients, from, seen }))
}

struct Running {
    lab: Lab,
    clients: Clients,
    from: Truth,
    seen: Seen,
}

impl Program for Running {
    fn pid(&self) -> u32 {
        self.lab.pid()
    }

    fn finish(mut self: Box<Self>) -> io::Result<Outcome> {
        let truth = self.from.until(&self.lab.truth()?);
        let throughput = self.seen.until(&self.clients.seen()).throughput;
        Ok(Outcome { throughput, truth: Some(truth) })
    }
}
