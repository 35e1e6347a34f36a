//! Whom to believe: what the sources of a site speak of, how they rank, how long they stay fresh.
//!
//! ```toml
//! [[source]]
//! name = "netbox*"                       # the first entry that fits a source counts
//! says = "desired"                       # or "observed", which is taken if nothing is said
//! rank = 10                              # the smaller is believed first; 100 if nothing is said
//! fresh_for = "1h"                       # stale when not heard for longer; never if nothing is said
//! ranks = { "physical.device.rack" = 1 } # for some attributes another rank; * stands for any text
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// Rank of a source that no entry speaks of.
pub const RANK_DEFAULT: u32 = 100;

/// Most entries of all schema files together: each source is compared with all of them.
pub const SOURCE_RULES_MAX: usize = 1_000;

/// What people and programs write over SQL; `sql:` and the user.
const PEOPLE: &str = "sql:";

/// Whether a source tells what is, or what should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Says {
    /// What should be: a plan, a configuration.
    Desired,
    /// What is.
    Observed,
}

impl Says {
    /// As schema files and tables spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Says::Desired => "desired",
            Says::Observed => "observed",
        }
    }
}

/// An entry about the sources whose names fit it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRule {
    /// A name in which `*` stands for any text.
    pub name: String,
    /// What they speak of.
    pub says: Says,
    /// The smaller is believed first.
    pub rank: u32,
    /// Ranks of some attributes, by `layer.noun.attribute` in which `*` stands for any text. Of
    /// several that fit, the longest counts.
    pub ranks: Vec<(String, u32)>,
    /// How long after it was heard it is still fresh; `None`: always.
    pub fresh_for: Option<Duration>,
}

/// All entries of a schema, in the order of its files. Empty: all sources are alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    rules: Vec<SourceRule>,
}

impl Trust {
    /// The entries.
    pub fn rules(&self) -> &[SourceRule] {
        &self.rules
    }

    /// The entry that counts for a source. Cost: O(entries).
    pub fn rule(&self, source: &str) -> Option<&SourceRule> {
        self.rules.iter().find(|rule| fits(&rule.name, source))
    }

    /// What a source speaks of.
    pub fn says(&self, source: &str) -> Says {
        self.rule(source).map_or(Says::Observed, |rule| rule.says)
    }

    /// How long a source stays fresh; `None`: always.
    pub fn fresh_for(&self, source: &str) -> Option<Duration> {
        self.rule(source)?.fresh_for
    }

    /// The rank of a source for `attribute` of `kind`. A person of whom nothing is said is believed
    /// as much as the best source, so that what was said last counts.
    pub fn rank(&self, source: &str, kind: &str, attribute: &str) -> u32 {
        match self.rule(source) {
            Some(rule) => rule.rank_of(kind, attribute),
            None if source.starts_with(PEOPLE) => {
                let ranks = self.rules.iter().map(|rule| rule.rank_of(kind, attribute));
                ranks.min().unwrap_or(RANK_DEFAULT).min(RANK_DEFAULT)
            }
            None => RANK_DEFAULT,
        }
    }

    /// Adds the entries of one file. `attributes` are all of the schema, as `layer.noun.attribute`.
    ///
    /// # Errors
    /// The name of the entry that is wrong, and why.
    pub(crate) fn read<'a>(
        &mut self,
        entries: &[SourceText],
        attributes: impl Fn() -> Box<dyn Iterator<Item = String> + 'a>,
    ) -> Result<(), (String, String)> {
        for entry in entries {
            let wrong = |reason: String| (entry.name.clone(), reason);
            if entry.name.trim().is_empty() {
                return Err(wrong("a source needs a name, or a part of it with *".into()));
            }
            if self.rules.len() >= SOURCE_RULES_MAX {
                return Err(wrong(format!("there are more than {SOURCE_RULES_MAX} sources")));
            }
            let says = match entry.says.as_deref() {
                None | Some("observed") => Says::Observed,
                Some("desired") => Says::Desired,
                Some(other) => {
                    return Err(wrong(format!(
                        "says = \"{other}\" is neither observed nor desired"
                    )));
                }
            };
            let fresh_for = (entry.fresh_for.as_deref())
                .map(|text| {
                    duration(text).ok_or_else(|| {
                        wrong(format!("fresh_for = \"{text}\" is not like 30s, 10m, 1h, 2d"))
                    })
                })
                .transpose()?;
            if let Some(unknown) =
                entry.ranks.keys().find(|wanted| !attributes().any(|name| fits(wanted, &name)))
            {
                let reason =
                    format!("\"{unknown}\" in ranks is no layer.noun.attribute of the schema");
                return Err(wrong(reason));
            }
            self.rules.push(SourceRule {
                name: entry.name.clone(),
                says,
                rank: entry.rank.unwrap_or(RANK_DEFAULT),
                ranks: entry.ranks.iter().map(|(name, rank)| (name.clone(), *rank)).collect(),
                fresh_for,
            });
        }
        Ok(())
    }
}

