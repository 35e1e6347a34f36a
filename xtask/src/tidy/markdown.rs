//! A page has one title, and its links lead somewhere.

use super::{File, Finding};

/// `exists` tells whether a path, from the root, is there.
pub(super) fn check(page: &File, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut titles = 0;
    let mut in_code = false;
    for (line_index, line) in page.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            titles += usize::from(line.starts_with("# "));
            for target in links(line) {
                let path = resolve(&page.path, target);
                if !exists(&path) {
                    let place = format!("{}:{}", page.path, line_index + 1);
                    findings.push(Finding::error(place, format!("there is no {path}")));
                }
            }
        }
    }
    if titles != 1 {
        let text = format!("it has {titles} titles; a page has one line that starts with \"# \"");
        findings.push(Finding::error(&page.path, text));
    }
    findings
}

/// Targets of the links in a line that lead to files.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split(')').next()?.split('#').next()?;
        (!target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
            .then_some(target)
    })
}

/// A link's target as a path from the root.
fn resolve(page: &str, target: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let page = File { path: "docs/page.md".into(), text: text.into() };
        let exists = |path: &str| ["README.md", "docs/paths.md"].contains(&path);
        check(&page, exists).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_page_has_one_title() {
        assert_eq!(found("# One\n```\n# not a title\n```\n## Part\n"), [""; 0]);
        assert!(found("# One\n# Two\n")[0].starts_with("docs/page.md: it has 2 titles"));
        assert!(found("text\n")[0].starts_with("docs/page.md: it has 0 titles"));
    }

    #[test]
    fn links_lead_somewhere() {
        let text = "# T\n[a](paths.md#x) [b](../README.md) [c](https://example.org/x) [d](#t)\n";
        assert_eq!(found(text), [""; 0]);
        assert_eq!(found("# T\n[a](gone.md)\n"), ["docs/page.md:2: there is no docs/gone.md"]);
    }
}
