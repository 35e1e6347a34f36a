//! `server.json`: where a running server says which process it is and where it listens.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const FILE_NAME: &str = "server.json";

/// A server that runs on a data folder.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// Where it listens for the PostgreSQL wire.
    pub address: SocketAddr,
    /// With what the owner of the data folder comes in as `groma`: whoever may read this file may
    /// read the store itself. `None`: nobody is asked.
    #[serde(default)]
    pub secret: Option<String>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} at {}", self.pid, self.address)
    }
}

impl Running {
    /// The server of a data folder. `None`: there is none, or its file was left by one that is gone.
    /// A process that took over the number of a dead server is not told apart: connecting will.
    pub fn find(folder: &Path) -> Option<Running> {
        let text = fs::read(folder.join(FILE_NAME)).ok()?;
        let running: Running = serde_json::from_slice(&text).ok()?;
        process_lives(running.pid).then_some(running)
    }
}

/// Where there is no `/proc`, every process is taken for alive.
fn process_lives(pid: u32) -> bool {
    let processes = Path::new("/proc");
    !processes.join("self").exists() || processes.join(pid.to_string()).exists()
}

/// The file of this process; removed when it is dropped.
#[derive(Debug)]
pub struct Beacon {
    path: PathBuf,
}

impl Beacon {
    /// Writes the file whole or not at all, over one that a dead server left.
    pub fn light(folder: &Path, running: &Running) -> io::Result<Beacon> {
        let (path, part) = (folder.join(FILE_NAME), folder.join("server.json.part"));
        // One that a crash left may be readable by others.
        let _ = fs::remove_file(&part);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        file.write_all(serde_json::to_string(running)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&part, &path)?;
        Ok(Beacon { path })
    }
}

impl Drop for Beacon {
    fn drop(&mut self) {
        // Best effort: a file that stays names a dead process, and is passed over.
        let _ = fs::remove_file(&self.path);
    }
}
