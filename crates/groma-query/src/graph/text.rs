//! Words and signs of the graph language, with their places, and a cursor over them.
//!
//! The SQL parser does not know this part of SQL; and its tokens would join signs such as `->*` to
//! operators. What is an expression is left as text, for the SQL parser to read.

use crate::QueryError;

/// A piece of a request, and where in it the piece begins.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) text: String,
    /// Number of the piece's first character in the request, from 1.
    pub(crate) first: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A word, lower case unless quoted.
    Word {
        text: String,
        quoted: bool,
    },
    /// Digits, with what may follow them in a number.
    Number(String),
    /// A text in quotes.
    Text,
    Sign(char),
}

/// A token, and the bytes of the source that it covers.
#[derive(Debug, Clone)]
pub(crate) struct Lexed {
    pub(crate) token: Token,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// An expression as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    pub(crate) text: String,
    /// Its place in the request.
    pub(crate) at: usize,
    /// Its tokens, with bytes of `text`.
    pub(crate) tokens: Vec<Lexed>,
}

impl Source {
    /// A wrong place, said in words.
    pub(crate) fn error(&self, byte: usize, message: impl Into<String>) -> QueryError {
        QueryError::new(QueryError::SYNTAX, message).at(self.place(byte))
    }

    /// The number of a character in the request, from 1.
    pub(crate) fn place(&self, byte: usize) -> usize {
        self.first + self.text[..byte].chars().count()
    }

    pub(crate) fn tokens(&self) -> Result<Vec<Lexed>, QueryError> {
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(first) = self.text[at..].chars().next() {
            let rest = &self.text[at..];
            let unended = |what: &str| self.error(at, format!("this {what} does not end"));
            let until = |end: &str, what| {
                let found = rest[end.len().min(rest.len())..].find(end);
                found.map(|found| found + 2 * end.len()).ok_or_else(|| unended(what))
            };
            let (length, token) = if first.is_whitespace() {
                (first.len_utf8(), None)
            } else if rest.starts_with("--") {
                (rest.find('\n').unwrap_or(rest.len()), None)
            } else if rest.starts_with("/*") {
                let end = rest.find("*/").ok_or_else(|| unended("comment"))?;
                (end + 2, None)
            } else if first == '\'' {
                (until("'", "text")?, Some(Token::Text))
            } else if first == '"' {
                let length = until("\"", "name")?;
                let text = rest[1..length - 1].to_owned();
                (length, Some(Token::Word { text, quoted: true }))
            } else if first.is_ascii_digit() {
                let length = span(rest, |c| c.is_alphanumeric());
                (length, Some(Token::Number(rest[..length].to_owned())))
            } else if first.is_alphabetic() || first == '_' {
                let length = span(rest, |c| c.is_alphanumeric() || c == '_');
                let text = rest[..length].to_lowercase();
                (length, Some(Token::Word { text, quoted: false }))
            } else {
                (first.len_utf8(), Some(Token::Sign(first)))
            };
            tokens.extend(token.map(|token| Lexed { token, from: at, to: at + length }));
            at += length;
        }
        Ok(tokens)
    }
}

