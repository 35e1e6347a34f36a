//! `GRAPH_TABLE (...)` in a statement, which the SQL parser does not know, becomes a call that it does:
//! `graph_table('text', place)`. What the call means is told apart later, when the databases are known.

use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Word};

use super::text::Source;
use crate::QueryError;

/// Name of the call.
pub(super) const CALL: &str = "graph_table";

/// Stands for a quote, so that the text survives being printed and read again.
const QUOTE: char = '\u{1a}';

/// The tokens of a statement, with each GRAPH_TABLE made a call.
pub(crate) fn fold(tokens: &[TokenWithSpan], text: &str) -> Result<Vec<TokenWithSpan>, QueryError> {
    let mut folded = Vec::with_capacity(tokens.len());
    let mut next = 0;
    while let Some(token) = tokens.get(next) {
        next += 1;
        let open = is_graph_table(token).then(|| after_space(tokens, next)).flatten();
        let Some(open) = open.filter(|open| tokens[*open].token == Token::LParen) else {
            folded.push(token.clone());
            continue;
        };
        let Some(close) = closing(tokens, open) else {
            let place = character(tokens[open].span.start, text);
            let message = "this parenthesis of GRAPH_TABLE is not closed";
            return Err(QueryError::new(QueryError::SYNTAX, message).at(place));
        };
        let from = character(tokens[open].span.start, text) + 1;
        let to = character(tokens[close].span.start, text);
        let inside: String = text.chars().skip(from - 1).take(to - from).collect();
        let call = [
            Token::Word(Word {
                value: CALL.to_owned(),
                quote_style: None,
                keyword: datafusion::sql::sqlparser::keywords::Keyword::NoKeyword,
            }),
            Token::LParen,
            Token::SingleQuotedString(inside.replace('\'', &QUOTE.to_string())),
            Token::Comma,
            Token::Number(from.to_string(), false),
            Token::RParen,
        ];
        folded.extend(call.map(|part| TokenWithSpan { token: part, span: token.span }));
        next = close + 1;
    }
    Ok(folded)
}

/// What a call holds: the text between the parentheses, and where it was.
pub(super) fn unfold(text: &str, place: &str) -> Option<Source> {
    let text = text.replace(QUOTE, "'");
    Some(Source { text, first: place.parse().ok()? })
}

fn is_graph_table(token: &TokenWithSpan) -> bool {
    matches!(&token.token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(CALL))
}

fn after_space(tokens: &[TokenWithSpan], from: usize) -> Option<usize> {
    let space = |token: &&TokenWithSpan| matches!(token.token, Token::Whitespace(_));
    let spaces = tokens[from..].iter().take_while(space).count();
    (from + spaces < tokens.len()).then_some(from + spaces)
}

fn closing(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    let mut depth = 0;
    for (place, token) in tokens.iter().enumerate().skip(open) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(place);
        }
    }
    None
}

/// The number of the character at a place, from 1.
pub(crate) fn character(place: Location, text: &str) -> usize {
    let lines = text.split_inclusive('\n').take((place.line as usize).saturating_sub(1));
    lines.map(|line| line.chars().count()).sum::<usize>() + place.column as usize
}
