//! Splits SQL into tokens, as far as the definitions of indexes and columns need
//! (<https://sqlite.org/lang_createindex.html>, <https://sqlite.org/lang_createtable.html>).

use std::ops::Range;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A name or a keyword without quotes.
    Word(String),
    /// A name in quotes, without them.
    Quoted(String),
    /// A string, without its quotes.
    Text(String),
    /// One character of anything else.
    Other(char),
}

impl Token {
    /// Whether the token is this keyword, in whatever case.
    pub fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// The name that the token is.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Quoted(name) => Some(name),
            // SQLite takes a string for a name where only a name can be.
            Self::Text(_) | Self::Other(_) => None,
        }
    }
}

/// A token, and its place in the text.
pub type Spanned = (Token, Range<usize>);

/// The name that the first token is. SQLite takes a string for a name where only a name can be.
pub fn name(tokens: &[Spanned]) -> Option<String> {
    match tokens.first()? {
        (Token::Text(name), _) => Some(name.clone()),
        (token, _) => token.name().map(str::to_owned),
    }
}

/// The tokens before the parenthesis that closes the one before them, and those behind it.
pub fn up_to_closing(tokens: &[Spanned]) -> Option<(&[Spanned], &[Spanned])> {
    let mut depth = 0;
    for (at, (token, _)) in tokens.iter().enumerate() {
        match token {
            Token::Other('(') => depth += 1,
            Token::Other(')') if depth == 0 => {
                return Some((tokens.get(..at)?, tokens.get(at + 1..)?));
            }
            Token::Other(')') => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Splits at the commas that are in no parentheses.
pub fn split(tokens: &[Spanned]) -> Vec<&[Spanned]> {
    let mut depth = 0;
    tokens
        .split(|(token, _)| {
            match token {
                Token::Other('(') => depth += 1,
                Token::Other(')') => depth -= 1,
                _ => {}
            }
            depth == 0 && *token == Token::Other(',')
        })
        .collect()
}

/// The tokens of a text, each with its place. What is not ended goes on to the end of the text.
pub fn tokens(sql: &str) -> Vec<Spanned> {
    let mut found = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let begin = sql.len() - rest.len();
        let (token, length) = match first {
            _ if first.is_ascii_whitespace() => (None, 1),
            '-' if rest.starts_with("--") => (None, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (
                None,
                rest.get(2..).and_then(|rest| rest.find("*/")).map_or(rest.len(), |end| end + 4),
            ),
            '\'' => quoted(rest, '\'', Token::Text),
            '"' | '`' => quoted(rest, first, Token::Quoted),
            '[' => {
                let end = rest.find(']').unwrap_or(rest.len());
                let name = rest.get(1..end).unwrap_or_default().to_owned();
                (Some(Token::Quoted(name)), (end + 1).min(rest.len()))
            }
            _ if is_of_word(first) => {
                let length = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
                (Some(Token::Word(rest.get(..length).unwrap_or_default().to_owned())), length)
            }
            other => (Some(Token::Other(other)), other.len_utf8()),
        };
        found.extend(token.map(|token| (token, begin..begin + length)));
        rest = rest.get(length..).unwrap_or_default();
    }
    found
}

/// The statements of a text, each with its semicolon. They end where `sqlite3_complete()` says
/// (<https://sqlite.org/c3ref/complete.html>): in a CREATE TRIGGER at the semicolon behind its END. Empty ones are
/// left out.
pub fn statements(sql: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut state = State::Start;
    let mut begin = None;
    for (token, range) in tokens(sql) {
        let begun = *begin.get_or_insert(range.start);
        state = state.after(&token);
        if matches!(state, State::Start) {
            if range.start > begun {
                found.push(begun..range.end);
            }
            begin = None;
        }
    }
    found.extend(begin.map(|begun| begun..sql.trim_end().len()));
    found
}

/// The states of `sqlite3_complete()`.
#[derive(Clone, Copy)]
enum State {
    Start,
    Normal,
    Explain,
    Create,
    Trigger,
    Semicolon,
    End,
}

impl State {
    fn after(self, token: &Token) -> Self {
        let is_end = token.is_keyword("end");
        match (self, token) {
            (Self::Trigger | Self::Semicolon, Token::Other(';')) => Self::Semicolon,
            (_, Token::Other(';')) => Self::Start,
            (Self::Semicolon, _) if is_end => Self::End,
            (Self::Trigger | Self::Semicolon | Self::End, _) => Self::Trigger,
            (Self::Start, token) if token.is_keyword("explain") => Self::Explain,
            (Self::Start | Self::Explain, token) if token.is_keyword("create") => Self::Create,
            (Self::Create, token) if token.is_keyword("trigger") => Self::Trigger,
            (Self::Create, token) if token.is_keyword("temp") || token.is_keyword("temporary") => {
                Self::Create
            }
            (Self::Explain, _) => Self::Explain,
            _ => Self::Normal,
        }
    }
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// A token in quotes, in which the quote itself is doubled, and its length.
fn quoted(text: &str, quote: char, token: fn(String) -> Token) -> (Option<Token>, usize) {
    let mut content = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return (Some(token(content)), at + quote.len_utf8());
        }
        content.push(c);
    }
    (Some(token(content)), text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_strings_and_comments_are_told_apart() {
        let sql = "a1 \"b\"\"c\" [d e] `f` 'g''h' -- ( x\n/* ' */ (é,2.5) 'open";
        let found: Vec<Token> = tokens(sql).into_iter().map(|(token, _)| token).collect();
        let quoted = |name: &str| Token::Quoted(name.to_owned());
        let word = |name: &str| Token::Word(name.to_owned());
        assert_eq!(
            found,
            [
                word("a1"),
                quoted("b\"c"),
                quoted("d e"),
                quoted("f"),
                Token::Text("g'h".to_owned()),
                Token::Other('('),
                word("é"),
                Token::Other(','),
                word("2"),
                Token::Other('.'),
                word("5"),
                Token::Other(')'),
                Token::Text("open".to_owned()),
            ]
        );
    }

    #[test]
    fn statements_end_at_semicolons_and_triggers_behind_their_end() {
        let trigger = "create temp trigger a after insert on t begin select 1; end;";
        let sql = format!(";; {trigger} explain {trigger} select ';' -- ;\n; /* ; */ select 2 ");
        let found: Vec<&str> = statements(&sql).into_iter().map(|range| &sql[range]).collect();
        let explained = format!("explain {trigger}");
        assert_eq!(found, [trigger, &explained, "select ';' -- ;\n;", "select 2"]);
    }

    #[test]
    fn whatever_the_text_is_its_tokens_are_in_order_and_within_it() {
        for sql in ["", "'", "''", "\"", "[", "/*", "/*/", "--", "/", "-", "'é", "[é", "é'"] {
            let mut last = 0;
            for (_, range) in tokens(sql) {
                assert!(range.start >= last && range.end <= sql.len(), "{sql}");
                last = range.end;
            }
        }
    }
}
