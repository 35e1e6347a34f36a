//! CREATE, ALTER and DROP of roles and users, GRANT and REVOKE, in PostgreSQL's words.

use datafusion::sql::sqlparser::tokenizer::Token;
use groma_model::Timestamp;

use super::name;
use crate::settings::parse_timeout;
use crate::users::{Secret, UserChange, UserSettings};
use crate::{QueryError, Role};

/// Reads the statement if it is about users. `words`: its tokens without white space.
/// Errors never repeat a token: it may be a password.
pub(super) fn read(words: &[&Token]) -> Option<Result<UserChange, QueryError>> {
    let (verb, rest) = words.split_first()?;
    let is_user = rest.first().is_some_and(|of| is(of, "role") || is(of, "user"));
    let of_user = || &rest[1..];
    if is(verb, "create") && is_user {
        Some(create(is(rest[0], "user"), of_user()))
    } else if is(verb, "alter") && is_user {
        Some(alter(of_user()))
    } else if is(verb, "drop") && is_user {
        Some(drop_users(of_user()))
    } else if is(verb, "grant") {
        Some(membership(rest, "to"))
    } else if is(verb, "revoke") {
        Some(membership(rest, "from"))
    } else {
        None
    }
}

fn create(login: bool, words: &[&Token]) -> Result<UserChange, QueryError> {
    let usage = || {
        misunderstood("CREATE ROLE")
            .with_hint("Write CREATE ROLE name LOGIN PASSWORD '...' IN ROLE reader.")
    };
    let (name, rest) = name(words).ok_or_else(usage)?;
    let mut settings = settings(rest).ok_or_else(usage)??;
    settings.login.get_or_insert(login);
    Ok(UserChange::Create { name, settings })
}

fn alter(words: &[&Token]) -> Result<UserChange, QueryError> {
    let usage = || {
        misunderstood("ALTER ROLE").with_hint(
            "Write ALTER ROLE name PASSWORD '...', or ALTER ROLE name SET statement_timeout = '5s'; roles are given with GRANT.",
        )
    };
    let (name, rest) = name(words).ok_or_else(usage)?;
    let settings = match rest {
        [verb, what] if is(verb, "reset") && is(what, "statement_timeout") => {
            UserSettings { statement_timeout: Some(None), ..UserSettings::default() }
        }
        [verb, what, to, value]
            if is(verb, "set")
                && is(what, "statement_timeout")
                && (is(to, "to") || **to == Token::Eq) =>
        {
            let timeout = text(value).and_then(|text| parse_timeout(&text)).ok_or_else(usage)?;
            UserSettings { statement_timeout: Some(Some(timeout)), ..UserSettings::default() }
        }
        [] => return Err(usage()),
        options => settings(options).ok_or_else(usage)??,
    };
    Ok(UserChange::Alter { name, settings })
}

fn drop_users(words: &[&Token]) -> Result<UserChange, QueryError> {
    let usage = || misunderstood("DROP ROLE").with_hint("Write DROP ROLE [IF EXISTS] name.");
    let (if_exists, rest) = match words {
        [a, b, rest @ ..] if is(a, "if") && is(b, "exists") => (true, rest),
        rest => (false, rest),
    };
    match names(rest) {
        Some((names, [])) => Ok(UserChange::Drop { names, if_exists }),
        _ => Err(usage()),
    }
}

/// `role, ... TO name, ...`
fn membership(words: &[&Token], link: &str) -> Result<UserChange, QueryError> {
    let usage = || {
        misunderstood(if link == "to" { "GRANT" } else { "REVOKE" }).with_hint(
            "Write GRANT operator TO name, or REVOKE operator FROM name; the roles are reader, operator and admin.",
        )
    };
    let (roles, rest) = names(words).ok_or_else(usage)?;
    let (linked, rest) = rest.split_first().ok_or_else(usage)?;
    let Some((names, [])) = names(rest).filter(|_| is(linked, link)) else { return Err(usage()) };
    let roles = roles.iter().map(|role| role.parse()).collect::<Result<Vec<Role>, _>>()?;
    Ok(match link {
        "to" => UserChange::Grant { roles, names },
        _ => UserChange::Revoke { roles, names },
    })
}

/// What PostgreSQL has for roles and we have no use for.
const PASSED_OVER: [&str; 6] =
    ["inherit", "noinherit", "nosuperuser", "nocreatedb", "nocreaterole", "noreplication"];

