//! Owner, mode and extended attributes: what a new file takes over from the file that it replaces.

use std::fs::{File, Metadata};
use std::path::Path;

use super::error::Result;
use super::target::Target;

/// Gives the staging file the owner, mode and extended attributes of the old file. `mode` overrides
/// the old file's mode. A target without an old file gets `default_mode`, unless `prepare` has
/// changed the permissions. `found` is the metadata of the staging file.
pub fn carry_over(
    target: &Target,
    (staging, found): (&File, &Metadata),
    path: &Path,
    mode: Option<u32>,
    default_mode: Option<u32>,
) -> Result<()> {
    platform::carry_over(target, (staging, found), path, mode, default_mode)
}

#[cfg(unix)]
mod platform {
    use std::ffi::{OsStr, OsString};
    use std::fs::{File, Metadata};
    use std::io;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use rustix::fs::{Gid, Mode, RawMode, Uid, fchmod, fchown};
    use rustix::io::Errno;
    use xattr::FileExt;

    use super::Target;
    use crate::swap::steps::error::{At, Problem, Result, Step, SwapError};

    /// Permissions, set-id and sticky bits.
    const MODE_BITS: u32 = 0o7777;

    /// The permissions that a staging file is created with.
    const INITIAL_MODE: u32 = 0o600;

    /// The access control list. It and the mode describe the same permissions.
    const ACCESS_CONTROL_LIST: &str = "system.posix_acl_access";

    pub fn carry_over(
        target: &Target,
        (staging, found): (&File, &Metadata),
        path: &Path,
        mode: Option<u32>,
        default_mode: Option<u32>,
    ) -> Result<()> {
        let Some(old) = &target.found else {
            // A mode that `prepare` has set, for example to make a program executable, is kept.
            let is_unchanged = found.mode() & MODE_BITS == INITIAL_MODE;
            return set_mode(staging, path, mode.or(default_mode.filter(|_| is_unchanged)));
        };
        set_owner(old, (staging, found), path)?;
        set_attributes(&target.path, staging, path)?;
        // The mode is set last: changing the owner clears the set-id bits, and an access control
        // list changes the permissions.
        set_mode(staging, path, Some(mode.unwrap_or(old.mode() & MODE_BITS)))
    }

    fn set_owner(old: &Metadata, (staging, new): (&File, &Metadata), path: &Path) -> Result<()> {
        let owner = (old.uid() != new.uid()).then(|| Uid::from_raw(old.uid()));
        let group = (old.gid() != new.gid()).then(|| Gid::from_raw(old.gid()));
        if owner.is_none() && group.is_none() {
            return Ok(());
        }
        fchown(staging, owner, group).map_err(|error| {
            let problem = Problem::Owner { uid: old.uid(), gid: old.gid(), cause: error.into() };
            SwapError::new(problem, Step::Metadata, path)
        })
    }

    fn set_mode(staging: &File, path: &Path, mode: Option<u32>) -> Result<()> {
        let Some(mode) = mode else { return Ok(()) };
        #[allow(clippy::cast_possible_truncation, reason = "the bits fit every system's type")]
        let bits = (mode & MODE_BITS) as RawMode;
        fchmod(staging, Mode::from_raw_mode(bits)).at(Step::Metadata, path)
    }

    fn set_attributes(old: &Path, staging: &File, path: &Path) -> Result<()> {
        // The old file is read by its path: it may be open as a database in this process, and
        // closing a handle on it would drop SQLite's locks.
        let old_names = match xattr::list(old) {
            Err(error) if is_unsupported(&error) || error.kind() == io::ErrorKind::NotFound => {
                return Ok(());
            }
            names => names.at(Step::Metadata, old)?.collect::<Vec<_>>(),
        };
        let new_names = match staging.list_xattr() {
            Err(error) if is_unsupported(&error) => return Ok(()),
            names => names.at(Step::Metadata, path)?.collect::<Vec<_>>(),
        };
        let contains = |names: &[OsString], name: &OsStr| names.iter().any(|one| one == name);
        for name in &old_names {
            if describes_content(name) {
                continue;
            }
            // An attribute that `prepare` has set is newer than the old file's.
            let is_permissions = name == ACCESS_CONTROL_LIST || name == "security.selinux";
            if contains(&new_names, name) && !is_permissions {
                continue;
            }
            let Some(value) = value_of_path(old, name).at(Step::Metadata, old)? else { continue };
            if staging.get_xattr(name).is_ok_and(|current| current.as_ref() == Some(&value)) {
                continue;
            }
            match staging.set_xattr(name, &value) {
                Err(error) if is_reserved(name, &error) => {}
                set => set.at(Step::Metadata, path)?,
            }
        }
        // The staging file may have inherited a list from the directory. The old file has none.
        let list = OsStr::new(ACCESS_CONTROL_LIST);
        if contains(&new_names, list) && !contains(&old_names, list) {
            staging.remove_xattr(list).at(Step::Metadata, path)?;
        }
        Ok(())
    }

    /// Whether the file system has no extended attributes.
    fn is_unsupported(error: &io::Error) -> bool {
        matches!(Errno::from_io_error(error), Some(Errno::OPNOTSUPP | Errno::NOSYS))
            || error.kind() == io::ErrorKind::Unsupported
    }

    /// Whether an attribute is a hash or signature of the old content.
    fn describes_content(name: &OsStr) -> bool {
        let name = name.as_bytes();
        matches!(name, b"security.ima" | b"security.evm") || name.starts_with(b"com.apple.cs.")
    }

    /// Whether only a privileged process may set an attribute: any outside of `user.` but the
    /// access control list. A process that may not set it cannot have set it on the old file
    /// either.
    fn is_reserved(name: &OsStr, error: &io::Error) -> bool {
        let is_users = name.as_bytes().starts_with(b"user.") || name == ACCESS_CONTROL_LIST;
        let errno = Errno::from_io_error(error);
        !is_users
            && matches!(errno, Some(Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP | Errno::INVAL))
    }

    /// None where the attribute was removed since it was listed, or where this process may not read
    /// it.
    fn value_of_path(path: &Path, name: &OsStr) -> io::Result<Option<Vec<u8>>> {
        match xattr::get(path, name) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
            value => value,
        }
    }
}

#[cfg(windows)]
mod platform {
    use std::fs::{File, Metadata};
    use std::path::Path;

    use super::Target;
    use crate::swap::steps::error::{At, Result, Step};

    /// Sets the read-only attribute, the only part of a mode that Windows has. The access control
    /// list is inherited from the directory, as with every new file.
    pub fn carry_over(
        target: &Target,
        (staging, found): (&File, &Metadata),
        path: &Path,
        mode: Option<u32>,
        _default_mode: Option<u32>,
    ) -> Result<()> {
        let readonly = match (mode, &target.found) {
            (Some(mode), _) => mode & 0o222 == 0,
            (None, Some(old)) => old.permissions().readonly(),
            (None, None) => false,
        };
        let mut permissions = found.permissions();
        if permissions.readonly() == readonly {
            return Ok(());
        }
        permissions.set_readonly(readonly);
        staging.set_permissions(permissions).at(Step::Metadata, path)
    }
}
