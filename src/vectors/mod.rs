//! libSQL's vectors, without SQLite: their bytes, their text, their distances, and what the definition of a
//! vector index says. Bytes, texts and errors are those of libSQL (docs/vectors.md).

mod column;
mod definition;
mod distance;
mod error;
mod float16;
mod number;
mod text;
mod top;
mod vector;

pub use column::{ColumnError, VectorColumn};
pub use definition::{Definition, DefinitionError, INDEX_FUNCTION, Metric};
pub use distance::Query;
pub use error::VectorError;
pub use top::Top;
pub use vector::{ElementType, Vector, shape_of};
