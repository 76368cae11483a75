//! Why a value is no vector.

/// The most elements of a vector.
pub const MOST_DIMENSIONS: usize = 65536;

/// Why a value is no vector, or why two vectors have no distance. The texts are libSQL's, but for that of
/// [`VectorError::Damaged`], for which libSQL has none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VectorError {
    #[error("vector: unexpected value type: got {0}, expected TEXT or BLOB")]
    Value(&'static str),
    #[error("vector: must start with '['")]
    Start,
    #[error("vector: must end with ']'")]
    End,
    #[error("vector: non-space symbols after closing ']' are forbidden")]
    Behind,
    #[error("vector: invalid float at position {0}: '{1}'")]
    Float(usize, String),
    #[error("vector: float string length exceeded {0} characters: '{1}'")]
    LongFloat(usize, String),
    #[error("vector: max size exceeded {MOST_DIMENSIONS}")]
    TooManyElements,
    #[error("vector: max size exceeded: {0} > {MOST_DIMENSIONS}")]
    TooManyDimensions(usize),
    #[error("vector: {name} vector blob length must be {condition}: length={length}")]
    Length { name: &'static str, condition: &'static str, length: usize },
    #[error("vector: unexpected binary type: {0}")]
    Type(u8),
    #[error(
        "vector: unexpected data part size: type={element}, dims={dimensions}, {found} != {expected}"
    )]
    Size { element: u8, dimensions: usize, found: usize, expected: usize },
    #[error(
        "vector: a {0} vector blob says that it has more elements missing than it has elements"
    )]
    Damaged(&'static str),
    #[error("vector_distance: vectors must have the same type: {0} != {1}")]
    Types(u8, u8),
    #[error("vector_distance: vectors must have the same length: {0} != {1}")]
    Dimensions(usize, usize),
    #[error("vector_distance: l2 distance is not supported for float1bit vectors")]
    BitsL2,
}
