//! The text of `ALTER TABLE … ALTER COLUMN … TO …`, which SQLite cannot read.

use crate::tokens::{Spanned, Token, name, tokens};

/// The statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterColumn<'s> {
    /// The table, as the text has it: with its schema, if it has one.
    pub table: &'s str,
    /// The name of the schema.
    pub schema: Option<String>,
    /// The column, as the text has it.
    pub column: &'s str,
    /// The name of the column in its new definition, as the text has it.
    pub new_name: &'s str,
    /// The new definition, from that name on.
    pub definition: &'s str,
}

/// A part of a script.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'s> {
    /// Statements that SQLite can read.
    Sql(&'s str),
    /// A statement that it cannot.
    Alter(AlterColumn<'s>),
}

impl<'s> AlterColumn<'s> {
    /// Reads the first statement of a text. None if it is another one.
    pub fn read(sql: &'s str) -> Option<Self> {
        let first = sql.trim_ascii_start();
        // A comment may be in front of it.
        let may_be = first.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("alter"))
            || first.starts_with(['-', '/']);
        if may_be { Self::from_tokens(sql, &tokens(sql)) } else { None }
    }

    /// Reads the statement at the beginning of the tokens, up to its semicolon.
    fn from_tokens(sql: &'s str, tokens: &[Spanned]) -> Option<Self> {
        let statement = tokens.split(|(token, _)| *token == Token::Other(';')).next()?;
        let rest = keywords(statement, &["ALTER", "TABLE"])?;
        let (mut schema, table_begin) = (None, rest.first()?.1.start);
        let mut last = name(rest)?;
        let mut rest = rest;
        if let [_, (Token::Other('.'), _), behind @ ..] = rest {
            schema = Some(std::mem::replace(&mut last, name(behind)?));
            rest = behind;
        }
        let table = sql.get(table_begin..rest.first()?.1.end)?;
        rest = keywords(rest.get(1..)?, &["ALTER", "COLUMN"])?;
        let (_, column) = rest.first().filter(|_| name(rest).is_some())?;
        rest = keywords(rest.get(1..)?, &["TO"])?;
        let (_, new_name) = rest.first().filter(|_| name(rest).is_some())?;
        let (_, end) = rest.last()?;
        Some(Self {
            table,
            schema,
            column: sql.get(column.clone())?,
            new_name: sql.get(new_name.clone())?,
            definition: sql.get(new_name.start..end.end)?,
        })
    }
}

/// Splits a script into the statements that SQLite cannot read, and what is between them.
pub fn pieces(sql: &str) -> Vec<Piece<'_>> {
    if !has_word(sql, "alter") || !has_word(sql, "column") {
        return vec![Piece::Sql(sql)];
    }
    let tokens = tokens(sql);
    let (mut pieces, mut begin, mut rest) = (Vec::new(), 0, tokens.as_slice());
    while !rest.is_empty() {
        let length = rest.iter().position(|(token, _)| *token == Token::Other(';'));
        let (end, behind) = match length.and_then(|length| rest.split_at_checked(length + 1)) {
            Some((statement, behind)) => {
                (statement.last().map_or(sql.len(), |last| last.1.end), behind)
            }
            None => (sql.len(), [].as_slice()),
        };
        if let Some(alter) = AlterColumn::from_tokens(sql, rest) {
            let before = rest.first().map_or(begin, |(_, first)| first.start);
            pieces.extend(sql.get(begin..before).map(Piece::Sql));
            pieces.push(Piece::Alter(alter));
            begin = end;
        }
        rest = behind;
    }
    pieces.extend(sql.get(begin..).map(Piece::Sql));
    pieces
}

/// The tokens behind these keywords.
fn keywords<'t>(tokens: &'t [Spanned], keywords: &[&str]) -> Option<&'t [Spanned]> {
    let (found, behind) = tokens.split_at_checked(keywords.len())?;
    let mut both = found.iter().zip(keywords);
    both.all(|((token, _), keyword)| token.is_keyword(keyword)).then_some(behind)
}

/// Whether a text has this word anywhere, in whatever case.
fn has_word(text: &str, word: &str) -> bool {
    let word = word.as_bytes();
    text.as_bytes().windows(word.len()).any(|found| found.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str) -> Option<(Option<String>, &str, &str, &str)> {
        let alter = AlterColumn::read(sql)?;
        Some((alter.schema, alter.table, alter.column, alter.definition))
    }

    #[test]
    fn the_statement_is_told_from_others() {
        assert_eq!(
            read(
                "-- x\n ALTER table 'main'.[a b] Alter COLUMN `c` TO \"c\" text DEFAULT ';' -- y\n ; SELECT 1"
            ),
            Some((Some("main".to_owned()), "'main'.[a b]", "`c`", "\"c\" text DEFAULT ';'"))
        );
        assert_eq!(read("alter table t alter column c to c"), Some((None, "t", "c", "c")));
        for other in [
            "",
            "alter",
            "ALTER TABLE t",
            "ALTER TABLE t ALTER COLUMN c",
            "ALTER TABLE t ALTER COLUMN c TO",
            "ALTER TABLE t ALTER COLUMN c TO (",
            "ALTER TABLE t ALTER c TO c",
            "ALTER TABLE t ALTER COLUMN c SET NOT NULL",
            "ALTER TABLE t RENAME COLUMN c TO d",
            "SELECT 1; ALTER TABLE t ALTER COLUMN c TO c",
            "é",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn a_script_is_split_at_such_statements() {
        let sql = "SELECT 'ALTER TABLE t ALTER COLUMN c TO c;'; /* a */ ALTER TABLE t ALTER COLUMN c TO c INT; SELECT 2";
        let split = pieces(sql);
        let [Piece::Sql(first), Piece::Alter(alter), Piece::Sql(last)] = split.as_slice() else {
            panic!("other pieces");
        };
        assert_eq!(*first, "SELECT 'ALTER TABLE t ALTER COLUMN c TO c;'; /* a */ ");
        assert_eq!(alter.definition, "c INT");
        assert_eq!(*last, " SELECT 2");
        assert_eq!(pieces("SELECT 1; SELECT 2"), [Piece::Sql("SELECT 1; SELECT 2")]);
        assert_eq!(pieces("alter column"), [Piece::Sql("alter column")]);
    }
}
