//! The attached copies of our JavaScript in an environment. A bundler may create several copies, and a
//! test runner loads one after the other. A copy is attached only while it has something open, so that
//! the garbage collector can free a copy that is not used any more.
//!
//! The table of attachments is the environment's instance data, which Node-API frees last.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use napi::bindgen_prelude::{Env, Function, Result};

use super::Environment;
use super::cleanup_hook::CleanupHook;
use crate::failpoints::{Safeguard, is_removed};
use crate::jobs::panics;

#[derive(Default)]
struct Table {
    attached: BTreeMap<u32, (Environment, Option<CleanupHook>)>,
    last: u32,
}

type Shared = Rc<RefCell<Table>>;

/// Attaches one copy of our JavaScript. `on_ready` is called on the JavaScript thread when there are
/// answers to fetch. `thread` is the number that JavaScript gives its thread. Returns the number of the
/// attachment, which is never used again.
///
/// # Errors
/// The errors of Node-API.
pub fn attach(env: Env, on_ready: &Function<'_, (), ()>, thread: u32) -> Result<u32> {
    let doorbell = on_ready.build_threadsafe_function::<()>().weak::<true>().build()?;
    let table = match env.get_instance_data::<Shared>()? {
        Some(table) => Rc::clone(table),
        None => {
            let table = Shared::default();
            env.set_instance_data(Rc::clone(&table), (), |_| {})?;
            table
        }
    };
    let number = table.borrow().last + 1;
    // Cleanup hooks run in reverse order of their registration. This hook is registered after the
    // thread-safe function was created, so it runs before that function is finalized. It joins every
    // thread that might still call the function.
    let hook = if is_removed(Safeguard::CleanupHook) {
        None
    } else {
        let table = Rc::downgrade(&table);
        Some(CleanupHook::add(env, move || tear_down(&table, number))?)
    };
    let mut table = table.borrow_mut();
    table.last = number;
    table.attached.insert(number, (Environment::new(doorbell, thread), hook));
    Ok(number)
}

/// Detaches a copy of our JavaScript that has nothing open and waits for nothing. Returns false, and
/// leaves the copy attached, if it is in use.
///
/// # Errors
/// The errors of Node-API.
pub fn detach(env: Env, attachment: u32) -> Result<bool> {
    let Some(table) = env.get_instance_data::<Shared>()? else {
        return Ok(true);
    };
    let mut table = table.borrow_mut();
    if table.attached.get(&attachment).is_some_and(|(environment, _)| !environment.retire()) {
        return Ok(false);
    }
    let Some((mut environment, hook)) = table.attached.remove(&attachment) else {
        return Ok(true);
    };
    drop(table);
    if let Some(hook) = hook {
        hook.remove(env)?;
    }
    environment.tear_down();
    Ok(true)
}

/// Runs `action` on the state of one attachment. None if the copy is not attached.
///
/// # Errors
/// The errors of Node-API.
pub fn with<T>(
    env: Env,
    attachment: u32,
    action: impl FnOnce(&mut Environment) -> T,
) -> Result<Option<T>> {
    let table = env.get_instance_data::<Shared>()?;
    let mut table = table.map(|table| table.borrow_mut());
    let environment = table.as_mut().and_then(|table| table.attached.get_mut(&attachment));
    Ok(environment.map(|(environment, _)| action(environment)))
}

/// The cleanup hook. Node-API calls it from C, so a panic must not leave it. The environment ends, so nobody
/// is left to hear of one.
fn tear_down(table: &Weak<RefCell<Table>>, number: u32) {
    let _ = panics::catch(|| {
        let table = table.upgrade();
        let mut table = table.as_ref().map(|table| table.borrow_mut());
        let attached = table.as_mut().and_then(|table| table.attached.get_mut(&number));
        if let Some((environment, _)) = attached {
            environment.tear_down();
        }
    });
}
