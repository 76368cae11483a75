//! What a database swap is asked for, what it asks of its caller, and what it did.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::jobs::cancel::{Cancel, CancelReason};
use crate::swap::steps::durability::Durability;
use crate::swap::steps::error::Step;

/// What is asked for.
#[derive(Debug)]
pub struct DatabaseSwap {
    /// The database to replace, by its absolute path.
    pub target: PathBuf,
    /// A database whose content the new one has before the caller builds on it.
    pub source: Option<PathBuf>,
    /// Whether the caller builds the new one.
    pub build: bool,
    /// Whether the caller looks at the new one before it is swapped in.
    pub verify: bool,
    /// Whether a new one whose content breaks its own constraints is refused. A mere copy is not: it is
    /// as its source is.
    pub constraints: bool,
    /// What becomes of the old one.
    pub backup: Backup,
    /// What to do where somebody else has the old one open.
    pub in_use: InUse,
    /// Whether a target that is there may be replaced.
    pub overwrite: bool,
    /// How sure the swap is to outlive a power cut.
    pub durability: Durability,
    /// How long each wait for others lasts at most.
    pub timeout: Duration,
}

/// What becomes of the old database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backup {
    /// It goes.
    None,
    /// It stays as `NAME.v1-v2-TIME`, by the `user_version` of old and new.
    Pattern,
    /// It stays under this name, in the same directory.
    Named(PathBuf),
}

/// What to do where somebody else has the old database open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InUse {
    /// Nothing is done.
    Refuse,
    /// They are waited for.
    Wait,
    /// The new database is copied into the old file.
    InPlace,
}

/// How long to wait for others, and what ends it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For each wait.
    pub timeout: Duration,
    /// Ends it.
    pub cancel: Arc<Cancel>,
}

/// What a swap asks of its caller while it is under way.
pub trait DatabaseSwapCaller {
    /// The flag by which the caller ends the swap.
    fn cancel(&self) -> &Arc<Cancel>;
    /// Builds the new database at `staging`, from the old one if there is one. All connections on the
    /// two are closed when this returns.
    fn build(&mut self, staging: &str, old: Option<&str>) -> Result<(), CancelReason>;
    /// Looks at the new database.
    fn verify(&mut self, staging: &str, old: Option<&str>) -> Result<(), CancelReason>;
    /// A step begins.
    fn begin(&mut self, step: Step);
    /// So many bytes are copied, of so many.
    fn copied(&mut self, done: u64, total: u64);
}

/// How the new database came to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// There was none.
    First,
    /// Its file was renamed over the old one.
    Rename,
    /// Its content was copied into the old file.
    InPlace,
}

impl Mode {
    /// The name that JavaScript sees.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Rename => "rename",
            Self::InPlace => "in-place",
        }
    }
}

/// What a swap did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseSwapped {
    /// How.
    pub mode: Mode,
    /// Whether it outlives a power cut.
    pub durable: bool,
    /// The size of the new database.
    pub bytes: u64,
    /// Where the old database is.
    pub backup: Option<PathBuf>,
    /// Whether somebody opened the old file in the very instant of the rename.
    pub opener_came: bool,
}
