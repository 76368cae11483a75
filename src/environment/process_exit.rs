//! The end of a process that ends none of its environments: `process.exit()` and an uncaught error run no
//! cleanup hook. Our `exit` listener in JavaScript closes the clients that are open then. A client that
//! a later listener opens is closed here, by a handler of `exit(3)` and, for Bun on Linux, of
//! `quick_exit(3)`.
//!
//! Windows runs such handlers of a library only after it has ended all other threads: there is none.

use std::sync::{Arc, LazyLock, Weak};

use crate::client::Client;
use crate::sync::{Mutex, lock};

static OPEN: LazyLock<Mutex<Vec<Weak<Client>>>> = LazyLock::new(Mutex::default);

/// Closes the client at the end of the process, if it is still open then.
pub fn watch(client: &Arc<Client>) {
    let mut open = lock(&OPEN);
    open.retain(|other| other.strong_count() > 0);
    open.push(Arc::downgrade(client));
    drop(open);
    #[cfg(unix)]
    unix::register();
}

#[cfg(unix)]
mod unix {
    use std::panic::catch_unwind;
    use std::sync::{Once, Weak};

    use super::OPEN;
    use crate::environment::threads;
    use crate::sync::lock;

    /// Registers the handlers, once.
    pub fn register() {
        static REGISTERED: Once = Once::new();
        REGISTERED.call_once(|| {
            // SAFETY: the handler is a function of this library, which stays in memory (build.rs), and
            // does not unwind. Where registering fails, the kernel closes the files.
            unsafe {
                libc::atexit(close_all);
                #[cfg(target_os = "linux")]
                at_quick_exit(close_all);
            }
        });
    }

    #[cfg(target_os = "linux")]
    unsafe extern "C" {
        /// <https://man7.org/linux/man-pages/man3/at_quick_exit.3.html>
        fn at_quick_exit(handler: extern "C" fn()) -> libc::c_int;
    }

    extern "C" fn close_all() {
        // Nobody can be told of a failure.
        let _ = catch_unwind(|| {
            let open: Vec<_> = lock(&OPEN).iter().filter_map(Weak::upgrade).collect();
            if open.is_empty() {
                return;
            }
            // The event loops are gone, or going: nothing may be posted to them any more.
            threads::mute_all();
            for client in &open {
                client.stop();
            }
            for client in &open {
                let _ = client.close(&mut |_, _| ());
            }
        });
    }
}
