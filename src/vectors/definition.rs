//! What the definition of a vector index says: `CREATE INDEX i ON t (libsql_vector_idx(e, 'metric=l2')) WHERE …`.

use super::number;
use crate::tokens::{Spanned, Token, name, split, tokens, up_to_closing};

/// The function that the definition of a vector index calls.
pub const INDEX_FUNCTION: &str = "libsql_vector_idx";

/// How the distance of two vectors is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// 1 less the cosine of the angle. For bits, the number of those that differ.
    Cosine,
    /// The square root of the sum of squared differences.
    L2,
}

/// The options that libSQL knows, each with its kind. Only the metric has an effect here: the others say how
/// libSQL's approximate index is built.
const OPTIONS: [(&str, Kind); 7] = [
    ("type", Kind::OneOf(&["diskann"])),
    ("metric", Kind::OneOf(&["cosine", "l2"])),
    ("compress_neighbors", Kind::OneOf(&["float1bit", "float8", "float16", "floatb16", "float32"])),
    ("alpha", Kind::Float),
    ("search_l", Kind::Integer),
    ("insert_l", Kind::Integer),
    ("max_neighbors", Kind::Integer),
];

#[derive(Clone, Copy)]
enum Kind {
    OneOf(&'static [&'static str]),
    Integer,
    Float,
}

/// Why an index cannot be a vector index. The texts are libSQL's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    #[error("vector index: {0}: {1}")]
    Column(&'static str, String),
    #[error("vector index: invalid vector index parameter '{0}': {1}")]
    Option(String, &'static str),
    #[error("vector index: all arguments after first must be strings")]
    NoString,
    #[error("vector index: {INDEX_FUNCTION} first argument must be a column token")]
    NoColumn,
    #[error("vector index: {INDEX_FUNCTION} first argument must be column with vector type")]
    NoVectorColumn,
    #[error("vector index: {INDEX_FUNCTION} must contain at least one argument")]
    NoArgument,
    #[error("vector index: collation in expression is forbidden")]
    Collation,
    #[error(
        "vector index: must contain exactly one column wrapped into the {INDEX_FUNCTION} function"
    )]
    ManyColumns,
    #[error("vector index: unsupported for tables without ROWID and composite primary key")]
    CompositeKey,
}

/// The definition of a vector index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition<'a> {
    /// The database, if the definition names one.
    pub schema: Option<String>,
    /// The index.
    pub index: String,
    /// The table.
    pub table: String,
    /// The column with the vectors.
    pub column: String,
    /// The metric.
    pub metric: Metric,
    /// The condition of a partial index.
    pub condition: Option<&'a str>,
}

impl<'a> Definition<'a> {
    /// Reads a CREATE INDEX, which SQLite has found to be right. None if it is not one of a vector index.
    ///
    /// # Errors
    /// libSQL refuses such an index.
    pub fn parse(sql: &'a str) -> Option<Result<Self, DefinitionError>> {
        let tokens = tokens(sql);
        let mut rest = tokens.as_slice();
        while let [(first, _), behind @ ..] = rest
            && !first.is_keyword("INDEX")
        {
            rest = behind;
        }
        rest = rest.get(1..)?;
        if let [(one, _), (two, _), (three, _), behind @ ..] = rest
            && one.is_keyword("IF")
            && two.is_keyword("NOT")
            && three.is_keyword("EXISTS")
        {
            rest = behind;
        }
        let (mut schema, mut index) = (None, name(rest)?);
        rest = rest.get(1..)?;
        if let [(Token::Other('.'), _), behind @ ..] = rest {
            (schema, index) = (Some(index), name(behind)?);
            rest = behind.get(1..)?;
        }
        let [(on, _), behind @ ..] = rest else { return None };
        if !on.is_keyword("ON") {
            return None;
        }
        let table = name(behind)?;
        let [(Token::Other('('), _), behind @ ..] = behind.get(1..)? else { return None };
        let (columns, behind) = up_to_closing(behind)?;
        let columns: Vec<&[Spanned]> = split(columns);
        if !columns.iter().any(|column| calls_function(column)) {
            return None;
        }
        let condition = match behind {
            [(keyword, range), ..] if keyword.is_keyword("WHERE") => {
                Some(without_end(sql.get(range.end..)?, behind, range.end))
            }
            _ => None,
        };
        Some(column_of(&columns).map(|(column, metric)| Self {
            schema,
            index,
            table,
            column,
            metric,
            condition,
        }))
    }
}

