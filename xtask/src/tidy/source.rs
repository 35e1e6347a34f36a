//! Files are small, and hold nothing that is only true on one machine.

use super::{File, Finding};

const LINES_MAX: usize = 700;
const LINES_WARNED: usize = 500;

/// Folders and hosts of single machines. In pieces, so that this file passes its own check.
const MACHINE_WORDS: [&str; 9] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("index.cra", "tes.io"),
    concat!("static.cra", "tes.io"),
    concat!("py", "pi.org"),
    concat!("python", "hosted.org"),
    concat!("deb.deb", "ian.org"),
    concat!("registry.npm", "js.org"),
];

const PROMISES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 5] = ["common", "core", "utils", "helpers", "manager"];

/// Rules for Rust files.
pub(super) fn check_rust(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        let text = format!("{lines} lines; split it, {LINES_MAX} is the most");
        findings.push(Finding::error(&file.path, text));
    } else if lines > LINES_WARNED {
        findings.push(Finding::warning(&file.path, format!("{lines} lines; it wants splitting")));
    }
    let mut names = file.path.split('/').map(|part| part.trim_end_matches(".rs"));
    if let Some(name) = names.find(|name| EMPTY_NAMES.contains(name)) {
        let text = format!("\"{name}\" says nothing; name it for what it holds");
        findings.push(Finding::error(&file.path, text));
    }
    for (line_index, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with(concat!("#[ign", "ore")) {
            let text = "a test that does not run; make it run or remove it";
            findings.push(Finding::error(format!("{}:{}", file.path, line_index + 1), text));
        }
    }
    findings
}

/// Rules for every text.
pub(super) fn check_text(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line_index, line) in file.text.lines().enumerate() {
        let place = || format!("{}:{}", file.path, line_index + 1);
        if let Some(word) = MACHINE_WORDS.iter().find(|word| line.contains(**word)) {
            findings
                .push(Finding::error(place(), format!("\"{word}\" is only there on one machine")));
        }
        if let Some(promise) = PROMISES.iter().find(|promise| is_bare(line, promise)) {
            let text = format!("{promise} without a reason; write {promise}: why");
            findings.push(Finding::error(place(), text));
        }
    }
    findings
}

/// Whether a line holds the promise as a word, and no sentence behind it.
fn is_bare(line: &str, promise: &str) -> bool {
    const REASON_LENGTH_MIN: usize = 10;
    let Some((before, after)) = line.split_once(promise) else { return false };
    let inside_word = before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
        || after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let reason = after.strip_prefix(':').map_or(0, |reason| reason.trim().len());
    !inside_word && reason < REASON_LENGTH_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    #[test]
    fn long_files_are_found() {
        let lines = |count: usize| check_rust(&file("a.rs", &"x\n".repeat(count)));
        assert_eq!(lines(500), []);
        assert!(lines(501)[0].warning && !lines(701)[0].warning);
    }

    #[test]
    fn empty_names_and_sleeping_tests_are_found() {
        assert!(check_rust(&file("src/utils.rs", ""))[0].text.contains("says nothing"));
        let sleeping = concat!("#[test]\n#[ign", "ore]\nfn f() {}\n");
        assert_eq!(check_rust(&file("src/a.rs", sleeping))[0].place, "src/a.rs:2");
    }

    #[test]
    fn machine_paths_are_found() {
        let text = format!("fine\nread {}x\n", MACHINE_WORDS[2]);
        assert_eq!(check_text(&file("a.md", &text))[0].place, "a.md:2");
        assert_eq!(check_text(&file("a.md", "the home of groma\n")), []);
    }

    #[test]
    fn a_promise_needs_a_reason() {
        let with = |rest: &str| check_text(&file("a.rs", &format!("// {}{rest}\n", PROMISES[0])));
        assert_eq!(with("").len(), 1);
        assert_eq!(with(" later").len(), 1);
        assert_eq!(with(": the peer sends no size before 2.0"), []);
        assert_eq!(with("S"), [], "part of another word");
    }
}
