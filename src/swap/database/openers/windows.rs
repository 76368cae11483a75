//! The Restart Manager, which lists the processes that have a file open
//! (<https://learn.microsoft.com/windows/win32/rstmgr/about-restart-manager>). Nano Server does not
//! have it, so that the addon loads it only when it is needed.

use std::ffi::CStr;
use std::os::windows::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::LazyLock;

use windows_sys::Win32::Foundation::{HMODULE, WIN32_ERROR};
use windows_sys::Win32::System::LibraryLoader::{
    GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW,
};
use windows_sys::Win32::System::RestartManager::{
    CCH_RM_SESSION_KEY, RM_PROCESS_INFO, RM_UNIQUE_PROCESS,
};
use windows_sys::core::{PCWSTR, PWSTR};

use super::{Opener, Openers};

const MOST: u32 = 64;

type Start = unsafe extern "system" fn(*mut u32, u32, PWSTR) -> WIN32_ERROR;
type Register = unsafe extern "system" fn(
    u32,
    u32,
    *const PCWSTR,
    u32,
    *const RM_UNIQUE_PROCESS,
    u32,
    *const PCWSTR,
) -> WIN32_ERROR;
type List = unsafe extern "system" fn(
    u32,
    *mut u32,
    *mut u32,
    *mut RM_PROCESS_INFO,
    *mut u32,
) -> WIN32_ERROR;
type End = unsafe extern "system" fn(u32) -> WIN32_ERROR;

/// The functions of the Restart Manager that this module uses.
struct RestartManager {
    start: Start,
    register: Register,
    list: List,
    end: End,
}

static RESTART_MANAGER: LazyLock<Option<RestartManager>> = LazyLock::new(RestartManager::load);

/// The other processes that have a file open.
pub fn others(path: &Path) -> Openers {
    RESTART_MANAGER.as_ref().and_then(|manager| manager.others(path)).unwrap_or_default()
}

impl RestartManager {
    /// Loads the system's library, which is never unloaded.
    fn load() -> Option<Self> {
        let name: Vec<u16> = "rstrtmgr.dll".encode_utf16().chain([0]).collect();
        // SAFETY: the name ends with NUL. The flag limits the search to the system's own directory.
        let library =
            unsafe { LoadLibraryExW(name.as_ptr(), null_mut(), LOAD_LIBRARY_SEARCH_SYSTEM32) };
        if library.is_null() {
            return None;
        }
        // SAFETY: the types are those of the functions of these names, as the system documents and
        // `windows_sys` declares them.
        unsafe {
            Some(Self {
                start: std::mem::transmute::<Procedure, Start>(find(library, c"RmStartSession")?),
                register: std::mem::transmute::<Procedure, Register>(find(
                    library,
                    c"RmRegisterResources",
                )?),
                list: std::mem::transmute::<Procedure, List>(find(library, c"RmGetList")?),
                end: std::mem::transmute::<Procedure, End>(find(library, c"RmEndSession")?),
            })
        }
    }

    fn others(&self, path: &Path) -> Option<Openers> {
        let mut session = 0;
        let mut key = [0u16; CCH_RM_SESSION_KEY as usize + 1];
        // SAFETY: the call writes the session's number, and the buffer has the length that it
        // requires.
        if unsafe { (self.start)(&raw mut session, 0, key.as_mut_ptr()) } != 0 {
            return None;
        }
        let found = self.list(session, path);
        // SAFETY: the session was started above, and is ended only here.
        unsafe { (self.end)(session) };
        found
    }

    fn list(&self, session: u32, path: &Path) -> Option<Openers> {
        let name: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
        let names = [name.as_ptr()];
        // SAFETY: the first list has one name, which ends with NUL. The other two lists are empty.
        let registered =
            unsafe { (self.register)(session, 1, names.as_ptr(), 0, null(), 0, null()) };
        if registered != 0 {
            return None;
        }
        let (mut needed, mut count, mut reasons) = (0, MOST, 0);
        let mut processes: Vec<RM_PROCESS_INFO> = Vec::with_capacity(MOST as usize);
        // SAFETY: the buffer has room for `count` structures, and the call sets `count` to the
        // number that it has filled.
        let listed = unsafe {
            let (needed, count) = (&raw mut needed, &raw mut count);
            (self.list)(session, needed, count, processes.as_mut_ptr(), &raw mut reasons)
        };
        if listed != 0 {
            return None;
        }
        // SAFETY: the call has filled that many structures, which is at most the capacity.
        unsafe { processes.set_len(count.min(MOST) as usize) };
        let others = processes.iter().map(opener).filter(|opener| !opener.is_self()).collect();
        Some(Openers { others, is_complete: needed <= MOST })
    }
}

/// A function before its cast to its real type.
type Procedure = unsafe extern "system" fn() -> isize;

fn find(library: HMODULE, name: &CStr) -> Option<Procedure> {
    // SAFETY: the library is loaded and never unloaded, and the name ends with NUL.
    unsafe { GetProcAddress(library, name.as_ptr().cast()) }
}

fn opener(process: &RM_PROCESS_INFO) -> Opener {
    let name = &process.strAppName;
    let end = name.iter().position(|&unit| unit == 0).unwrap_or(name.len());
    let name = String::from_utf16_lossy(&name[..end]);
    Opener { pid: process.Process.dwProcessId, name }
}