/// `[WITH] LOGIN PASSWORD '...' VALID UNTIL '...' IN ROLE a, b`; `None`: not understood.
fn settings(words: &[&Token]) -> Option<Result<UserSettings, QueryError>> {
    let mut settings = UserSettings::default();
    let mut rest = words;
    if let [with, after @ ..] = rest
        && is(with, "with")
    {
        rest = after;
    }
    while let Some((word, after)) = rest.split_first() {
        rest = after;
        if is(word, "login") || is(word, "nologin") {
            settings.login = Some(is(word, "login"));
        } else if is(word, "encrypted") && rest.first().is_some_and(|word| is(word, "password")) {
        } else if is(word, "password") {
            let (value, after) = rest.split_first()?;
            settings.password =
                Some(if is(value, "null") { None } else { Some(Secret(quoted(value)?)) });
            rest = after;
        } else if is(word, "valid") {
            let [until, value, after @ ..] = rest else { return None };
            let value = quoted(value).filter(|_| is(until, "until"))?;
            settings.valid_until = Some(match value.as_str() {
                "infinity" => None,
                value => match Timestamp::parse(value) {
                    Ok(time) => Some(time),
                    Err(error) => {
                        return Some(Err(QueryError::new(
                            QueryError::BAD_VALUE,
                            error.to_string(),
                        )));
                    }
                },
            });
            rest = after;
        } else if is(word, "in") {
            let [role, after @ ..] = rest else { return None };
            let (roles, after) = names(after).filter(|_| is(role, "role"))?;
            for role in roles {
                match role.parse() {
                    Ok(role) => settings.roles.push(role),
                    Err(error) => return Some(Err(error)),
                }
            }
            rest = after;
        } else if !PASSED_OVER.iter().any(|known| is(word, known)) {
            return None;
        }
    }
    Some(Ok(settings))
}

fn names<'a, 'b>(tokens: &'a [&'b Token]) -> Option<(Vec<String>, &'a [&'b Token])> {
    let (first, mut rest) = name(tokens)?;
    let mut names = vec![first];
    while let [Token::Comma, after @ ..] = rest {
        let (next, after) = name(after)?;
        names.push(next);
        rest = after;
    }
    Some((names, rest))
}

fn is(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}

fn quoted(token: &Token) -> Option<String> {
    match token {
        Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => Some(text.clone()),
        _ => None,
    }
}

/// A text, a number or a word.
fn text(token: &Token) -> Option<String> {
    match token {
        Token::Number(digits, _) => Some(digits.clone()),
        Token::Word(word) => Some(word.value.clone()),
        other => quoted(other),
    }
}

fn misunderstood(what: &str) -> QueryError {
    QueryError::new(QueryError::SYNTAX, format!("{what} was not understood"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::statement::{Statement, parse};

    fn change(text: &str) -> Result<UserChange, QueryError> {
        match parse(text)?.remove(0).statement {
            Statement::Users(change) => Ok(change),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn users_are_made_in_the_words_of_postgresql() {
        let UserChange::Create { name, settings } = change(
            "CREATE USER \"Ann\" WITH ENCRYPTED PASSWORD 'it''s' VALID UNTIL '2030-01-01T00:00:00Z' IN ROLE reader, operator",
        )
        .unwrap() else {
            panic!("not a CREATE")
        };
        assert_eq!(name, "Ann");
        assert_eq!(settings.login, Some(true));
        assert_eq!(settings.password, Some(Some(Secret("it's".into()))));
        assert_eq!(settings.roles, [Role::Reader, Role::Operator]);
        assert!(settings.valid_until.flatten().is_some());
        let UserChange::Create { settings, .. } = change("create role bob").unwrap() else {
            panic!("not a CREATE")
        };
        assert_eq!(settings.login, Some(false));
    }

    #[test]
    fn users_are_changed_and_dropped() {
        let timeout = Some(Some(Duration::from_secs(5)));
        assert_eq!(
            change("ALTER ROLE ann SET statement_timeout = '5s'").unwrap(),
            UserChange::Alter {
                name: "ann".into(),
                settings: UserSettings { statement_timeout: timeout, ..UserSettings::default() }
            }
        );
        assert_eq!(
            change("GRANT operator TO ann, bob").unwrap(),
            UserChange::Grant {
                roles: vec![Role::Operator],
                names: vec!["ann".into(), "bob".into()]
            }
        );
        assert_eq!(
            change("DROP USER IF EXISTS ann").unwrap(),
            UserChange::Drop { names: vec!["ann".into()], if_exists: true }
        );
    }

    #[test]
    fn what_is_not_offered_is_said_without_the_password() {
        for text in [
            "CREATE ROLE ann PASSWORD 'secret' SUPERUSER",
            "CREATE ROLE ann PASSWORD secret",
            "ALTER ROLE ann",
            "GRANT SELECT ON t TO ann",
        ] {
            let error = change(text).unwrap_err();
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
            assert!(error.hint().is_some(), "{text}");
        }
        assert_eq!(change("GRANT king TO ann").unwrap_err().sqlstate(), QueryError::NO_ROLE);
    }

    #[test]
    fn a_password_is_not_in_the_kept_text() {
        let parsed = parse("CREATE USER ann  PASSWORD 'secret' IN ROLE reader").unwrap();
        assert_eq!(parsed[0].text, "CREATE USER ann  PASSWORD '***' IN ROLE reader");
    }
}
