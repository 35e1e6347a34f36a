//! The committed object is what the source compiles to.

use std::path::Path;
use std::process::Command;

/// The compiler that made the committed object; another makes other bytes.
const CLANG: &str = "clang version 14.";

#[test]
fn the_object_is_compiled_from_the_source() {
    let version = match Command::new("clang").arg("--version").output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(_) => return println!("skipped: clang is not installed"),
    };
    if !version.contains(CLANG) {
        return println!("skipped: the object was made by {CLANG}x, here is {}", version.trim());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bpf");
    let made = tempfile::tempdir().unwrap();
    let object = made.path().join("probe.bpf.o");
    // The same as `make bpf`.
    let compiled = Command::new("clang")
        .args(["-g", "-O2", "-target", "bpf", "-mcpu=v3", "-Wall", "-Werror"])
        .args(["-fdebug-compilation-dir=.", "-c", "probe.bpf.c", "-o"])
        .arg(&object)
        .current_dir(&folder)
        .status()
        .unwrap();
    assert!(compiled.success());
    match Command::new("llvm-strip").arg("-g").arg(&object).status() {
        Ok(status) => assert!(status.success()),
        Err(_) => return println!("skipped: llvm-strip is not installed"),
    }
    let (made, committed) = (std::fs::read(&object), std::fs::read(folder.join("probe.bpf.o")));
    assert!(made.unwrap() == committed.unwrap(), "probe.bpf.o is older than its source: make bpf");
}
