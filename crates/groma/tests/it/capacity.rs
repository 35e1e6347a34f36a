//! Reports of a probe, from the file to the question, in this process as through a server.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use groma_lab::{Clients, Lab, Load, Service};
use groma_probe::{Options, Probe, Target};

use crate::called::Groma;

fn window(minute: u32, cpus: u32, p: f64) -> String {
    format!(
        r#"{{"host":"web1","machine":{{"cpus":{cpus}}},"at":"2026-11-20T10:{minute:02}:05Z","processes":[{{"pid":812,"comm":"shop","release":"1.{minute}","window":{{"tier":"bpf-owner","window_seconds":60,"cpus":{cpus},"cpus_used":1.6,"throughput":400,"clients":10,"parallel":{{"value":{p},"low":{p},"high":{p}}},"method":"owner","locks":[{{"name":"0x7f10","kind":"pthread-mutex","share":{{"value":{s:.2},"low":{s:.2},"high":{s:.2}}},"method":"owner","contended":0.3}}]}}}}]}}"#,
        s = 1.0 - p,
    )
}

#[test]
fn reports_are_recorded_asked_and_drawn() {
    let groma = Groma::new();
    let lines = format!("{}\n{}\n", window(1, 4, 0.6), window(2, 4, 0.7));
    let file = groma.file("windows.jsonl", &lines);
    groma.ask(&["capacity", "record", &file]);
    let history = groma.ask(&["capacity", "history", "shop", "--json"]);
    let windows: Vec<&str> = history.lines().collect();
    assert_eq!(windows.len(), 2, "{history}");
    assert!(windows[1].contains(r#""release":"1.2""#) && windows[1].contains(r#""p":0.7,"#));
    let scenarios = groma.ask(&["capacity", "predict", "shop", "--cpus", "4,8", "--json"]);
    assert!(
        scenarios.lines().nth(1).is_some_and(|row| row.contains(r#""cpus":8.0"#)),
        "{scenarios}"
    );
    for (verb, name) in [("predict", "cpus.svg"), ("history", "p.svg")] {
        let figure = groma.file(name, "");
        let mut words = vec!["capacity", verb, "shop", "--figure", &figure];
        words.extend(["--cpus", "1..8"].iter().filter(|_| verb == "predict"));
        groma.ask(&words);
        assert!(std::fs::read_to_string(&figure).unwrap().contains("<polyline"), "{verb}");
    }
    // It is full at 77 % of its CPUs (83 % if holders of the lock never waited for a CPU), and no number of clients gives a thousand requests per second.
    let warned = groma.call(&["capacity", "warnings"]);
    assert_eq!((warned.code, warned.out.contains("at capacity at 77 % CPU")), (Some(1), true));
    let hopeless = groma.call(&["capacity", "needed", "shop", "--throughput", "1000"]);
    assert_eq!(hopeless.code, Some(1), "{}", hopeless.out);
    assert_eq!(groma.call(&["capacity", "needed", "shop", "--throughput", "500"]).code, Some(0));
    let unknown = groma.call(&["capacity", "predict", "shap"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.complaint.contains("\"shap\" was not measured"), "{}", unknown.complaint);
}

#[test]
fn a_file_of_reports_is_imported() {
    let groma = Groma::new();
    let lines = format!("{}\nnonsense\n{}\n", window(1, 4, 0.6), window(2, 4, 0.7));
    let file = groma.file("windows.jsonl", &lines);
    assert_eq!(groma.call(&["import", &file, "--source", "probe@web1"]).code, Some(1));
    let history = groma.ask(&["capacity", "history", "shop", "--json"]);
    assert_eq!(history.lines().count(), 2, "{history}");
    assert!(groma.call(&["problems"]).out.contains("nonsense"));
}

/// A number of the only row of an answer in JSON.
fn number(groma: &Groma, database: &str, question: &str) -> f64 {
    let row = groma.ask(&["sql", "-d", database, "--json", question]);
    let row: serde_json::Value = serde_json::from_str(&row).unwrap();
    row["n"].as_f64().unwrap_or_else(|| panic!("{question}: {row}"))
}

#[test]
fn a_running_server_is_measured_and_asked_what_if() {
    let program = Path::new(env!("CARGO_BIN_EXE_groma")).with_file_name("groma-lab");
    if !program.exists() {
        return println!("skipped: {} is not built", program.display());
    }
    let lab = Lab::start(&program, &Service::with_p(0.5)).unwrap();
    let load = Load { think: Duration::from_millis(30), ..Load::default() };
    let _clients = Clients::start(lab.address(), &load).unwrap();
    let mut probe = match Probe::start(Target::Pids(vec![lab.pid()]), Options::default()) {
        Ok(probe) => probe,
        Err(error) => return println!("skipped: {error}"),
    };
    let never = AtomicBool::new(false);
    // On a busy machine a window may see too little of it.
    let (mut windows, began) = (Vec::new(), Instant::now());
    while windows.len() < 3 {
        assert!(began.elapsed() < Duration::from_secs(60), "the service does nothing: {windows:?}");
        let window = probe.measure(Duration::from_millis(1_500), &never).to_json();
        let used = window["processes"][0]["window"]["cpus_used"].as_f64();
        windows.extend(used.filter(|used| *used > 0.05).map(|_| window.to_string()));
    }
    let groma = Groma::new();
    let file = groma.file("windows.jsonl", &windows.join("\n"));
    groma.ask(&["capacity", "record", &file, "--release", "1.0"]);
    let id = groma.ask(&["sql", "--json", "SELECT id FROM capacity.scalability"]);
    let id: serde_json::Value = serde_json::from_str(&id).unwrap();
    let history = groma.ask(&["capacity", "history", id["id"].as_str().unwrap(), "--json"]);
    assert_eq!(history.matches(r#""release":"1.0""#).count(), 3, "{history}");
    let used = number(&groma, "live", "SELECT cpus_used AS n FROM capacity.scalability");
    assert!(0.05 < used, "{used}");

    groma.ask(&["fork", "bigger"]);
    let cpus = "UPDATE compute.host SET cpus = 64";
    assert_eq!(groma.ask(&["sql", "-d", "bigger", cpus]), "UPDATE 1\n");
    groma.ask(&["sql", "-d", "bigger", "UPDATE capacity.scalability SET cpus_limit = NULL"]);
    let utilisation = "SELECT utilisation AS n FROM capacity.predictions";
    let (now, then) = (number(&groma, "live", utilisation), number(&groma, "bigger", utilisation));
    assert!(then < now / 4.0, "of 64 CPUs less is in use: {now}, then {then}");
    assert_eq!(number(&groma, "bigger", "SELECT cpus AS n FROM capacity.predictions"), 64.0);
}
