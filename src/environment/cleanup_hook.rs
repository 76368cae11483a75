//! A cleanup hook of an environment, as napi-rs's `CleanupEnvHook`, but its removal frees its data: a
//! copy of our JavaScript adds and removes one each time that it opens its first database.

use std::cell::Cell;
use std::ffi::c_void;
use std::rc::Rc;

use napi::bindgen_prelude::{Env, Result};
use napi::{check_status, sys};

/// What a hook runs; None once it has run.
type Action = Cell<Option<Box<dyn FnOnce()>>>;

/// A hook that runs when its environment ends, unless it is removed before. Dropping it does not remove it.
pub struct CleanupHook(Rc<Action>);

impl CleanupHook {
    /// Adds a hook. Hooks run in reverse order of their registration.
    ///
    /// # Errors
    /// The errors of Node-API.
    pub fn add(env: Env, run: impl FnOnce() + 'static) -> Result<Self> {
        let action: Rc<Action> = Rc::new(Cell::new(Some(Box::new(run))));
        let data = Rc::into_raw(Rc::clone(&action));
        // SAFETY: `env` is the environment whose JavaScript calls us, on its thread. `run_hook` takes what
        // `Rc::into_raw` has returned, and `data` holds a reference until it is called or removed.
        let status = unsafe {
            sys::napi_add_env_cleanup_hook(env.raw(), Some(run_hook), data.cast_mut().cast())
        };
        if status != sys::Status::napi_ok {
            // SAFETY: `data` comes from `Rc::into_raw`, and no hook has taken it.
            drop(unsafe { Rc::from_raw(data) });
        }
        check_status!(status)?;
        Ok(Self(action))
    }

    /// Removes the hook. Does nothing if it has run.
    ///
    /// # Errors
    /// The errors of Node-API.
    pub fn remove(self, env: Env) -> Result<()> {
        let Some(action) = self.0.take() else {
            return Ok(());
        };
        let data = Rc::as_ptr(&self.0);
        // SAFETY: as in `add`; function and data are those of the registration.
        check_status!(unsafe {
            sys::napi_remove_env_cleanup_hook(env.raw(), Some(run_hook), data.cast_mut().cast())
        })?;
        // SAFETY: the pointer is that of `Rc::into_raw` in `add`. The hook has not run, because the action
        // was there, and cannot run any more: the reference that it had is ours.
        drop(unsafe { Rc::from_raw(data) });
        drop(action);
        Ok(())
    }
}

/// Runs the action of a hook.
///
/// # Safety
/// `data` is a pointer of `Rc<Action>::into_raw` that nobody else takes back.
unsafe extern "C" fn run_hook(data: *mut c_void) {
    // SAFETY: the caller's promise.
    let action = unsafe { Rc::from_raw(data.cast_const().cast::<Action>()) };
    if let Some(run) = action.take() {
        run();
    }
}
