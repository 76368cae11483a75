//! What a new file takes over from the one that it replaces.

use std::fs::{File, Metadata};
use std::path::Path;

use super::error::Result;
use super::target::Target;

/// Owner, mode and extended attributes of the old file; `mode` where it was asked for; and for a new
/// file `default_mode`, unless `prepare` has given it permissions. `found`: what is known of the staging file.
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
    use std::ffi::{CStr, CString};
    use std::fs::{File, Metadata};
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use rustix::fs::{
        Gid, Mode, RawMode, Uid, XattrFlags, fchmod, fchown, fgetxattr, flistxattr, fremovexattr,
        fsetxattr, lgetxattr, llistxattr,
    };
    use rustix::io::Errno;

    use super::Target;
    use crate::swap::steps::error::{At, Problem, Result, Step, SwapError};

    /// Permissions, set-id and sticky bits.
    const MODE_BITS: u32 = 0o7777;

    /// The permissions of a staging file of ours.
    const AS_MADE: u32 = 0o600;

    /// The kernel's view of the permissions, in another form: the access control list.
    const ACCESS_CONTROL_LIST: &CStr = c"system.posix_acl_access";

    pub fn carry_over(
        target: &Target,
        (staging, found): (&File, &Metadata),
        path: &Path,
        mode: Option<u32>,
        default_mode: Option<u32>,
    ) -> Result<()> {
        let Some(old) = &target.found else {
            // Of a new file it is `prepare` that knows what it shall be, and whether it shall run.
            let is_as_made = found.mode() & MODE_BITS == AS_MADE;
            return set_mode(staging, path, mode.or(default_mode.filter(|_| is_as_made)));
        };
        set_owner(old, (staging, found), path)?;
        set_attributes(&target.path, staging, path)?;
        // Last: a change of owner takes the set-id bits away, a list changes the permissions.
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
        let (old_names, new_names) = match (names_of_path(old), names_of_file(staging)) {
            // A file system without them; a file that is gone.
            (Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOENT), _)
            | (_, Err(Errno::OPNOTSUPP | Errno::NOSYS)) => {
                return Ok(());
            }
            (old_names, new_names) => {
                (old_names.at(Step::Metadata, old)?, new_names.at(Step::Metadata, path)?)
            }
        };
        let is_in = |names: &[CString], name: &CStr| names.iter().any(|one| one.as_c_str() == name);
        for name in &old_names {
            if belongs_to_content(name) {
                continue;
            }
            // What `prepare` has set itself is newer than what the old file had.
            let is_permissions =
                name.as_c_str() == ACCESS_CONTROL_LIST || name.as_bytes() == b"security.selinux";
            if is_in(&new_names, name) && !is_permissions {
                continue;
            }
            let Some(value) = value_of_path(old, name).at(Step::Metadata, old)? else { continue };
            if value_of_file(staging, name) == Some(value.clone()) {
                continue;
            }
            match fsetxattr(staging, name.as_c_str(), &value, XattrFlags::empty()) {
                Err(refused) if is_the_systems_own(name, refused) => {}
                set => set.at(Step::Metadata, path)?,
            }
        }
        // A list that the directory gave the staging file is not the old file's.
        if is_in(&new_names, ACCESS_CONTROL_LIST) && !is_in(&old_names, ACCESS_CONTROL_LIST) {
            fremovexattr(staging, ACCESS_CONTROL_LIST).at(Step::Metadata, path)?;
        }
        Ok(())
    }

    /// Hashes and signatures of the old content.
    fn belongs_to_content(name: &CStr) -> bool {
        let name = name.to_bytes();
        matches!(name, b"security.ima" | b"security.evm") || name.starts_with(b"com.apple.cs.")
    }

    /// Attributes outside of `user.` and the access control list are set by those who may; who may
    /// not could not have set them on the old file either.
    fn is_the_systems_own(name: &CStr, refused: Errno) -> bool {
        let is_users = name.to_bytes().starts_with(b"user.") || name == ACCESS_CONTROL_LIST;
        !is_users
            && matches!(refused, Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP | Errno::INVAL)
    }

    /// By the path: a file that is a database elsewhere in this process must not be opened.
    fn names_of_path(path: &Path) -> std::result::Result<Vec<CString>, Errno> {
        read_grown(|buffer| llistxattr(path, buffer)).map(|list| split(&list))
    }

    fn names_of_file(file: &File) -> std::result::Result<Vec<CString>, Errno> {
        read_grown(|buffer| flistxattr(file, buffer)).map(|list| split(&list))
    }

    fn value_of_path(path: &Path, name: &CStr) -> std::result::Result<Option<Vec<u8>>, Errno> {
        match read_grown(|buffer| lgetxattr(path, name, buffer)) {
            Ok(value) => Ok(Some(value)),
            // Taken away since it was listed, or not to be read by us.
            Err(Errno::NODATA | Errno::ACCESS | Errno::PERM) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn value_of_file(file: &File, name: &CStr) -> Option<Vec<u8>> {
        read_grown(|buffer| fgetxattr(file, name, buffer)).ok()
    }

    /// Reads into a buffer that grows until it is large enough. 64 KiB is the most Linux has.
    fn read_grown(
        mut read: impl FnMut(&mut [u8]) -> std::result::Result<usize, Errno>,
    ) -> std::result::Result<Vec<u8>, Errno> {
        let mut buffer = vec![0; 1024];
        loop {
            match read(&mut buffer[..]) {
                Ok(length) => {
                    buffer.truncate(length);
                    return Ok(buffer);
                }
                Err(Errno::RANGE) if buffer.len() < (64 << 20) => {
                    buffer.resize(buffer.len() * 4, 0);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn split(list: &[u8]) -> Vec<CString> {
        list.split_inclusive(|&byte| byte == 0)
            .filter_map(|name| CStr::from_bytes_with_nul(name).ok().map(CStr::to_owned))
            .collect()
    }
}

#[cfg(windows)]
mod platform {
    use std::fs::{File, Metadata};
    use std::path::Path;

    use super::Target;
    use crate::swap::steps::error::{At, Result, Step};

    /// Whether it is read-only: all that Windows has in common with modes. Who may do what comes from
    /// the directory, as with every new file.
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
