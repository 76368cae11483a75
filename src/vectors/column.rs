//! The declared types of columns with vectors.

use super::ElementType;
use super::definition::DefinitionError;
use super::error::{MOST_DIMENSIONS, VectorError};
use crate::value::Value;

/// The names of the types. A dimension in parentheses follows.
const NAMES: [(&str, ElementType); 12] = [
    ("FLOAT32", ElementType::F32),
    ("F32_BLOB", ElementType::F32),
    ("FLOAT64", ElementType::F64),
    ("F64_BLOB", ElementType::F64),
    ("FLOAT1BIT", ElementType::Bit),
    ("F1BIT_BLOB", ElementType::Bit),
    ("FLOAT8", ElementType::F8),
    ("F8_BLOB", ElementType::F8),
    ("FLOAT16", ElementType::F16),
    ("F16_BLOB", ElementType::F16),
    ("FLOATB16", ElementType::BF16),
    ("FB16_BLOB", ElementType::BF16),
];

/// A column with vectors, as its declared type says: `F32_BLOB(384)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VectorColumn {
    /// The type of the elements.
    pub element: ElementType,
    /// The number of elements.
    pub dimensions: usize,
}

impl VectorColumn {
    /// Reads a declared type.
    ///
    /// # Errors
    /// It is not one of a column with vectors. The text is libSQL's.
    pub fn parse(declared: &str) -> Result<Self, DefinitionError> {
        let wrong = |why: &'static str| DefinitionError::Column(why, declared.to_owned());
        let unexpected = "unexpected vector column type";
        let text = declared.trim_start();
        let (element, rest) = NAMES
            .iter()
            .find_map(|(name, element)| {
                let (begin, rest) = text.split_at_checked(name.len())?;
                begin.eq_ignore_ascii_case(name).then_some((*element, rest))
            })
            .ok_or_else(|| wrong(unexpected))?;
        let rest = rest.trim_start().strip_prefix('(').ok_or_else(|| wrong(unexpected))?;
        let rest = rest.trim_start();
        let mut dimensions = 0usize;
        let end = rest.find(|c: char| c == ')' || c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (digits, rest) = rest.split_at(end);
        for digit in digits.chars() {
            let digit = digit.to_digit(10);
            let digit =
                digit.ok_or_else(|| wrong("non digit symbol in vector column parameter"))?;
            dimensions = dimensions * 10 + digit as usize;
            if dimensions > MOST_DIMENSIONS {
                return Err(wrong("max vector dimension exceeded"));
            }
        }
        let rest = rest.trim_start().strip_prefix(')');
        let rest = rest.ok_or_else(|| wrong("missed closing brace for vector column type"))?;
        if !rest.trim_start().is_empty() {
            return Err(wrong("extra data after dimension parameter for vector column type"));
        }
        if dimensions == 0 {
            return Err(wrong("vector column must have non-zero dimension for index"));
        }
        Ok(Self { element, dimensions })
    }

    /// Whether a value can be in such a column, for an index. NULL can: it is not in the index.
    ///
    /// # Errors
    /// libSQL's text, which names `step`: `insert` or `search`.
    pub fn check(self, value: Value<'_>, step: &'static str) -> Result<(), ColumnError> {
        if value == Value::Null {
            return Ok(());
        }
        let (element, dimensions) = super::shape_of(value, ElementType::F32)?;
        if let Value::Text(_) = value {
            let parsed = super::Vector::parse(value, ElementType::F32)?;
            return self.accept(step, element, parsed.dimensions);
        }
        self.accept(step, element, dimensions)
    }

    /// Whether vectors of this type and dimension can be in such a column.
    ///
    /// # Errors
    /// As [`VectorColumn::check`] has.
    pub fn accept(
        self,
        step: &'static str,
        element: ElementType,
        dimensions: usize,
    ) -> Result<(), ColumnError> {
        if dimensions != self.dimensions {
            return Err(ColumnError::Dimensions(step, dimensions, self.dimensions));
        }
        if element != self.element {
            return Err(ColumnError::Type(step, element.number(), self.element.number()));
        }
        Ok(())
    }
}

/// Why a vector cannot be in a column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    #[error(transparent)]
    Vector(#[from] VectorError),
    #[error("vector index({0}): dimensions are different: {1} != {2}")]
    Dimensions(&'static str, usize, usize),
    #[error("vector index({0}): vector type differs from column type: {1} != {2}")]
    Type(&'static str, u8, u8),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_are_read_as_libsql_reads_them() {
        let column = |element, dimensions| Ok(VectorColumn { element, dimensions });
        let wrong = |why, declared: &str| Err(DefinitionError::Column(why, declared.to_owned()));
        let cases = [
            ("F32_BLOB(3)", column(ElementType::F32, 3)),
            (" f1bit_blob ( 12 ) ", column(ElementType::Bit, 12)),
            ("FLOATB16(1)", column(ElementType::BF16, 1)),
            ("BLOB", wrong("unexpected vector column type", "BLOB")),
            ("F32_BLOB", wrong("unexpected vector column type", "F32_BLOB")),
            (
                "F8_BLOB(0)",
                wrong("vector column must have non-zero dimension for index", "F8_BLOB(0)"),
            ),
            ("FLOAT64(x)", wrong("non digit symbol in vector column parameter", "FLOAT64(x)")),
            ("FLOAT64(70000)", wrong("max vector dimension exceeded", "FLOAT64(70000)")),
            ("FLOAT64(7", wrong("missed closing brace for vector column type", "FLOAT64(7")),
        ];
        for (declared, expected) in cases {
            assert_eq!(VectorColumn::parse(declared), expected);
        }
    }

    #[test]
    fn what_cannot_be_in_the_column_is_refused_with_the_texts_of_libsql() {
        let column = VectorColumn { element: ElementType::F32, dimensions: 2 };
        let check = |value| column.check(value, "insert").map_err(|error| error.to_string());
        assert_eq!(check(Value::Null), Ok(()));
        assert_eq!(check(Value::Text(b"[1,2]")), Ok(()));
        assert_eq!(check(Value::Blob(&[0; 8])), Ok(()));
        let texts = [
            (Value::Text(b"[1]"), "vector index(insert): dimensions are different: 1 != 2"),
            (Value::Blob(&[0; 4]), "vector index(insert): dimensions are different: 1 != 2"),
            (Value::Text(b"hello"), "vector: must start with '['"),
            (
                Value::Integer(1),
                "vector: unexpected value type: got INTEGER, expected TEXT or BLOB",
            ),
        ];
        for (value, text) in texts {
            assert_eq!(check(value), Err(text.to_owned()));
        }
        let doubles = super::super::Vector::parse(Value::Text(b"[1,2]"), ElementType::F64).unwrap();
        let error = check(Value::Blob(&doubles.to_blob()));
        assert_eq!(
            error,
            Err("vector index(insert): vector type differs from column type: 2 != 1".into())
        );
    }
}
