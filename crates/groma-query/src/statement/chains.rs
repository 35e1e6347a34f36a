//! How long a chain of operators may be.
//!
//! `1 + 1 + 1` is read without nesting and makes a tree as deep as it is long. Whoever walks that tree,
//! or only drops it, goes down with it, and a stack that overflows ends the process. So a statement is
//! measured by its tokens, before there is a tree.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::QueryError;

/// Stack that a thread needs which carries out statements, in bytes. The engine takes up to 8 KB for a
/// level of a tree, where it writes down what an expression is called.
pub const STACK_BYTES: usize = 16 << 20;

/// Most levels of the tree that a statement makes: operators that follow each other, with those in
/// parentheses between them. With [`STACK_BYTES`] the engine bears twice as many; it also takes time
/// with the square of them.
pub(crate) const CHAIN_MAX: usize = 1_000;

/// How many levels of expressions take as much of a stack as one of tables.
const TABLE_LEVELS: usize = 4;

/// What is between two parentheses.
#[derive(Default)]
struct Level {
    /// Operators since the last AND or OR, and the deepest parentheses among them.
    chain: usize,
    inside: usize,
    /// The deepest of what is between two ANDs or ORs since the last comma, and how many these are.
    operand: usize,
    operands: usize,
    /// The deepest of what is between two commas.
    deepest: usize,
    /// UNION, JOIN and tables one after the other: a comma does not end them.
    tables: usize,
    in_from: bool,
}

impl Level {
    fn end_operand(&mut self) {
        self.operand = self.operand.max(self.chain + self.inside);
        (self.chain, self.inside) = (0, 0);
    }

    fn end_item(&mut self) {
        self.end_operand();
        self.deepest = self.deepest.max(self.operands + self.operand);
        (self.operands, self.operand) = (0, 0);
    }

    fn depth(&mut self) -> usize {
        self.end_item();
        self.deepest + self.tables * TABLE_LEVELS
    }
}

/// Errors: it makes too deep a tree.
pub(super) fn check(tokens: &[TokenWithSpan]) -> Result<(), QueryError> {
    let mut levels = vec![Level::default()];
    let mut before = &Token::EOF;
    let mut names = 0;
    for token in tokens.iter().map(|token| &token.token) {
        let Some(level) = levels.last_mut() else { break };
        match token {
            Token::Whitespace(_) => continue,
            Token::LParen | Token::LBracket | Token::LBrace => {
                // `name AS (...)` is a table that those behind it are made of; `a[1]` is made of `a`.
                level.tables += usize::from(is_word(before, Keyword::AS));
                level.chain += usize::from(*token == Token::LBracket);
                levels.push(Level::default());
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                let inside = levels.pop().map_or(0, |mut level| level.depth());
                match levels.last_mut() {
                    Some(level) => level.inside = level.inside.max(inside),
                    None => levels.push(Level { inside, ..Level::default() }),
                }
            }
            Token::Comma => {
                level.tables += usize::from(level.in_from);
                level.end_item();
            }
            // `schema.table.column` is one name.
            Token::Period => {
                names += 1;
                level.chain += usize::from(names > 2);
            }
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                // `IS DISTINCT FROM` names no tables.
                Keyword::FROM => level.in_from = !is_word(before, Keyword::DISTINCT),
                Keyword::WHERE | Keyword::GROUP | Keyword::ORDER | Keyword::SELECT => {
                    level.in_from = false;
                }
                Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT | Keyword::JOIN => {
                    level.tables += 1;
                }
                Keyword::AND | Keyword::OR => {
                    level.end_operand();
                    level.operands += 1;
                }
                keyword => level.chain += usize::from(OPERATORS.contains(&keyword)),
            },
            Token::Word(_)
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Placeholder(_)
            | Token::EOF => {}
            _ => level.chain += 1,
        }
        if !matches!(token, Token::Period | Token::Word(_)) {
            names = 0;
        }
        before = token;
    }
    let mut depth = 0;
    while let Some(mut level) = levels.pop() {
        level.inside = level.inside.max(depth);
        depth = level.depth();
    }
    if depth <= CHAIN_MAX {
        return Ok(());
    }
    Err(QueryError::new(
        "54001",
        format!("the statement makes a tree of {depth} levels, and {CHAIN_MAX} is the most"),
    )
    .with_hint(
        "Write IN (...) or = ANY(...) for many ORs, VALUES for many UNIONs, or send it in parts.",
    ))
}

fn is_word(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.keyword == keyword)
}

/// Words between or behind operands.
const OPERATORS: [Keyword; 18] = [
    Keyword::XOR,
    Keyword::NOT,
    Keyword::IS,
    Keyword::NOTNULL,
    Keyword::IN,
    Keyword::LIKE,
    Keyword::ILIKE,
    Keyword::SIMILAR,
    Keyword::RLIKE,
    Keyword::REGEXP,
    Keyword::BETWEEN,
    Keyword::OVERLAPS,
    Keyword::OPERATOR,
    Keyword::COLLATE,
    Keyword::AT,
    Keyword::DIV,
    Keyword::MEMBER,
    Keyword::CASE,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::parse;

    #[test]
    fn a_chain_is_bounded_and_a_list_is_not() {
        let many = |item: &str, between: &str, count| vec![item; count].join(between);
        let refused = |sql: &str| parse(sql).is_err_and(|error| error.sqlstate() == "54001");
        for between in [" + ", " || ", " OR ", "::int::", " AND NOT ", "[1] = "] {
            assert!(refused(&format!("SELECT {}", many("1", between, 100_000))), "{between}");
            assert!(!refused(&format!("SELECT {}", many("a.b.c", between, 400))), "{between}");
        }
        // As deep as it may be, read and dropped on a thread of 2 MiB.
        assert!(!refused(&format!("SELECT {}", many("a.b = 1", " OR ", CHAIN_MAX))));
        for between in [" UNION ALL ", ") UNION (", " JOIN x ON true UNION "] {
            assert!(refused(&format!("({})", many("SELECT a, b FROM t", between, 10_000))));
        }
        assert!(refused(&format!("SELECT 1 FROM {}", many("t", ", ", 100_000))));
        assert!(refused(&format!("SELECT f({}", many("(1 + 1)", "+ 1)) + f((", 100_000))));
        let list = many("(-1, 'a' || 'b')", ", ", 100_000);
        parse(&format!("SELECT 1 WHERE x IN ({}) AND y", many("'a'", ", ", 100_000))).unwrap();
        parse(&format!("INSERT INTO t VALUES {list}")).unwrap();
    }
}
