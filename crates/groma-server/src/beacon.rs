//! `server.json`: where a running server says which process it is and where it listens.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const FILE_NAME: &str = "server.json";

/// A server that runs on a data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// Where it listens for the PostgreSQL wire.
    pub address: SocketAddr,
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
    pub fn light(folder: &Path, address: SocketAddr) -> io::Result<Beacon> {
        let running = Running { pid: std::process::id(), address };
        let (path, part) = (folder.join(FILE_NAME), folder.join("server.json.part"));
        let mut file = File::create(&part)?;
        file.write_all(serde_json::to_string(&running)?.as_bytes())?;
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
