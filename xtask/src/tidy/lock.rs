//! The lock file holds one SQL engine and one Arrow.

use super::{File, Finding};

/// Two versions of these do not understand each other's types.
const ONE_OF_EACH: [&str; 5] = ["arrow", "arrow-array", "datafusion", "parquet", "pgwire"];

pub(super) fn check(lock: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for library in ONE_OF_EACH {
        let name = format!("name = \"{library}\"");
        let mut lines = lock.text.lines();
        let mut versions = Vec::new();
        while lines.any(|line| line == name) {
            let version = lines.next().and_then(|line| line.strip_prefix("version = "));
            versions.extend(version.map(|version| version.trim_matches('"')));
        }
        if versions.len() > 1 {
            let text = format!("{library} is there as {}; keep one", versions.join(" and "));
            findings.push(Finding::error(&lock.path, text));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_arrows_are_found() {
        let package = |name: &str, version: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n")
        };
        let text = [package("arrow", "59.3.0"), package("serde", "1.0.0")].concat();
        let lock = |text: String| File { path: "Cargo.lock".into(), text };
        assert_eq!(check(&lock(text.clone())), []);
        let found = check(&lock(text + &package("arrow", "60.0.0")));
        assert_eq!(
            found[0].to_string(),
            "Cargo.lock: arrow is there as 59.3.0 and 60.0.0; keep one"
        );
    }
}
