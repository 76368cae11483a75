//! PRAGMA statements, and the list of those that make a setting of the connection.

/// The PRAGMAs whose setting belongs to a connection and not to the database file
/// (<https://sqlite.org/pragma.html>). The client keeps `busy_timeout` itself.
const PER_CONNECTION: [&str; 30] = [
    "analysis_limit",
    "automatic_index",
    "cache_size",
    "cache_spill",
    "case_sensitive_like",
    "cell_size_check",
    "checkpoint_fullfsync",
    "count_changes",
    "empty_result_callbacks",
    "foreign_keys",
    "full_column_names",
    "fullfsync",
    "ignore_check_constraints",
    "journal_mode",
    "journal_size_limit",
    "legacy_alter_table",
    "max_page_count",
    "mmap_size",
    "query_only",
    "read_uncommitted",
    "recursive_triggers",
    "reverse_unordered_selects",
    "secure_delete",
    "short_column_names",
    "synchronous",
    "temp_store",
    "threads",
    "trusted_schema",
    "wal_autocheckpoint",
    "writable_schema",
];

/// The PRAGMAs that write their value to the database file.
const WRITING: [&str; 5] =
    ["application_id", "auto_vacuum", "default_cache_size", "schema_version", "user_version"];

/// A PRAGMA statement, as the authorizer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pragma {
    /// The name of the PRAGMA, in lower case.
    pub name: String,
    /// The value that the statement sets. None if the statement only reads.
    pub value: Option<String>,
}

impl Pragma {
    /// Whether the statement makes a setting of the connection.
    pub fn is_setting(&self) -> bool {
        self.value.is_some() && PER_CONNECTION.contains(&self.name.as_str())
    }

    /// Whether the statement may need a file that no other connection is reading: it may change the
    /// journal mode, or copy the whole WAL into the database.
    pub fn needs_exclusive_lock(&self) -> bool {
        self.name == "wal_checkpoint" || self.name == "journal_mode" && self.value.is_some()
    }

    /// Whether the statement writes to the database file when it runs. SQLite does not say so in a dry run, in
    /// which the PRAGMA is ignored.
    pub fn writes(&self) -> bool {
        let name = self.name.as_str();
        name == "incremental_vacuum" || self.value.is_some() && WRITING.contains(&name)
    }

    /// Whether SQLite makes the setting when it prepares the statement, before the first step. This holds
    /// for all settings except those that compile to code of the statement (pragma.c), and for the locking
    /// mode, which pins the client to its connection.
    pub fn is_made_when_prepared(&self) -> bool {
        let is_code = ["journal_mode", "max_page_count"].contains(&self.name.as_str());
        let is_locking_mode = self.value.is_some() && self.name == "locking_mode";
        is_locking_mode || (self.is_setting() && !is_code)
    }
}