/// The text up to the last token before a semicolon, from `begin` on. What follows it is a comment, which may be open.
fn without_end<'a>(text: &'a str, tokens: &[Spanned], begin: usize) -> &'a str {
    let is_end = |(token, _): &&Spanned| *token == Token::Other(';');
    let last = tokens.iter().take_while(|token| !is_end(token)).last();
    last.and_then(|(_, range)| text.get(..range.end.checked_sub(begin)?)).unwrap_or(text).trim()
}

fn calls_function(tokens: &[Spanned]) -> bool {
    let is_open = |token: &Spanned| token.0 == Token::Other('(');
    let mut rest = tokens;
    while let [first, behind @ ..] = rest
        && is_open(first)
    {
        rest = behind;
    }
    let is_function =
        |token: &Token| token.name().is_some_and(|name| name.eq_ignore_ascii_case(INDEX_FUNCTION));
    matches!(rest, [(first, _), second, ..] if is_function(first) && is_open(second))
}

/// The column and the metric of the only expression of an index.
fn column_of(columns: &[&[Spanned]]) -> Result<(String, Metric), DefinitionError> {
    let is_collation = |(token, _): &Spanned| token.is_keyword("COLLATE");
    if columns.iter().any(|column| column.iter().any(is_collation)) {
        return Err(DefinitionError::Collation);
    }
    let [expression] = columns else { return Err(DefinitionError::ManyColumns) };
    let opening = expression.iter().position(|(token, _)| token.name().is_some()).unwrap_or(0) + 2;
    let arguments =
        expression.get(opening..).and_then(up_to_closing).map_or(&[][..], |(inner, _)| inner);
    let arguments = split(arguments);
    let Some((column, options)) = arguments.split_first() else {
        return Err(DefinitionError::NoArgument);
    };
    let column = match column {
        [] => return Err(DefinitionError::NoArgument),
        [(token, _)] => token.name(),
        [_, (Token::Other('.'), _), (token, _)] => token.name(),
        _ => None,
    };
    let column = column.ok_or(DefinitionError::NoColumn)?.to_owned();
    let mut metric = Metric::Cosine;
    for option in options {
        let [(Token::Text(option), _)] = option else { return Err(DefinitionError::NoString) };
        let value =
            check_option(option).map_err(|why| DefinitionError::Option(option.clone(), why))?;
        match value {
            Some(("metric", "l2")) => metric = Metric::L2,
            Some(("metric", _)) => metric = Metric::Cosine,
            _ => {}
        }
    }
    Ok((column, metric))
}

/// Checks an option. Returns its name and its value, if the value is one of a list.
fn check_option(option: &str) -> Result<Option<(&'static str, &'static str)>, &'static str> {
    let (name, value) = option.split_once('=').ok_or("unexpected parameter format")?;
    let known = OPTIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let (name, kind) = known.ok_or("invalid parameter")?;
    match kind {
        // libSQL compares as many characters as there are.
        Kind::OneOf(values) => values
            .iter()
            .find(|known| {
                known.get(..value.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(value))
            })
            .map(|value| Some((*name, *value)))
            .ok_or("invalid parameter"),
        Kind::Integer => match leading_integer(value) {
            0 => Err("invalid representation of integer vector index parameter"),
            negative if negative < 0 => Err("integer vector index parameter must be positive"),
            _ => Ok(None),
        },
        Kind::Float if number::parse(value.trim().as_bytes()).is_some() => Ok(None),
        Kind::Float => Err("invalid representation of floating point vector index parameter"),
    }
}

