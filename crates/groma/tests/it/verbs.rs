//! Each verb on a few rows; with `--json` as with a table, in this process as through a server.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use crate::called::Groma;

const FARMS: &str = "id,balancing\norders,round_robin\nbills,round_robin\n";

fn with_farms() -> Groma {
    let groma = Groma::new();
    let farms = groma.file("service.farm.csv", FARMS);
    assert!(groma.ask(&["import", &farms]).contains("facts"));
    groma
}

pub(crate) fn serve(groma: &Groma) -> Child {
    let mut server = groma
        .command(&["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening at 127.0.0.1:"), "{line}");
    server
}

#[test]
fn a_fork_is_changed_compared_and_dropped() {
    let groma = with_farms();
    assert_eq!(groma.ask(&["fork", "near"]), "CREATE DATABASE\n");
    assert_eq!(groma.call(&["diff", "live", "near"]).code, Some(0));
    let change = "UPDATE service.farm SET balancing = 'nearest' WHERE id = 'orders'";
    assert_eq!(groma.ask(&["sql", "-d", "near", change]), "UPDATE 1\n");
    let differs = groma.call(&["diff", "live", "near", "--json"]);
    assert_eq!(differs.code, Some(1));
    assert!(differs.out.contains(r#""before":"round_robin","after":"nearest""#), "{}", differs.out);
    assert!(groma.ask(&["databases"]).contains("near"));
    assert_eq!(groma.ask(&["drop", "near"]), "DROP DATABASE\n");
    assert!(!groma.ask(&["databases"]).contains("near"));
}

#[test]
fn an_entity_is_shown_with_who_said_what_of_it() {
    let groma = with_farms();
    let facts = groma.ask(&["show", "service.farm", "orders", "--json"]);
    assert!(facts.contains(r#""attribute":"balancing","value":"round_robin""#), "{facts}");
    assert!(groma.ask(&["show"]).contains("service.farm"));
    let unknown = groma.call(&["show", "service.farm", "nobody"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.complaint.contains("nothing is known of service.farm nobody"));
}

#[test]
fn problems_make_the_exit_code_1() {
    let groma = Groma::new();
    assert_eq!(groma.call(&["problems"]).code, Some(0));
    let noise = groma.file("noise.xyz", "\u{1}\u{2}");
    assert_eq!(groma.call(&["import", &noise]).code, Some(1));
    let problems = groma.call(&["problems"]);
    assert_eq!(problems.code, Some(1));
    assert!(problems.out.contains("noise.xyz"), "{}", problems.out);
}

#[test]
fn a_server_answers_in_place_of_the_store_with_the_same_words() {
    let groma = with_farms();
    let questions: [&[&str]; 3] = [
        &[
            "sql",
            "--json",
            "SELECT id, balancing, 1.5 AS half, 7 AS n, true AS t, NULL AS u FROM service.farm ORDER BY id",
        ],
        &["show", "service.farm"],
        &["sql", "SELECT count(*) AS farms FROM service.farm"],
    ];
    let alone: Vec<String> = questions.iter().map(|question| groma.ask(question)).collect();
    let mut server = serve(&groma);
    let served: Vec<String> = questions.iter().map(|question| groma.ask(question)).collect();
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(alone, served);
    // Its file is still there, and nobody is misled by it.
    assert!(groma.data().join("server.json").exists());
    assert_eq!(groma.ask(questions[0]), alone[0]);
}

#[test]
fn a_signal_stops_the_server_well() {
    let groma = with_farms();
    let mut server = serve(&groma);
    let pid = server.id().to_string();
    std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
    assert!(!groma.data().join("server.json").exists());
}

#[test]
fn a_script_from_stdin_is_answered_line_by_line_up_to_the_first_error() {
    let groma = with_farms();
    let script = groma
        .file("script.sql", "SELECT count(*) AS n\nFROM service.farm;\nSELEC;\nSELECT 2 AS m;\n");
    let called = groma
        .command(&["--json", "sql"])
        .stdin(std::fs::File::open(script).unwrap())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(called.stdout).unwrap(), "{\"n\":2}\n");
    assert_eq!(called.status.code(), Some(2));
}

#[test]
fn explain_sql_prints_the_statement_and_does_nothing() {
    let groma = Groma::new();
    let sql = groma.ask(&["path", "a", "b'c", "--at", "2026-11-20T10:00Z", "--explain-sql"]);
    assert_eq!(sql, "SELECT * FROM path('a', 'b''c', '2026-11-20T10:00Z');\n");
    assert!(!groma.data().exists());
}
