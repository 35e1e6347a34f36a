//! `groma probe`: into the model, and on a terminal.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use crate::called::Groma;
use crate::verbs::serve;

/// A process that is ended when dropped.
struct Busy(Child);

impl Busy {
    /// Something to watch. In the coarsest way, which works for everybody.
    fn start() -> Busy {
        Busy(Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap())
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).unwrap();
    }
}

const SHORT: &[&str] = &["--tier", "4", "--window", "400ms", "--for", "900ms", "--release", "1.0"];

#[test]
fn windows_go_into_the_model() {
    let (busy, groma) = (Busy::start(), Groma::new());
    let pid = busy.pid();
    let probe = |to: &str| groma.call(&[&["probe", "--pid", &pid, "--to", to], SHORT].concat());
    let windows = |database: &str| {
        let question = "SELECT count(*) AS n FROM capacity_history('sh') WHERE release = '1.0'";
        let row = groma.ask(&["sql", "-d", database, "--json", question]);
        row.trim().trim_start_matches("{\"n\":").trim_end_matches('}').parse::<u64>().unwrap()
    };
    let told = probe("live");
    assert_eq!(told.code, Some(0), "{}", told.complaint);
    let first = windows("live");
    assert!(first > 0 && told.out.contains(&format!("recorded in live: {first}")), "{}", told.out);

    // The same through the server that holds the store.
    let server = Busy(serve(&groma));
    groma.ask(&["fork", "planned"]);
    let told = probe("planned");
    assert_eq!(told.code, Some(0), "{}", told.complaint);
    assert_eq!(windows("live"), first);
    assert!(windows("planned") > first);
    drop(server);

    let unknown = probe("nowhere");
    assert_eq!((unknown.code, unknown.out.as_str()), (Some(2), ""), "{}", unknown.complaint);
    assert!(unknown.complaint.contains("\"nowhere\""), "{}", unknown.complaint);
    let past = probe("live@v1");
    assert_eq!(past.code, Some(2), "{}", past.out);
    assert!(past.complaint.contains("live@v1"), "{}", past.complaint);
}

/// What stands on a terminal after this was written to it. Knows what the probe uses: to the line before,
/// to the first column, clear to the end, lines that end.
fn screen(written: &str) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    let (mut row, mut column) = (0, 0);
    let mut rest = written;
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        match first {
            '\r' => column = 0,
            '\n' => row += 1,
            '\x1b' => {
                let end = rest.find(|c: char| c.is_ascii_alphabetic()).expect("a whole command");
                let (number, command) = (&rest[1..end], &rest[end..=end]);
                match command {
                    "F" => (row, column) = (row - number.parse::<usize>().unwrap(), 0),
                    "J" => {
                        lines.truncate(row + 1);
                        lines[row] = lines[row].chars().take(column).collect();
                    }
                    other => panic!("{other} in {written:?}"),
                }
                rest = &rest[end + 1..];
            }
            letter => {
                lines.resize(lines.len().max(row + 1), String::new());
                let mut line: Vec<char> = lines[row].chars().collect();
                line.resize(line.len().max(column + 1), ' ');
                line[column] = letter;
                lines[row] = line.into_iter().collect();
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), String::new());
    }
    lines
}

#[test]
fn a_terminal_is_drawn_in_place_and_ctrl_c_sums_up() {
    const WIDTH: usize = 60;
    let (busy, groma) = (Busy::start(), Groma::new());
    let probe = groma.command(&["probe", "--tier", "4", "--window", "300ms", "--pid", &busy.pid()]);
    let words: Vec<_> = probe.get_args().map(|word| word.to_string_lossy()).collect();
    let program = probe.get_program().to_string_lossy();
    let line = format!("stty cols {WIDTH} rows 20; exec {program} {}", words.join(" "));
    // A terminal of its own: `script` writes what appears there.
    let terminal = Command::new("script")
        .args(["-qefc", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut terminal) = terminal else { return println!("skipped: script is not installed") };
    let mut out = terminal.stdout.take().unwrap();
    let (mut written, mut bytes) = (Vec::new(), [0; 4096]);
    // Until the fourth window begins: then all of the third is drawn, however the terminal cut it.
    let before = loop {
        let text = String::from_utf8_lossy(&written);
        if let Some((third, _)) = text.match_indices("F\x1b[J").nth(2) {
            let drawn = &text[..third];
            break screen(&drawn[..drawn.rfind('\x1b').unwrap()]);
        }
        let length = out.read(&mut bytes).unwrap();
        assert!(length > 0, "{text}");
        written.extend(&bytes[..length]);
    };
    assert_eq!(before.iter().filter(|line| line.contains(" s by stat")).count(), 1, "{before:#?}");
    assert!(before.iter().all(|line| line.chars().count() < WIDTH), "{before:#?}");
    assert!(before.iter().any(|line| line.ends_with('…')), "{before:#?}");

    let mut keys = terminal.stdin.take().unwrap();
    keys.write_all(b"\x03").unwrap();
    out.read_to_end(&mut written).unwrap();
    let after = screen(&String::from_utf8_lossy(&written));
    assert_eq!(terminal.wait().unwrap().code(), Some(0), "{after:#?}");
    assert!(after.iter().any(|line| line == "In all:"), "{after:#?}");
    assert!(after.iter().all(|line| !line.contains("^C")), "{after:#?}");
}
