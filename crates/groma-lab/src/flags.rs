//! Flags of the command line: `--name value`, or `--name` alone.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// What stood on the command line, and was not taken yet.
#[derive(Debug, Default)]
pub struct Flags(Vec<(String, Option<String>)>);

impl Flags {
    /// Reads the words after the verb.
    ///
    /// # Errors
    /// A word that belongs to no flag.
    pub fn read(words: impl Iterator<Item = String>) -> Result<Flags, String> {
        let mut flags = Flags::default();
        for word in words {
            match (word.strip_prefix("--"), flags.0.last_mut()) {
                (Some(name), _) => match name.split_once('=') {
                    Some((name, value)) => flags.0.push((name.to_owned(), Some(value.to_owned()))),
                    None => flags.0.push((name.to_owned(), None)),
                },
                (None, Some((_, value @ None))) => *value = Some(word),
                (None, _) => return Err(format!("\"{word}\" belongs to no flag")),
            }
        }
        Ok(flags)
    }

    /// The value of `--name`, if it was given; the last one, if more than once.
    ///
    /// # Errors
    /// It has no value, or one that cannot be read.
    pub fn take<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<Option<T>, String> {
        let Some(value) = self.take_text(name)? else { return Ok(None) };
        value.parse().map(Some).map_err(|error| format!("--{name} \"{value}\": {error}"))
    }

    /// The value of `--name` as a time: "300us", "4ms", "5s".
    ///
    /// # Errors
    /// It has no value, or no time that can be read.
    pub fn duration(&mut self, name: &str) -> Result<Option<Duration>, String> {
        let Some(value) = self.take_text(name)? else { return Ok(None) };
        let read = read_duration(&value);
        read.map(Some).ok_or_else(|| format!("--{name} \"{value}\": a time such as 300us, 4ms, 5s"))
    }

    /// Whether `--name` was given; it takes no value.
    pub fn is_set(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|(given, value)| given != name || value.is_some());
        self.0.len() < before
    }

    /// Nothing is left.
    ///
    /// # Errors
    /// A flag that nobody took.
    pub fn all_taken(&self) -> Result<(), String> {
        self.0.first().map_or(Ok(()), |(name, _)| Err(format!("there is no flag --{name} here")))
    }

    fn take_text(&mut self, name: &str) -> Result<Option<String>, String> {
        let mut found = None;
        self.0.retain(|(given, value)| {
            if given == name {
                found = Some(value.clone());
            }
            given != name
        });
        found.map(|value| value.ok_or_else(|| format!("--{name} needs a value"))).transpose()
    }
}

fn read_duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let scale = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * scale).ok()
}

/// A time as a flag has it.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{}s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Flags {
        Flags::read(line.split_whitespace().map(str::to_owned)).unwrap()
    }

    #[test]
    fn flags_are_taken_once() {
        let mut flags = read("--think 1.5ms --csv --p=0.3 --p 0.4");
        assert_eq!(flags.duration("think"), Ok(Some(Duration::from_micros(1500))));
        assert_eq!(flags.take::<f64>("p"), Ok(Some(0.4)));
        assert_eq!(flags.take::<f64>("p"), Ok(None));
        assert_eq!(flags.all_taken(), Err("there is no flag --csv here".to_owned()));
        assert!(flags.is_set("csv") && !flags.is_set("csv"));
        assert_eq!(flags.all_taken(), Ok(()));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        assert_eq!(read("--p").take::<f64>("p"), Err("--p needs a value".to_owned()));
        assert!(read("--p x").take::<f64>("p").unwrap_err().starts_with("--p \"x\": "));
        assert!(read("--for 5").duration("for").unwrap_err().contains("such as 300us, 4ms, 5s"));
        assert!(Flags::read(["x".to_owned()].into_iter()).is_err());
    }
}
