//! What programs in Java do, through pgjdbc itself: `Jdbc.java`. Skipped, and said so, where there is no
//! JDK or no driver; GROMA_TEST_JDBC names its jar if that is not where Debian has it.

use std::path::PathBuf;
use std::process::Command;

use crate::served::Served;

const JAR: &str = "/usr/share/java/postgresql.jar";

#[test]
fn pgjdbc_prepares_describes_batches_fetches_and_cancels() {
    let jar = std::env::var_os("GROMA_TEST_JDBC").map_or_else(|| PathBuf::from(JAR), PathBuf::from);
    if !jar.is_file() || Command::new("javac").arg("-version").output().is_err() {
        return eprintln!("skipped: no javac, or no {}", jar.display());
    }
    let served = Served::world();
    let output = Command::new("java")
        .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
        .arg(jar)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/Jdbc.java"))
        .arg(served.address.port().to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{text}");
}
