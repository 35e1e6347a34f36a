//! From the text of a request to statements that a session can carry out.

mod chains;
pub(crate) mod copy;
mod cursors;
mod ignored;
mod meaning;
mod users;

use datafusion::sql::sqlparser::ast::Statement as Ast;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use groma_store::ForkMode;

use crate::dialect::Sql;
use crate::graph::{self, Source};
use crate::session::names;
use crate::users::UserChange;
use crate::{QueryError, Role, pg};
pub use chains::STACK_BYTES;
use copy::Copy;
pub(crate) use cursors::CursorVerb;
pub(crate) use ignored::refuse as refuse_ignored;

/// Deepest nesting of expressions and queries.
const NESTING_MAX: usize = 64;

/// Deepest nesting of lists: what the engine makes of a list in a list doubles with each.
const LISTS_NESTED_MAX: usize = 8;

/// Most parameters of a statement, as the wire counts them.
const PARAMETERS_MAX: usize = 65_535;

/// A statement with its text, in which no password stands any more.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    pub(crate) statement: Statement,
    pub(crate) text: String,
}

/// One statement, as far as its text alone tells.
#[derive(Debug, Clone)]
pub(crate) enum Statement {
    /// Nothing but white space.
    Empty,
    /// `CREATE DATABASE name TEMPLATE template [TRACKING]`.
    CreateDatabase { name: String, template: String, mode: ForkMode },
    /// `DROP DATABASE [IF EXISTS] name`.
    DropDatabase { name: String, if_exists: bool },
    /// `CREATE PROPERTY GRAPH ...`.
    CreateGraph(Source),
    /// `DROP PROPERTY GRAPH [IF EXISTS] name`.
    DropGraph(Source),
    /// CREATE, ALTER, DROP ROLE, GRANT and REVOKE.
    Users(UserChange),
    /// COPY.
    Copy(Box<Copy>),
    /// DECLARE, FETCH, CLOSE.
    Cursor(CursorVerb),
    /// Anything that the SQL parser understands.
    Sql(Box<Ast>),
}

impl Statement {
    /// What PostgreSQL calls the answer, if it is rows.
    pub(crate) fn rows_tag(&self) -> &'static str {
        match self {
            Statement::Cursor(_) => "FETCH",
            _ => "SELECT",
        }
    }

    /// The role that it takes; whatever is not known to be harmless takes the largest.
    pub(crate) fn needs(&self) -> Role {
        match self {
            Statement::Empty | Statement::Cursor(_) => Role::Reader,
            Statement::CreateDatabase { .. } => Role::Operator,
            Statement::DropDatabase { .. }
            | Statement::Users(_)
            | Statement::CreateGraph(_)
            | Statement::DropGraph(_) => Role::Admin,
            Statement::Copy(copy) => match copy.as_ref() {
                Copy::Out { .. } => Role::Reader,
                Copy::In { .. } | Copy::File { .. } => Role::Operator,
            },
            Statement::Sql(ast) => match ast.as_ref() {
                Ast::Query(_)
                | Ast::Explain { .. }
                | Ast::ExplainTable { .. }
                | Ast::ShowTables { .. }
                | Ast::ShowColumns { .. }
                | Ast::Set(_)
                | Ast::ShowVariable { .. }
                | Ast::StartTransaction { .. }
                | Ast::Commit { .. }
                | Ast::Rollback { .. }
                | Ast::Savepoint { .. }
                | Ast::ReleaseSavepoint { .. }
                | Ast::Discard { .. }
                | Ast::Reset(_)
                | Ast::UNLISTEN { .. }
                | Ast::Deallocate { .. } => Role::Reader,
                Ast::Insert(_) | Ast::Update(_) | Ast::Delete(_) => Role::Operator,
                _ => Role::Admin,
            },
        }
    }
}