fn span(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// Reads tokens one after the other.
pub(crate) struct Cursor {
    pub(crate) source: Source,
    tokens: Vec<Lexed>,
    next: usize,
}

impl Cursor {
    pub(crate) fn new(source: Source) -> Result<Cursor, QueryError> {
        let tokens = source.tokens()?;
        Ok(Cursor { source, tokens, next: 0 })
    }

    pub(crate) fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.next + ahead).map(|lexed| &lexed.token)
    }

    /// Where the next token begins, in bytes.
    pub(crate) fn byte(&self) -> usize {
        self.tokens.get(self.next).map_or(self.source.text.len(), |lexed| lexed.from)
    }

    /// The place of the next token in the request.
    pub(crate) fn place(&self) -> usize {
        self.source.place(self.byte())
    }

    pub(crate) fn is_end(&self) -> bool {
        self.next == self.tokens.len()
    }

    pub(crate) fn at_word(&self, word: &str) -> bool {
        self.at_word_ahead(0, word)
    }

    pub(crate) fn at_word_ahead(&self, ahead: usize, word: &str) -> bool {
        matches!(self.peek(ahead), Some(Token::Word { text, quoted: false }) if text == word)
    }

    pub(crate) fn at_sign(&self, sign: char) -> bool {
        self.peek(0) == Some(&Token::Sign(sign))
    }

    pub(crate) fn takes_word(&mut self, word: &str) -> bool {
        let is = self.at_word(word);
        self.next += usize::from(is);
        is
    }

    pub(crate) fn takes_sign(&mut self, sign: char) -> bool {
        let is = self.at_sign(sign);
        self.next += usize::from(is);
        is
    }

    pub(crate) fn wants_word(&mut self, word: &str) -> Result<(), QueryError> {
        if self.takes_word(word) { Ok(()) } else { Err(self.wanted(&word.to_uppercase())) }
    }

    pub(crate) fn wants_sign(&mut self, sign: char) -> Result<(), QueryError> {
        if self.takes_sign(sign) { Ok(()) } else { Err(self.wanted(&format!("\"{sign}\""))) }
    }

    /// An identifier; `what` names it in an error.
    pub(crate) fn name(&mut self, what: &str) -> Result<String, QueryError> {
        let Some(Token::Word { text, .. }) = self.peek(0) else { return Err(self.wanted(what)) };
        let text = text.clone();
        self.next += 1;
        Ok(text)
    }

    /// Identifiers with dots between them.
    pub(crate) fn names(&mut self, what: &str) -> Result<Vec<String>, QueryError> {
        let mut names = vec![self.name(what)?];
        while self.takes_sign('.') {
            names.push(self.name(what)?);
        }
        Ok(names)
    }

    pub(crate) fn number(&mut self) -> Result<u32, QueryError> {
        let Some(Token::Number(digits)) = self.peek(0) else { return Err(self.wanted("a number")) };
        let number = digits.parse().map_err(|_| self.wanted("a whole number"))?;
        self.next += 1;
        Ok(number)
    }

    /// Says what should have been here.
    pub(crate) fn wanted(&self, what: &str) -> QueryError {
        let found = match self.tokens.get(self.next) {
            Some(lexed) => format!("\"{}\"", &self.source.text[lexed.from..lexed.to]),
            None => "the end".to_owned(),
        };
        self.source.error(self.byte(), format!("expected {what}, found {found}"))
    }

    /// All up to a bracket that was not opened here, or to where `ends` says so outside of brackets.
    pub(crate) fn expression(
        &mut self,
        ends: impl Fn(&Cursor) -> bool,
    ) -> Result<Expression, QueryError> {
        let start = self.next;
        let mut depth = 0;
        while let Some(token) = self.peek(0) {
            match token {
                _ if depth == 0 && ends(self) => break,
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') if depth == 0 => break,
                Token::Sign(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            self.next += 1;
        }
        let (Some(first), Some(last)) =
            (self.tokens.get(start), self.tokens.get(self.next.wrapping_sub(1)))
        else {
            return Err(self.wanted("an expression"));
        };
        if self.next == start {
            return Err(self.wanted("an expression"));
        }
        let shifted = |lexed: &Lexed| Lexed {
            token: lexed.token.clone(),
            from: lexed.from - first.from,
            to: lexed.to - first.from,
        };
        Ok(Expression {
            text: self.source.text[first.from..last.to].to_owned(),
            at: self.source.place(first.from),
            tokens: self.tokens[start..self.next].iter().map(shifted).collect(),
        })
    }
}

impl Expression {
    /// A wrong place in it.
    pub(crate) fn place(&self, lexed: &Lexed) -> usize {
        self.at + self.text[..lexed.from].chars().count()
    }

    /// Its text with some tokens, from one to before another, replaced. In order.
    pub(crate) fn replaced(&self, replacements: &[(usize, usize, String)]) -> String {
        let (mut text, mut byte) = (String::new(), 0);
        for (from, to, replacement) in replacements {
            text.push_str(&self.text[byte..self.tokens[*from].from]);
            text.push_str(replacement);
            byte = self.tokens[*to - 1].to;
        }
        text.push_str(&self.text[byte..]);
        text
    }
}
