//! The connection settings that PRAGMA statements of a client have made. They are recorded here and
//! applied to every connection of the client.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::sqlite::{Connection, Error, Pragma};
use crate::sync::{Mutex, MutexGuard, lock};

/// The settings of one client, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Settings {
    made: Mutex<Vec<Setting>>,
    version: AtomicU64,
}

impl Clone for Settings {
    fn clone(&self) -> Self {
        let made = self.made();
        Self { made: Mutex::new(made.clone()), version: AtomicU64::new(self.version()) }
    }
}

#[derive(Clone, Debug)]
struct Setting {
    name: String,
    value: String,
    version: u64,
}

impl Settings {
    /// Records a PRAGMA that ran on one connection. Returns whether the PRAGMA made a setting.
    pub fn keep(&self, pragma: &Pragma) -> bool {
        let Some(value) = pragma.value.as_ref().filter(|_| pragma.is_setting()) else {
            return false;
        };
        let mut made = self.made();
        made.retain(|setting| setting.name != pragma.name);
        let version = self.version.load(Ordering::Relaxed) + 1;
        // The journal modes WAL and DELETE are properties of the file. The other ones, which say how a
        // rollback journal ends, belong to the connection.
        if pragma.name != "journal_mode" || is_journal_of_connection(value) {
            made.push(Setting { name: pragma.name.clone(), value: value.clone(), version });
        }
        self.version.store(version, Ordering::Release);
        true
    }

    /// The version of the settings: the number of the latest one.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Applies the settings after version `since` to this connection. Returns the current version.
    pub fn apply(&self, connection: &Connection, since: u64) -> Result<u64, Error> {
        let (newer, version) = {
            let made = self.made();
            let newer: Vec<_> =
                made.iter().filter(|setting| setting.version > since).cloned().collect();
            (newer, self.version())
        };
        for setting in newer {
            if setting.name == "journal_mode" {
                apply_journal_mode(connection, &setting.value);
            } else {
                connection.set_pragma(&setting.name, setting.value.as_str())?;
            }
        }
        Ok(version)
    }

    fn made(&self) -> MutexGuard<'_, Vec<Setting>> {
        lock(&self.made)
    }
}

fn is_journal_of_connection(value: &str) -> bool {
    ["truncate", "persist", "memory", "off"].iter().any(|mode| value.eq_ignore_ascii_case(mode))
}

/// Sets the journal mode of a connection, unless the file is in WAL mode now. Setting the mode would take
/// the file out of WAL mode, and the beginning of a call must not change the file. An error is ignored:
/// the connection then deletes its rollback journals, which is always correct.
fn apply_journal_mode(connection: &Connection, mode: &str) {
    let current = connection.pragma::<String>("journal_mode");
    if current.is_ok_and(|current| current != "wal") {
        let _ = connection.set_pragma("journal_mode", mode);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma(name: &str, value: Option<&str>) -> Pragma {
        Pragma { name: name.into(), value: value.map(Into::into) }
    }

    fn ask(connection: &Connection, name: &str) -> i64 {
        connection.pragma(name).unwrap()
    }

    #[test]
    fn a_second_connection_gets_the_settings_of_the_first() {
        let settings = Settings::default();
        assert!(settings.keep(&pragma("foreign_keys", Some("off"))));
        assert!(settings.keep(&pragma("cache_size", Some("-4321"))));
        let second = Connection::in_memory();
        assert_eq!(ask(&second, "foreign_keys"), 1);
        let version = settings.apply(&second, 0).unwrap();
        assert_eq!(ask(&second, "foreign_keys"), 0);
        assert_eq!(ask(&second, "cache_size"), -4321);
        settings.keep(&pragma("foreign_keys", Some("1")));
        settings.apply(&second, version).unwrap();
        assert_eq!(ask(&second, "foreign_keys"), 1);
        assert_eq!(ask(&second, "cache_size"), -4321);
    }

    #[test]
    fn a_pragma_without_a_value_or_of_the_file_is_no_setting() {
        let settings = Settings::default();
        assert!(!settings.keep(&pragma("foreign_keys", None)));
        assert!(!settings.keep(&pragma("user_version", Some("3"))));
        assert_eq!(settings.version(), 0);
    }
}