impl SourceRule {
    fn rank_of(&self, kind: &str, attribute: &str) -> u32 {
        if self.ranks.is_empty() {
            return self.rank;
        }
        let name = format!("{kind}.{attribute}");
        (self.ranks.iter().filter(|(wanted, _)| fits(wanted, &name)))
            .max_by_key(|(wanted, _)| wanted.len())
            .map_or(self.rank, |(_, rank)| *rank)
    }
}

/// `[[source]]` of a schema file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceText {
    name: String,
    says: Option<String>,
    rank: Option<u32>,
    fresh_for: Option<String>,
    #[serde(default)]
    ranks: BTreeMap<String, u32>,
}

/// Whether a text fits a pattern in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some(place) = left.find(part) else { return false };
        left = &left[place + part.len()..];
    }
    true
}

/// Reads `30s`, `10m`, `1h`, `2d`, `500ms`; `None`: it is none of these, or no time at all.
pub fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let count: u64 = text[..digits].parse().ok().filter(|count| *count > 0)?;
    let millis = match text[digits..].trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    count.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Schema;

    const KIND: &str = r#"
        [[kind]]
        name = "physical.device"
        doc = "A device."
        key = "its name"
        attributes = [
          { name = "rack", type = "text", doc = "Rack." },
          { name = "up", type = "boolean", doc = "Whether it works." },
        ]
    "#;

    fn read(sources: &str) -> Result<Trust, String> {
        let text = format!("{KIND}\n{sources}");
        Schema::parse(&[("site.toml", &text)])
            .map(|schema| schema.trust().clone())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_entry_that_fits_counts_and_the_longest_attribute() {
        let trust = read(
            r#"
            [[source]]
            name = "netbox:lab"
            rank = 7
            [[source]]
            name = "netbox*"
            says = "desired"
            fresh_for = "1h"
            rank = 20
            ranks = { "physical.*" = 30, "physical.device.rack" = 1 }
            "#,
        )
        .unwrap();
        let rank = |source| trust.rank(source, "physical.device", "rack");
        assert_eq!((rank("netbox:lab"), rank("netbox:hall"), rank("lldp")), (7, 1, RANK_DEFAULT));
        assert_eq!(trust.rank("netbox:hall", "physical.device", "up"), 30);
        assert_eq!((trust.says("netbox"), trust.says("lldp")), (Says::Desired, Says::Observed));
        assert_eq!(trust.fresh_for("netbox"), Some(Duration::from_secs(3_600)));
        assert_eq!(trust.fresh_for("netbox:lab"), None);
        assert_eq!(rank("sql:ann"), 1, "a person is believed as much as the best");
    }

    #[test]
    fn a_wrong_entry_says_what_is_wrong() {
        for (text, wanted) in [
            (
                "name = \"a\"\nsays = \"maybe\"",
                "site.toml:11: source a: says = \"maybe\" is neither observed nor desired",
            ),
            (
                "name = \"a\"\nfresh_for = \"soon\"",
                "site.toml:11: source a: fresh_for = \"soon\" is not like 30s, 10m, 1h, 2d",
            ),
            (
                "name = \"a\"\nranks = { \"physical.device.roof\" = 1 }",
                "site.toml:11: source a: \"physical.device.roof\" in ranks is no layer.noun.attribute of the schema",
            ),
            (
                "name = \" \"",
                "site.toml:11: source  : a source needs a name, or a part of it with *",
            ),
        ] {
            assert_eq!(read(&format!("[[source]]\n{text}")).unwrap_err(), wanted);
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, wanted) in [
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*a", "a", false),
            ("a", "ab", false),
            ("*.up", "physical.port.admin_up", false),
        ] {
            assert_eq!(fits(pattern, text), wanted, "{pattern} {text}");
        }
    }
}
