//! Errors: one line, what was asked, what to try; never a backtrace.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::called::{Called, Groma};

fn assert_short(called: &Called) {
    assert_eq!(called.code, Some(2), "{}", called.complaint);
    assert!(called.complaint.lines().count() <= 3, "{}", called.complaint);
    for word in ["panicked", "backtrace", "Error {", "Some("] {
        assert!(!called.complaint.contains(word), "{}", called.complaint);
    }
}

#[test]
fn a_wrong_flag_names_the_nearest() {
    let called = Groma::new().call(&["databases", "--jsn"]);
    assert_eq!(called.code, Some(2));
    assert!(called.complaint.contains("'--json'"), "{}", called.complaint);
}

#[test]
fn a_wrong_path_is_named() {
    let called = Groma::new().call(&["import", "/no/such/path"]);
    assert_short(&called);
    assert!(called.complaint.contains("/no/such/path"), "{}", called.complaint);
    assert!(called.complaint.contains("hint: "), "{}", called.complaint);
}

#[test]
fn a_wrong_table_or_database_is_named() {
    let groma = Groma::new();
    let called = groma.call(&["show", "network.prot"]);
    assert_short(&called);
    assert!(called.complaint.contains("network.prot"), "{}", called.complaint);
    let called = groma.call(&["sql", "-d", "nowhere", "SELECT 1"]);
    assert_short(&called);
    assert!(called.complaint.contains("nowhere") && called.complaint.contains("live"));
}

#[test]
fn a_data_folder_that_is_a_file_is_an_error() {
    let groma = Groma::new();
    groma.file("data", "not a folder");
    assert_short(&groma.call(&["databases"]));
}

#[test]
fn a_store_in_use_is_said_to_be() {
    let groma = Groma::new();
    let mut holder = groma.command(&["sql"]);
    let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // When it has answered, it holds the store.
    holder.stdin.as_mut().unwrap().write_all(b"SELECT 1;\n").unwrap();
    holder.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let called = groma.call(&["databases"]);
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert_short(&called);
    assert!(called.complaint.contains("in use by another groma"), "{}", called.complaint);
}

/// Needs the right to mount a small file system; skipped, and said so, without.
#[test]
fn a_full_disk_is_an_error_and_the_store_opens_again() {
    let groma = Groma::new();
    let disk = groma.folder().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"])
        .arg(&disk)
        .stderr(Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no right to mount a tmpfs");
        return;
    }
    // Names that do not compress: more of them than the disk has room for.
    let name = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let rows: String = (1..250_000).map(|n| format!("{:016x},round_robin\n", name(n))).collect();
    let farms = groma.file("service.farm.csv", &format!("id,balancing\n{rows}"));
    let data = disk.join("data").display().to_string();
    let on_disk = |arguments: &[&str]| -> Called {
        let mut command = Command::new(env!("CARGO_BIN_EXE_groma"));
        command.args(["--data", &data]).args(arguments).output().unwrap().into()
    };
    let called = on_disk(&["import", &farms]);
    let after = on_disk(&["sql", "SELECT count(*) AS farms FROM service.farm"]);
    Command::new("umount").arg(&disk).status().unwrap();
    // That the audit has no room for it either is told beside it.
    let is_ours = |line: &&str| !line.contains("the audit could not be written");
    let complaint = called.complaint.lines().filter(is_ours).collect::<Vec<_>>().join("\n");
    assert_short(&Called { complaint, ..called });
    assert_eq!(after.code, Some(0), "{}", after.complaint);
}
