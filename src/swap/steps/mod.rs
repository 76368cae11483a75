//! The steps that the two protocols share, and their errors.

pub mod durability;
mod errno;
pub mod error;
pub mod lock;
pub mod metadata;
pub mod rename;
pub mod staging;
pub mod target;
