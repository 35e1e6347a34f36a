//! What tests and benches use beside cargo. Missing things are installed where that is possible
//! without asking, and otherwise named; the tests that use them then skip themselves and say so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whether a program is on the path.
pub(crate) fn has(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

/// Installs psql, if it is missing and this is a root shell on a machine with apt.
pub(crate) fn install_psql() {
    if !has("psql") && !apt_install("postgresql-client") {
        println!("psql is missing: its tests are skipped (package postgresql-client)");
    }
}

/// Installs a JDK and PostgreSQL's JDBC driver, where that is possible.
pub(crate) fn install_jdbc() {
    let well = (has("javac") || apt_install("default-jdk-headless"))
        && (Path::new(JDBC_JAR).is_file() || apt_install("libpostgresql-jdbc-java"));
    if !well {
        println!(
            "the JDBC driver is missing: its test is skipped (packages default-jdk-headless and libpostgresql-jdbc-java)"
        );
    }
}

/// Where Debian's package has it, and where the test looks for it.
const JDBC_JAR: &str = "/usr/share/java/postgresql.jar";

/// What Python must have: one package a line, pinned.
const PYTHON_PACKAGES: &str = include_str!("../python.txt");

/// A Python that has the packages of `python.txt`, in a virtual environment under the cache folder.
/// `None`: there is none, and the reason was printed.
pub(crate) fn python() -> Option<PathBuf> {
    let folder = cache_folder()?.join("groma-venv");
    let python = folder.join("bin").join("python");
    if !python.is_file() {
        println!("making a Python environment in {}", folder.display());
        let make = || {
            has("python3")
                && quiet(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
        };
        let made = make() || (apt_install("python3-venv") && make());
        if !made {
            println!("python3 with venv is missing: the tests that use it are skipped");
            return None;
        }
    }
    let (wanted, installed) = (folder.join("wanted.txt"), folder.join("installed.txt"));
    if fs::read_to_string(&installed).is_ok_and(|text| text == PYTHON_PACKAGES) {
        return Some(python);
    }
    println!("installing Python packages: xtask/python.txt");
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    let well = fs::write(&wanted, PYTHON_PACKAGES).is_ok()
        && quiet(Command::new(&python).args(install).arg(&wanted))
        && fs::rename(&wanted, &installed).is_ok();
    if !well {
        println!("that failed: the tests that use them are skipped");
    }
    well.then_some(python)
}

fn cache_folder() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)
}

/// Whether the package is there now.
fn apt_install(package: &str) -> bool {
    if !has("apt-get") || !is_root() {
        return false;
    }
    println!("installing {package}");
    let apt = |words: &[&str]| {
        quiet(Command::new("apt-get").args(words).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let install = ["install", "--yes", "--no-install-recommends", package];
    apt(&install) || (apt(&["update"]) && apt(&install))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}

fn quiet(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