/// Splits a request at its semicolons and reads each statement.
pub(crate) fn parse(text: &str) -> Result<Vec<Parsed>, QueryError> {
    let tokens = Tokenizer::new(&Sql, text)
        .tokenize_with_location()
        .map_err(|error| syntax_error(&ParserError::TokenizerError(error.to_string()), text))?;
    let statements: Vec<_> = tokens
        .split(|token| token.token == Token::SemiColon)
        .filter(|tokens| {
            tokens.iter().any(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF))
        })
        .map(|tokens| {
            chains::check(tokens)?;
            Ok(Parsed { statement: parse_one(tokens, text)?, text: without_passwords(tokens) })
        })
        .collect::<Result<_, QueryError>>()?;
    let empty = || vec![Parsed { statement: Statement::Empty, text: String::new() }];
    Ok(if statements.is_empty() { empty() } else { statements })
}

/// Refuses lists in lists that would keep the engine for hours.
fn check_lists(tokens: &[TokenWithSpan]) -> Result<(), QueryError> {
    let mut depth = 0_usize;
    for token in tokens {
        match token.token {
            Token::LBracket => depth += 1,
            Token::RBracket => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > LISTS_NESTED_MAX {
            let reason = format!("lists are nested deeper than {LISTS_NESTED_MAX} levels");
            return Err(QueryError::new("54001", reason));
        }
    }
    Ok(())
}

/// The text, with `***` in the place of a literal that follows the word PASSWORD.
fn without_passwords(tokens: &[TokenWithSpan]) -> String {
    let mut text = String::new();
    let mut after_password = false;
    for token in tokens.iter().map(|token| &token.token) {
        match token {
            Token::EOF => {}
            Token::Whitespace(_) | Token::Eq => text.push_str(&token.to_string()),
            Token::Word(word) => {
                after_password = word.value.eq_ignore_ascii_case("password");
                text.push_str(&token.to_string());
            }
            Token::Comma | Token::LParen | Token::RParen => {
                after_password = false;
                text.push_str(&token.to_string());
            }
            other => {
                let shown = other.to_string();
                text.push_str(if after_password { "'***'" } else { &shown });
            }
        }
    }
    text.trim().to_owned()
}

/// The highest number of a parameter `$n` in a text; 0: it has none.
pub(crate) fn parameter_count(text: &str) -> usize {
    let tokens = Tokenizer::new(&Sql, text).tokenize().unwrap_or_default();
    let numbers = tokens.iter().filter_map(|token| match token {
        Token::Placeholder(name) => name.strip_prefix('$')?.parse().ok(),
        _ => None,
    });
    numbers.filter(|number| *number <= PARAMETERS_MAX).max().unwrap_or(0)
}

fn parse_one(tokens: &[TokenWithSpan], text: &str) -> Result<Statement, QueryError> {
    let words: Vec<&Token> = tokens
        .iter()
        .map(|token| &token.token)
        .filter(|token| !matches!(token, Token::Whitespace(_) | Token::EOF))
        .collect();
    if let [Token::Word(first), Token::Word(second), rest @ ..] = words.as_slice() {
        match (first.keyword, second.keyword) {
            (Keyword::CREATE, Keyword::DATABASE) => return create_database(rest),
            (Keyword::DROP, Keyword::DATABASE) => return drop_database(rest),
            (Keyword::CREATE, _) if second.value.eq_ignore_ascii_case("property") => {
                return Ok(Statement::CreateGraph(source(tokens, text)));
            }
            (Keyword::DROP, _) if second.value.eq_ignore_ascii_case("property") => {
                return Ok(Statement::DropGraph(source(tokens, text)));
            }
            _ => {}
        }
    }
    if let Some(change) = users::read(&words) {
        return change.map(Statement::Users);
    }
    if let Some(verb) = cursors::read(&words) {
        return verb.map(Statement::Cursor);
    }
    check_lists(tokens)?;
    let tokens = graph::fold(tokens, text)?;
    let sql: String = tokens
        .iter()
        .filter(|token| token.token != Token::EOF)
        .map(|token| token.token.to_string())
        .collect();
    let mut parser =
        Parser::new(&Sql).with_recursion_limit(NESTING_MAX).with_tokens_with_locations(tokens);
    let statement = parser.parse_statement().map_err(|error| syntax_error(&error, text))?;
    let statement = meaning::keep(statement)?;
    let rewritten = |ast| if pg::asks_catalog(&sql) { pg::rewrite(ast) } else { ast };
    match (parser.peek_token().token, statement) {
        (Token::EOF, copy @ Ast::Copy { .. }) => Ok(Statement::Copy(Box::new(copy::read(copy)?))),
        (Token::EOF, Ast::Declare { stmts }) => {
            cursors::declare(stmts, rewritten).map(Statement::Cursor)
        }
        (Token::EOF, statement) => {
            let mut statement = rewritten(statement);
            if let Ast::Query(query) = &mut statement {
                names::mark(query);
            }
            Ok(Statement::Sql(Box::new(statement)))
        }
        (other, _) => Err(QueryError::new(
            QueryError::SYNTAX,
            format!("unexpected \"{other}\" after the end of the statement"),
        )),
    }
}

/// A statement as it was written.
fn source(tokens: &[TokenWithSpan], text: &str) -> Source {
    let shown = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_) | Token::EOF);
    let (first, last) = (tokens.iter().find(shown), tokens.iter().rfind(shown));
    let (Some(first), Some(last)) = (first, last) else {
        return Source { text: String::new(), first: 1 };
    };
    let from = graph::character(first.span.start, text);
    let to = graph::character(last.span.end, text);
    Source { text: text.chars().skip(from - 1).take(to - from).collect(), first: from }
}

