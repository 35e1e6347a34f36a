//! The binary with a data folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

pub(crate) struct Groma {
    folder: TempDir,
}

/// What a call printed, and its exit code.
pub(crate) struct Called {
    pub(crate) out: String,
    pub(crate) complaint: String,
    pub(crate) code: Option<i32>,
}

impl Groma {
    pub(crate) fn new() -> Groma {
        Groma { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_groma"));
        command.arg("--data").arg(self.data()).args(arguments).env_remove("RUST_LOG");
        command
    }

    pub(crate) fn call(&self, arguments: &[&str]) -> Called {
        self.command(arguments).output().unwrap().into()
    }

    /// What a call that must succeed prints.
    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        let called = self.call(arguments);
        assert_eq!(called.code, Some(0), "{arguments:?}: {}", called.complaint);
        called.out
    }

    /// Writes a file beside the data folder and gives its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl From<Output> for Called {
    fn from(output: Output) -> Called {
        Called {
            out: String::from_utf8(output.stdout).unwrap(),
            complaint: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }
}