/// The integer at the beginning of a text, as SQLite's `sqlite3Atoi` reads it: 0 if there is none, or if it does not
/// fit 32 bits.
fn leading_integer(text: &str) -> i32 {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let number: i32 = digits.get(..end).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    if is_negative { -number } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(sql: &str) -> Option<Result<Definition<'_>, String>> {
        Definition::parse(sql).map(|result| result.map_err(|error| error.to_string()))
    }

    #[test]
    fn a_definition_names_table_column_metric_and_condition() {
        let definition = |index: &str, table: &str, column: &str, metric, condition| Definition {
            schema: None,
            index: index.to_owned(),
            table: table.to_owned(),
            column: column.to_owned(),
            metric,
            condition,
        };
        let cases = [
            (
                "CREATE INDEX ti on t(libsql_vector_idx(e))",
                definition("ti", "t", "e", Metric::Cosine, None),
            ),
            (
                "create unique index if not exists \"a b\" on [c d] ( LIBSQL_Vector_IDX ( \"e f\" , 'metric=l2', \
                 'max_neighbors=8') ) where (id > 1) and x = ';' ;",
                definition("a b", "c d", "e f", Metric::L2, Some("(id > 1) and x = ';'")),
            ),
            (
                "CREATE INDEX i ON t ((libsql_vector_idx(t.e, 'metric=COS')) DESC) -- where",
                definition("i", "t", "e", Metric::Cosine, None),
            ),
            (
                "CREATE INDEX i ON t (libsql_vector_idx(e)) WHERE a > /* not */ 1 /* open",
                definition("i", "t", "e", Metric::Cosine, Some("a > /* not */ 1")),
            ),
        ];
        for (sql, expected) in cases {
            assert_eq!(parse(sql), Some(Ok(expected)), "{sql}");
        }
        let with_schema =
            parse("CREATE INDEX main.i ON t (libsql_vector_idx(e))").unwrap().unwrap();
        assert_eq!(
            (with_schema.schema.as_deref(), with_schema.index.as_str()),
            (Some("main"), "i")
        );
    }

    #[test]
    fn other_indexes_are_none_of_vectors() {
        for sql in [
            "create index i on t (a)",
            "create index i on t (a) where b = 'libsql_vector_idx(e)'",
            "create index libsql_vector_idx on t (a)",
            "create index i on t (libsql_vector_idx)",
            "create table t (libsql_vector_idx)",
            "drop index i",
            "",
        ] {
            assert_eq!(parse(sql), None, "{sql}");
        }
    }

    #[test]
    fn what_libsql_refuses_is_refused_with_its_texts() {
        let cases = [
            ("e, 'foo=1'", "invalid vector index parameter 'foo=1': invalid parameter"),
            ("e, 'metric'", "invalid vector index parameter 'metric': unexpected parameter format"),
            ("e, 'metric=dot'", "invalid vector index parameter 'metric=dot': invalid parameter"),
            (
                "e, 'search_l=x'",
                "invalid vector index parameter 'search_l=x': \
                 invalid representation of integer vector index parameter",
            ),
            (
                "e, 'search_l=-1'",
                "invalid vector index parameter 'search_l=-1': integer vector index parameter must be positive",
            ),
            (
                "e, 'alpha=x'",
                "invalid vector index parameter 'alpha=x': \
                 invalid representation of floating point vector index parameter",
            ),
            ("e, 5", "all arguments after first must be strings"),
            ("e || 'x'", "libsql_vector_idx first argument must be a column token"),
            ("'x'", "libsql_vector_idx first argument must be a column token"),
        ];
        for (arguments, text) in cases {
            let sql = format!("create index i on t (libsql_vector_idx({arguments}))");
            assert_eq!(parse(&sql), Some(Err(format!("vector index: {text}"))), "{arguments}");
        }
        for (columns, text) in [
            (
                "libsql_vector_idx(e), a",
                "must contain exactly one column wrapped into the libsql_vector_idx function",
            ),
            ("libsql_vector_idx(e) collate nocase", "collation in expression is forbidden"),
        ] {
            let sql = format!("create index i on t ({columns})");
            assert_eq!(parse(&sql), Some(Err(format!("vector index: {text}"))), "{columns}");
        }
    }
}
