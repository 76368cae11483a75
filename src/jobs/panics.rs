//! Turns a panic, which is a defect of latchdb, into an error of one call, and keeps what is known of it.
//!
//! Nothing is printed. The hook of this module takes the place of std's, which prints on the process's
//! stderr. Every addon has its own copy of std, so the hook is for the panics of this addon only.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};

/// The largest number of panics that a thread keeps. A callback of SQLite may panic many times.
const MOST: usize = 8;

/// What is known of a panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    /// The text of the panic.
    pub message: String,
    /// The place in the source: file, line and column.
    pub location: String,
    /// The name of the thread. Empty if it has none.
    pub thread: String,
}

impl fmt::Display for Panic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.message, self.location)
    }
}

thread_local! {
    /// The panics of this thread that nobody has taken.
    static RECORDED: RefCell<Vec<Panic>> = const { RefCell::new(Vec::new()) };
}

/// Installs the hook, once. It records each panic for its own thread.
#[cfg(not(test))]
pub fn install_hook() {
    static INSTALLED: std::sync::Once = std::sync::Once::new();
    INSTALLED.call_once(|| set_hook(Box::new(record)));
}

/// Runs `job`.
///
/// # Errors
/// The text and the place of the panic, if `job` panicked.
pub fn catch<T>(job: impl FnOnce() -> T) -> Result<T, String> {
    let recorded = count();
    catch_unwind(AssertUnwindSafe(job))
        .map_err(|payload| since(recorded).unwrap_or_else(|| text_of(payload.as_ref()).to_owned()))
}

/// The number of panics that this thread has recorded, and that nobody has taken.
pub fn count() -> usize {
    with(|recorded| recorded.len()).unwrap_or(0)
}

/// The text and the place of the newest panic, if this thread has recorded more than `before`.
pub fn since(before: usize) -> Option<String> {
    with(|recorded| recorded.get(before..)?.last().map(ToString::to_string)).flatten()
}

/// Takes the panics that this thread has recorded.
pub fn take() -> Vec<Panic> {
    with(std::mem::take).unwrap_or_default()
}

/// None while the thread ends.
fn with<T>(action: impl FnOnce(&mut Vec<Panic>) -> T) -> Option<T> {
    RECORDED
        .try_with(|recorded| recorded.try_borrow_mut().ok().map(|mut it| action(&mut it)))
        .ok()?
}

fn record(panic: &PanicHookInfo<'_>) {
    let message = text_of(panic.payload());
    let location = panic.location().map_or_else(String::new, |at| {
        format!("{}:{}:{}", within_crate(at.file()), at.line(), at.column())
    });
    if ends_process(message) {
        // The process aborts now. This text is all that is left of it.
        let first = with(|recorded| recorded.last().map(ToString::to_string)).flatten();
        eprintln!("latchdb: {message} ({location}): {}", first.unwrap_or_default());
        return;
    }
    let thread = std::thread::current().name().unwrap_or("").to_owned();
    let panic = Panic { message: message.to_owned(), location, thread };
    with(|recorded| {
        if recorded.len() < MOST {
            recorded.push(panic);
        }
    });
}

fn text_of(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
}

/// Whether std aborts the process after this panic (core's `panic_nounwind`).
fn ends_process(message: &str) -> bool {
    ["panic in a function that cannot unwind", "panic in a destructor during cleanup"]
        .contains(&message)
}

/// The path of a source file, without the directories of the machine that built it: `src/lib.rs`, or
/// `crate-1.2.3/src/lib.rs` for a dependency.
fn within_crate(file: &str) -> &str {
    ["/registry/src/", "\\registry\\src\\"]
        .iter()
        .find_map(|registry| file.split_once(registry))
        .and_then(|(_, path)| path.split_once(['/', '\\']))
        .map_or(file, |(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_dependency_begins_with_its_crate() {
        let path = "/home/a/.cargo/registry/src/index.crates.io-1949/rusqlite-0.41.1/src/row.rs";
        assert_eq!(within_crate(path), "rusqlite-0.41.1/src/row.rs");
        let path = "C:\\a\\registry\\src\\index.crates.io-1949\\napi-3.0.0\\src\\env.rs";
        assert_eq!(within_crate(path), "napi-3.0.0\\src\\env.rs");
        assert_eq!(within_crate("src/jobs/pool.rs"), "src/jobs/pool.rs");
    }

    #[test]
    fn the_hook_records_each_panic_for_its_thread() {
        let before = std::panic::take_hook();
        set_hook(Box::new(record));
        let caught = std::thread::Builder::new()
            .name("panics".into())
            .spawn(|| {
                let caught = catch(|| panic!("number {}", 1));
                let inner = catch(|| drop(catch(|| panic!("swallowed"))));
                (caught, inner, since(1), count(), take(), count())
            })
            .unwrap()
            .join();
        std::panic::set_hook(before);
        let (caught, inner, newest, recorded, taken, left) = caught.unwrap();
        let text = caught.unwrap_err();
        assert!(text.starts_with("number 1 (src/jobs/panics.rs:"), "{text}");
        assert_eq!(inner, Ok(()));
        assert!(newest.unwrap().starts_with("swallowed (src/jobs/panics.rs:"));
        assert_eq!((recorded, left), (2, 0));
        let is_here = |panic: &Panic| panic.thread == "panics" && !panic.location.is_empty();
        assert!(taken.iter().all(is_here), "{taken:?}");
        assert_eq!(count(), 0, "other threads have their own");
    }
}
