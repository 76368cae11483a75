//! The functions that libSQL has beside those of SQLite, without SQLite (docs/functions.md). Which of them a
//! connection has, and under which name, is in `sqlite::functions`.

mod automaton;
pub mod math;
mod regexp;
mod series;
mod sha3;
mod statistics;
pub mod text;
pub mod uuid;

pub use automaton::Automaton;
pub use regexp::compile;
pub use series::Series;
pub use sha3::sha3;
pub use statistics::{Moments, Number, Quartile, Stopped, Values};
