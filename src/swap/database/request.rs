//! The request of a database swap, the questions to its caller, and its result.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::jobs::cancel::{Cancel, CancelReason};
use crate::swap::steps::durability::Durability;
use crate::swap::steps::error::Step;

/// A request to replace a database.
#[derive(Debug)]
pub struct DatabaseSwap {
    /// The database to replace, by its absolute path.
    pub target: PathBuf,
    /// A database that is copied into the new one before the caller builds.
    pub source: Option<PathBuf>,
    /// Whether the caller has a `build` step.
    pub build: bool,
    /// Whether the caller has a `verify` step.
    pub verify: bool,
    /// Whether the new database is checked for damage.
    pub check: bool,
    /// Whether content that violates the database's constraints is an error. For a plain copy it is
    /// not, because the source has the same content.
    pub constraints: bool,
    /// What happens to the old database.
    pub backup: Backup,
    /// What to do if another process or client has the old database open.
    pub in_use: InUse,
    /// Whether an existing target may be replaced.
    pub overwrite: bool,
    /// What the swap guarantees after a power cut.
    pub durability: Durability,
    /// The limit for each wait.
    pub timeout: Duration,
}

/// What happens to the old database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backup {
    /// The old database is deleted.
    None,
    /// The old database is kept as `NAME.v1-v2-TIME`, with the `user_version` of old and new.
    Pattern,
    /// The old database is kept under this name, in the same directory.
    Named(PathBuf),
}

/// What to do if another process or client has the old database open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InUse {
    /// The swap fails.
    Refuse,
    /// The swap waits until they have closed it.
    Wait,
    /// The new database is copied into the old file.
    InPlace,
}

/// The limits of waits.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The limit for each wait.
    pub timeout: Duration,
    /// The flag that ends waits and statements.
    pub cancel: Arc<Cancel>,
}

/// The questions and reports of a running swap to its caller.
pub trait DatabaseSwapCaller {
    /// The flag by which the caller cancels the swap.
    fn cancel(&self) -> &Arc<Cancel>;
    /// Builds the new database at `staging`. `old` is the path of the old one, if it exists. The
    /// caller must close its connections on both before it returns.
    fn build(&mut self, staging: &str, old: Option<&str>) -> Result<(), CancelReason>;
    /// Verifies the new database.
    fn verify(&mut self, staging: &str, old: Option<&str>) -> Result<(), CancelReason>;
    /// Reports that a step begins.
    fn begin(&mut self, step: Step);
    /// Reports the number of bytes copied, and the total.
    fn copied(&mut self, done: u64, total: u64);
}

/// How the new database was put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// There was no old database.
    First,
    /// The new file was renamed over the old one.
    Rename,
    /// The new content was copied into the old file.
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

/// The result of a swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseSwapped {
    /// How the new database was put in place.
    pub mode: Mode,
    /// Whether the swap survives a power cut.
    pub durable: bool,
    /// The size of the new database.
    pub bytes: u64,
    /// The path of the old database, if it was kept.
    pub backup: Option<PathBuf>,
    /// Whether a process opened the old file at the moment of the rename.
    pub opener_came: bool,
}