/// A SELECT that we wrote ourselves.
fn parse_select(sql: &str) -> Result<Ast, QueryError> {
    let mut statements = Parser::parse_sql(&Sql, sql).map_err(|error| syntax_error(&error, sql))?;
    statements.pop().ok_or_else(|| QueryError::new(QueryError::SYNTAX, "a query was expected"))
}

/// `name [WITH] [TEMPLATE [=] template] [FROZEN | TRACKING]`, also `[WITH (MODE = tracking)]`.
fn create_database(rest: &[&Token]) -> Result<Statement, QueryError> {
    let usage = || {
        QueryError::new(QueryError::SYNTAX, "CREATE DATABASE was not understood")
            .with_hint("Write CREATE DATABASE name TEMPLATE live, and TRACKING behind it if it is to follow its template.")
    };
    let (name, rest) = name(rest).ok_or_else(usage)?;
    let plain = |token: &&&Token| {
        !matches!(token, Token::LParen | Token::RParen | Token::Eq | Token::Comma)
            && !matches!(token, Token::Word(word) if word.value.eq_ignore_ascii_case("with"))
    };
    let mut words = rest.iter().filter(plain).copied();
    let mut template = groma_store::LIVE.to_owned();
    let mut mode = None;
    while let Some(token) = words.next() {
        let Token::Word(word) = token else { return Err(usage()) };
        match word.value.to_ascii_lowercase().as_str() {
            "template" => {
                let named = [words.next().ok_or_else(usage)?];
                template = self::name(&named).ok_or_else(usage)?.0;
            }
            "mode" => {}
            "tracking" if mode.is_none() => mode = Some(ForkMode::Tracking),
            "frozen" if mode.is_none() => mode = Some(ForkMode::Frozen),
            _ => return Err(usage()),
        }
    }
    let mode = mode.unwrap_or(ForkMode::Frozen);
    Ok(Statement::CreateDatabase { name, template, mode })
}

fn drop_database(rest: &[&Token]) -> Result<Statement, QueryError> {
    let usage = || {
        QueryError::new(QueryError::SYNTAX, "DROP DATABASE was not understood")
            .with_hint("Write DROP DATABASE name, or DROP DATABASE IF EXISTS name.")
    };
    let (if_exists, rest) = match rest {
        [Token::Word(a), Token::Word(b), rest @ ..]
            if a.keyword == Keyword::IF && b.keyword == Keyword::EXISTS =>
        {
            (true, rest)
        }
        rest => (false, rest),
    };
    match name(rest) {
        Some((name, [])) => Ok(Statement::DropDatabase { name, if_exists }),
        _ => Err(usage()),
    }
}

