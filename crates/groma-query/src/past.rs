//! Names of the past: `live@v123`, `live@2026-11-20T10:42Z`, `live@v123@TIME`, `live@known@TIME`.
//!
//! ```text
//! live@TIME         the world at that time, as known now: what was heard later about it is there
//! live@v123         what was known at that version
//! live@v123@TIME    the world at that time, as known at that version
//! live@known@TIME   the world at that time, as known then
//! ```

use groma_model::{Timestamp, Version};

use crate::QueryError;

/// Between the name of a database and its time; no database has it in its name.
const SIGN: char = '@';

/// A database at some time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Moment<'a> {
    pub(crate) database: &'a str,
    pub(crate) known: Known,
    /// The time in the world that is asked about. `None`: the latest.
    pub(crate) at: Option<Timestamp>,
}

/// Up to when something had been heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Known {
    Now,
    At(Version),
    /// At the time that is asked about.
    Then,
}

/// Whether it is the name of something that nobody can change any more.
pub(crate) fn is_past(name: &str) -> bool {
    name.contains(SIGN)
}

/// What a statement that would change the past is told.
pub(crate) fn refuse_write(name: &str) -> Result<(), QueryError> {
    if !is_past(name) {
        return Ok(());
    }
    let (database, _) = name.split_once(SIGN).unwrap_or((name, ""));
    Err(QueryError::new(QueryError::READ_ONLY, format!("\"{name}\" is past and cannot be changed"))
        .with_hint(format!(
            "Change \"{database}\", or a fork: CREATE DATABASE name TEMPLATE \"{name}\"."
        )))
}

impl<'a> Moment<'a> {
    /// Reads a name. Errors: what is behind the `@` is no version or time, or lies after `now`.
    pub(crate) fn read(name: &'a str, now: Timestamp) -> Result<Moment<'a>, QueryError> {
        let Some((database, when)) = name.split_once(SIGN) else {
            return Ok(Moment { database: name, known: Known::Now, at: None });
        };
        let time = |text: &str| match Timestamp::parse(text) {
            Ok(at) if at <= now => Ok(Some(at)),
            Ok(_) => Err(misread(name, format!("{text} is still to come"))),
            Err(error) => Err(misread(name, error.to_string())),
        };
        if let Some(at) = when.strip_prefix("known@") {
            return Ok(Moment { database, known: Known::Then, at: time(at)? });
        }
        let Some(numbered) = when.strip_prefix('v') else {
            return Ok(Moment { database, known: Known::Now, at: time(when)? });
        };
        let (number, at) = match numbered.split_once(SIGN) {
            Some((number, at)) => (number, time(at)?),
            None => (numbered, None),
        };
        let version = number.parse().map(Version);
        let version =
            version.map_err(|_| misread(name, format!("\"v{number}\" is no version such as v123")));
        Ok(Moment { database, known: Known::At(version?), at })
    }
}

fn misread(name: &str, reason: String) -> QueryError {
    QueryError::new(QueryError::NO_DATABASE, format!("\"{name}\" names no time: {reason}"))
        .with_hint(
            "Write \"live@2026-11-20T10:42Z\", \"live@v123\", \"live@v123@2026-11-20T10:42Z\" \
             or \"live@known@2026-11-20T10:42Z\".",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_past_are_read() {
        let now = Timestamp::parse("2026-11-22").unwrap();
        let read = |name| Moment::read(name, now).map(|moment| (moment.known, moment.at));
        let at = Some(Timestamp::parse("2026-11-20T10:42Z").unwrap());
        assert_eq!(read("live"), Ok((Known::Now, None)));
        assert_eq!(read("live@2026-11-20T10:42Z"), Ok((Known::Now, at)));
        assert_eq!(read("live@v7"), Ok((Known::At(Version(7)), None)));
        assert_eq!(read("live@v7@2026-11-20 12:42+02"), Ok((Known::At(Version(7)), at)));
        assert_eq!(read("f@known@2026-11-20T10:42"), Ok((Known::Then, at)));
        for wrong in
            ["live@", "live@v", "live@v1@", "live@yesterday", "live@v7x", "live@2027-01-01"]
        {
            let error = read(wrong).unwrap_err();
            assert_eq!(error.sqlstate(), QueryError::NO_DATABASE, "{wrong}");
            assert!(error.hint().is_some());
        }
    }
}
