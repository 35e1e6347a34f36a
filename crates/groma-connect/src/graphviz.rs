//! Cabling as a Graphviz graph: `"leaf1":"swp1" -- "spine1":"swp1"`, as PTM, Cumulus' topology converter and netlab use.
//!
//! Hears cables with their ends, and roles where a node says `function` or `role`. Needs the file.
//! It cannot know more than it draws: an edge between nodes without ports is a problem, since no port is plugged.

use std::path::Path;

use groma_model::{Problem, Timestamp};

use crate::cables::{CableList, End};
use crate::{Heard, Importer, Input, Takes};

/// Reads graphs of cables.
pub(crate) static IMPORTER: Importer = Importer {
    name: "graphviz",
    doc: "Cabling as a Graphviz graph of device:port -- device:port, *.dot or *.gv.",
    takes: Takes::File,
    recognises: |path: &Path, first| {
        let text = String::from_utf8_lossy(first);
        path.extension().is_some_and(|extension| extension == "dot" || extension == "gv")
            && text.contains('{')
    },
    decode,
};

fn decode(input: &Input, observed_at: Timestamp, sink: &mut dyn FnMut(Heard)) {
    let mut list = CableList::default();
    let mut problems = Vec::new();
    let unreadable = input.each_whole(|place, _, bytes| {
        let text = String::from_utf8_lossy(bytes);
        let mut reader = Reader { tokens: tokens(&text), at: 0, list: &mut list };
        while reader.at < reader.tokens.len() {
            if let Err((line, shown, reason)) = reader.statement() {
                problems.push(Problem::new(format!("{place}:{line}"), &shown, reason));
            }
        }
    });
    problems.extend(unreadable);
    let mut decoded = list.observations(observed_at);
    decoded.problems.extend(problems);
    sink(decoded.into());
}

/// A word, or a sign, with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    line: usize,
    /// Whether it is a name, in quotes or not, rather than a sign.
    is_name: bool,
    text: String,
}

/// Takes a text apart. Comments go; `--` and `->` are signs.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mut push = |is_name, text: String| tokens.push(Token { line, is_name, text });
        let length = if first == '\n' || first.is_whitespace() {
            first.len_utf8()
        } else if rest.starts_with("//") || first == '#' {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            let (name, length) = quoted(rest);
            push(true, name);
            length
        } else if rest.starts_with("--") || rest.starts_with("->") {
            push(false, rest[..2].to_owned());
            2
        } else if is_word(first) {
            // A hyphen is part of a name unless it begins an edge.
            let mut end = 0;
            for (at, c) in rest.char_indices() {
                let is_edge = rest[at..].starts_with("--") || rest[at..].starts_with("->");
                if !is_word(c) || is_edge {
                    break;
                }
                end = at + c.len_utf8();
            }
            push(true, rest[..end].to_owned());
            end
        } else {
            push(false, first.to_string());
            first.len_utf8()
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/')
}

/// The text in quotes, and how many bytes it takes with them.
fn quoted(text: &str) -> (String, usize) {
    let mut name = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (name, at + 1),
            '\\' => name.extend(characters.next().map(|(_, c)| c)),
            c => name.push(c),
        }
    }
    (name, text.len())
}

struct Reader<'a> {
    tokens: Vec<Token>,
    at: usize,
    list: &'a mut CableList,
}

/// Line, what stands there, and why it cannot be read.
type Wrong = (usize, String, String);

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = self.peek().is_some_and(|token| !token.is_name && token.text == sign);
        self.at += usize::from(found);
        found
    }

    fn name(&mut self) -> Option<String> {
        let name = self.peek().filter(|token| token.is_name)?.text.clone();
        self.at += 1;
        Some(name)
    }

    /// One node, one chain of edges, or what stands between them.
    fn statement(&mut self) -> Result<(), Wrong> {
        let line = self.peek().map_or(0, |token| token.line);
        let Some(first) = self.end() else {
            self.at += 1; // Braces, semicolons.
            return Ok(());
        };
        let is_keyword =
            ["graph", "digraph", "strict", "subgraph", "node", "edge"].contains(&first.0.as_str());
        let mut ends = vec![first];
        while self.sign("--") || self.sign("->") {
            ends.extend(self.end());
        }
        if ends.len() == 1 && self.sign("=") {
            let _value = self.name(); // A setting of the graph.
            return Ok(());
        }
        let attributes = self.attributes();
        if is_keyword {
            return Ok(());
        }
        if let [(device, None)] = &ends[..] {
            let role = attributes.iter().find(|(name, _)| name == "function" || name == "role");
            // The graph's own name stands before its brace.
            if self.peek().is_none_or(|token| token.text != "{") {
                self.list.device(device, role.map(|(_, value)| value.as_str()));
            }
            return Ok(());
        }
        for pair in ends.windows(2) {
            match (plug(&pair[0]), plug(&pair[1])) {
                (Some(a), Some(b)) => self.list.cable(a, b, None),
                _ => {
                    let shown = format!("{} -- {}", pair[0].0, pair[1].0);
                    return Err((line, shown, "an end of the edge names no port".into()));
                }
            }
        }
        Ok(())
    }

    /// `device`, `device:port`, `device:port:side`.
    fn end(&mut self) -> Option<(String, Option<String>)> {
        let device = self.name()?;
        let port = if self.sign(":") { self.name() } else { None };
        if self.sign(":") {
            let _side = self.name();
        }
        Some((device, port))
    }

    /// `[a=b, c="d"]`, any number of them.
    fn attributes(&mut self) -> Vec<(String, String)> {
        let mut attributes = Vec::new();
        while self.sign("[") {
            while self.at < self.tokens.len() && !self.sign("]") {
                match self.name() {
                    Some(name) if self.sign("=") => {
                        attributes.extend(self.name().map(|value| (name, value)))
                    }
                    Some(_) => {}
                    None => self.at += 1,
                }
            }
        }
        attributes
    }
}

/// The port that an end names; `"leaf1:swp1"` in one pair of quotes counts too.
fn plug((device, port): &(String, Option<String>)) -> Option<End> {
    match port {
        Some(port) => Some((device.clone(), port.clone())),
        None => device.split_once(':').map(|(device, port)| (device.to_owned(), port.to_owned())),
    }
}