/// An identifier: lower case unless quoted, as everywhere in SQL.
fn name<'a, 'b>(tokens: &'a [&'b Token]) -> Option<(String, &'a [&'b Token])> {
    match tokens {
        [Token::Word(word), rest @ ..] if word.quote_style.is_some() => {
            Some((word.value.clone(), rest))
        }
        [Token::Word(word), rest @ ..] => Some((word.value.to_lowercase(), rest)),
        [Token::SingleQuotedString(text), rest @ ..] => Some((text.clone(), rest)),
        _ => None,
    }
}

fn syntax_error(error: &ParserError, text: &str) -> QueryError {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.clone(),
        ParserError::RecursionLimitExceeded => {
            format!("the statement is nested deeper than {NESTING_MAX} levels")
        }
    };
    let (message, place) = match message.rsplit_once(" at Line: ") {
        Some((message, place)) => (message.to_owned(), Some(place.to_owned())),
        None => (message, None),
    };
    let error = QueryError::new(QueryError::SYNTAX, message);
    match place.and_then(|place| position(&place, text)) {
        Some(position) => error.at(position),
        None => error,
    }
}

/// Turns `3, Column: 8` into the number of the character in the text, from 1.
fn position(place: &str, text: &str) -> Option<usize> {
    let (line, column) = place.split_once(", Column: ")?;
    let (line, column): (usize, usize) = (line.trim().parse().ok()?, column.trim().parse().ok()?);
    let before: usize = text
        .split_inclusive('\n')
        .take(line.checked_sub(1)?)
        .map(|line| line.chars().count())
        .sum();
    Some(before + column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_are_made_and_dropped_in_the_words_of_postgresql() {
        let parsed = |text| format!("{:?}", parse(text).map(|mut all| all.remove(0).statement));
        assert!(
            parsed("CREATE DATABASE one_vlan TEMPLATE live")
                .contains("name: \"one_vlan\", template: \"live\"")
        );
        assert!(
            parsed("create database \"A b\" with template = f")
                .contains("name: \"A b\", template: \"f\"")
        );
        for tracking in [
            "CREATE DATABASE f TEMPLATE live TRACKING",
            "CREATE DATABASE f TEMPLATE live WITH (mode = tracking)",
        ] {
            assert!(parsed(tracking).contains("mode: Tracking"));
        }
        assert!(parsed("CREATE DATABASE f TEMPLATE live TRACKING FROZEN").contains("was not"));
        assert!(parsed("CREATE DATABASE f TEMPLATE live 1").contains("was not understood"));
        assert!(parsed("DROP DATABASE IF EXISTS f").contains("if_exists: true"));
        assert!(parsed("CREATE DATABASE f OWNER me").contains("was not understood"));
    }

    #[test]
    fn a_request_is_split_at_semicolons_and_an_empty_one_is_a_statement_too() {
        assert_eq!(parse("SELECT ';'; SELECT 2;").unwrap().len(), 2);
        assert!(matches!(parse("  -- nothing").unwrap()[0].statement, Statement::Empty));
    }

    #[test]
    fn calls_inside_one_another_are_read_once() {
        for (open, close) in [("abs(", ")"), ("row(", ")"), ("greatest(1, ", ")")] {
            let nested = format!("SELECT {}1{}", open.repeat(40), close.repeat(40));
            assert!(parse(&nested).is_ok(), "{open}");
            let error = parse(&nested.replace('1', &nested[7..])).unwrap_err();
            assert!(error.message().contains("nested deeper"), "{error}");
        }
    }

    #[test]
    fn lists_in_lists_have_a_bound() {
        let nested = |depth| format!("SELECT {}1{}", "array[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(LISTS_NESTED_MAX)).is_ok());
        assert_eq!(parse(&nested(LISTS_NESTED_MAX + 1)).unwrap_err().sqlstate(), "54001");
        assert!(
            parse(&nested(2).repeat(20).replace("SELECT", ",").replacen(',', "SELECT", 1)).is_ok()
        );
    }

    #[test]
    fn a_syntax_error_says_where() {
        let error = parse("SELECT 1;\nSELEC 2").unwrap_err();
        assert_eq!((error.sqlstate(), error.position()), ("42601", Some(11)));
    }
}
