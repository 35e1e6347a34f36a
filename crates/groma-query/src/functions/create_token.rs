//! Makes a token of the HTTP door.

use std::time::Duration;

use super::arguments::Function;
use super::drop_token::keeper;
use crate::settings::parse_timeout;
use crate::table::{Cell, Type, column};
use crate::{QueryError, Role, Standing};

/// The longest life of a token.
const TOKEN_LIFE_MAX: Duration = Duration::from_secs(366 * 86_400);

pub(super) static FUNCTION: Function = Function {
    name: "create_token",
    usage: "create_token(user, life [, role])",
    doc: "makes a token of the HTTP door for a user, who may make one alone; life is such as '30d' or '8h', role at most the user's. The token is shown this once.",
    arguments_min: 2,
    arguments_max: 3,
    columns: &[
        column(
            "token",
            Type::Text,
            "What goes behind `Authorization: Bearer`; kept as a hash only.",
        ),
        column("id", Type::Text, "What drop_token takes."),
        column("role", Type::Text, "What it may do at most."),
        column("expires_at", Type::Time, "When it ends."),
    ],
    rows: |call, sheet| {
        let (user, life) = (call.text(0).unwrap_or_default(), call.text(1).unwrap_or_default());
        let own = call.who().standing == Standing::Listed && call.who().name == user;
        let needs = if own { Role::Reader } else { Role::Admin };
        let lives = read_life(life).ok_or_else(|| {
            QueryError::new(QueryError::BAD_VALUE, format!("a token cannot live \"{life}\""))
                .with_hint("Write such as '8h' or '30d'; a year is the most.")
        })?;
        let role = call.text(2).map(str::parse::<Role>).transpose()?;
        // A token that a token makes may not do more than that one.
        let role = if own { Some(role.unwrap_or(Role::Admin).min(call.who().role)) } else { role };
        let (token, secret) =
            call.change(needs, |engine| Ok(keeper(engine)?.make_token(user, role, lives)?))?;
        sheet.push([
            Cell::Owned(secret.0),
            Cell::Text(&token.id),
            Cell::Text(token.role.name()),
            Cell::Time(token.expires_at),
        ])
    },
};

fn read_life(text: &str) -> Option<Duration> {
    let life = match text.trim().strip_suffix('d') {
        Some(days) => Duration::from_secs(days.trim().parse::<u64>().ok()?.checked_mul(86_400)?),
        None => parse_timeout(text)?,
    };
    (!life.is_zero() && life <= TOKEN_LIFE_MAX).then_some(life)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_bounded() {
        assert_eq!(read_life("30d"), Some(Duration::from_secs(30 * 86_400)));
        assert_eq!(read_life("8h"), Some(Duration::from_secs(8 * 3600)));
        for text in ["0d", "367d", "99999999999999999999d", "long", ""] {
            assert_eq!(read_life(text), None, "{text}");
        }
    }
}
