//! For tests only, behind the Cargo feature `controls`: takes one protection out, so that a test can
//! show that it would notice. In every other build nothing can be taken out, and nothing is asked.

/// Something without which a promise does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// The hook by which an environment closes its databases before it ends.
    CleanupHook,
    /// The joining of the lanes' threads in that hook.
    Join,
}

/// Whether the environment variable `LATCHDB_WITHOUT` names this protection.
#[cfg(feature = "controls")]
pub fn takes_out(protection: Protection) -> bool {
    let name = match protection {
        Protection::CleanupHook => "cleanup-hook",
        Protection::Join => "join",
    };
    std::env::var("LATCHDB_WITHOUT").is_ok_and(|without| without == name)
}

/// Never.
#[cfg(not(feature = "controls"))]
pub const fn takes_out(_protection: Protection) -> bool {
    false
}
