//! The order of the protocol's steps. The module `database` describes them.

use super::job::Job;
use super::request::{DatabaseSwap, DatabaseSwapCaller, DatabaseSwapped};
use super::write_lock::WriteLock;
use super::{first, in_place, rename};
use crate::swap::steps::error::database::DatabaseProblem;
use crate::swap::steps::error::{Result, Step};

/// Replaces a database. Blocks, and must run on a thread of its own.
pub fn swap_database(
    request: &DatabaseSwap,
    caller: &mut dyn DatabaseSwapCaller,
) -> Result<DatabaseSwapped> {
    let mut swap = Job::begin(request, caller)?;
    if swap.target.found.is_none() {
        return first::swap(swap);
    }
    if !request.overwrite {
        return Err(swap.error(Step::Resolve, DatabaseProblem::TargetExists.into()));
    }
    swap.caller.begin(Step::Prove);
    let (handle, is_alone) = swap.prove_alone()?;
    swap.caller.begin(Step::Guard);
    let write_lock = WriteLock::take(&swap.target.path, &swap.limits)?;
    let new = swap.build_new(Some(&write_lock.facts), is_alone)?;
    if is_alone {
        rename::swap(swap, write_lock, handle, new)
    } else {
        in_place::swap(swap, write_lock, &handle, new)
    }
}
