//! PostgreSQL under pgbench: a process for each connection, locks in shared memory.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::{Case, Outcome, Owned, Program, as_user, free_port, on_path};

const WARM_UP: Duration = Duration::from_secs(2);
const SCALE: &str = "4";
/// `hot`: all clients change one row, and wait for each other's commit. `spread`: rows at random.
const TABLES: &str = "CREATE TABLE row (id int PRIMARY KEY, n int) WITH (fillfactor = 50); \
                      INSERT INTO row SELECT id, 0 FROM generate_series(1, 100000) id;";
const HOT: &str = "UPDATE row SET n = n + 1 WHERE id = 1;\n";
const SPREAD: &str = "\\set id random(1, 100000)\nUPDATE row SET n = n + 1 WHERE id = :id;\n";

pub(super) fn cases() -> Vec<Case> {
    let case = |what, clients| Case { program: "postgres", what, clients, start };
    let mut cases: Vec<Case> = [1, 8, 32].map(|clients| case("selects", clients)).into();
    cases.extend([1, 8, 32].map(|clients| case("spread rows", clients)));
    cases.extend([1, 8, 32].map(|clients| case("one hot row", clients)));
    cases
}

fn start(case: &Case, time: Duration) -> io::Result<Box<dyn Program>> {
    let programs = programs().ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, "PostgreSQL or pgbench is not installed")
    })?;
    let folder = Folder::make()?;
    let cluster = folder.0.join("cluster");
    let port = free_port()?.to_string();
    let run = |command: &mut Command| -> io::Result<()> {
        let output = command.stdin(Stdio::null()).output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(io::Error::other(format!("{}: {said}", command.get_program().to_string_lossy())))
    };
    let server_program = |name: &str| as_user("postgres", &programs.join(name));
    run(server_program("initdb")
        .args(["--username=postgres", "--auth=trust", "--no-sync", "--locale=C", "-D"])
        .arg(&cluster))?;
    let mut command = server_program("postgres");
    command.arg("-D").arg(&cluster).args(["-p", &port, "-c", "listen_addresses=", "-k"]);
    command.arg(&folder.0).args(["-c", "max_connections=64"]).stderr(Stdio::null());
    let server = Owned::start(&mut command)?;
    let client = |name: &str| {
        let mut command = Command::new(name);
        command.env("PGHOST", &folder.0).env("PGPORT", &port).env("PGUSER", "postgres");
        command.env("PGDATABASE", "postgres");
        command
    };
    let listens = || client("psql").args(["-c", "SELECT 1"]).output();
    for _ in 0..100 {
        if listens()?.status.success() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    run(client("pgbench").args(["--initialize", "--quiet", "--scale", SCALE]))?;
    run(client("psql").args(["-c", TABLES]))?;
    let seconds = (time + WARM_UP).as_secs_f64().ceil() + 1.0;
    let clients = case.clients.to_string();
    let mut command = client("pgbench");
    command.args(["--no-vacuum", "--client", &clients, "--time", &seconds.to_string()]);
    match case.what {
        "selects" => command.arg("--select-only"),
        what => {
            let script = folder.0.join("script.sql");
            fs::write(&script, if what == "one hot row" { HOT } else { SPREAD })?;
            command.arg("--file").arg(script)
        }
    };
    let bench = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let bench = bench.spawn()?;
    thread::sleep(WARM_UP);
    Ok(Box::new(Running { bench, server, _folder: folder }))
}

/// The folder of the server's programs: the newest of Debian's, or whatever is on the path.
fn programs() -> Option<PathBuf> {
    if !on_path("pgbench") {
        return None;
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let newest = folders.filter(|folder| folder.join("initdb").is_file()).max();
    newest.or_else(|| on_path("initdb").then(PathBuf::new))
}

struct Running {
    bench: Child,
    server: Owned,
    _folder: Folder,
}

impl Program for Running {
    /// `setpriv` replaces itself, so the child is the server.
    fn pid(&self) -> u32 {
        self.server.0.id()
    }

    fn forks(&self) -> bool {
        true
    }

    fn finish(self: Box<Self>) -> io::Result<Outcome> {
        let Running { bench, server, _folder } = *self;
        let output = bench.wait_with_output()?;
        drop(server);
        let text = String::from_utf8_lossy(&output.stdout);
        let rate = text.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate.and_then(|rate| rate.split(' ').next()?.parse().ok());
        let throughput = rate.ok_or_else(|| io::Error::other(format!("pgbench said: {text}")))?;
        Ok(Outcome { throughput, truth: None })
    }
}

/// A folder for the cluster and its socket, removed in the end. Its socket's path must be short.
struct Folder(PathBuf);

impl Folder {
    fn make() -> io::Result<Folder> {
        let name = format!("groma-lab-{}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0)?;
        // The server runs as another user.
        fs::set_permissions(&folder.0, Permissions::from_mode(0o777))?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all::<&Path>(&self.0);
    }
}
