//! The Restart Manager, which exists to tell who has a file open
//! (<https://learn.microsoft.com/windows/win32/rstmgr/about-restart-manager>). Not every Windows has
//! it (a Nano Server has not), so the addon looks for it only when it is wanted.

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

use super::{Found, Opener};

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

/// The calls of the Restart Manager that are needed here.
struct RestartManager {
    start: Start,
    register: Register,
    list: List,
    end: End,
}

static RESTART_MANAGER: LazyLock<Option<RestartManager>> = LazyLock::new(RestartManager::load);

/// Who has a file open beside this process.
pub fn others(path: &Path) -> Found {
    RESTART_MANAGER.as_ref().and_then(|manager| manager.others(path)).unwrap_or_default()
}

impl RestartManager {
    /// The library stays for as long as the process: it is the system's own.
    fn load() -> Option<Self> {
        let name: Vec<u16> = "rstrtmgr.dll".encode_utf16().chain([0]).collect();
        // SAFETY: the name ends with NUL; it is looked for in the system's own directory alone.
        let library =
            unsafe { LoadLibraryExW(name.as_ptr(), null_mut(), LOAD_LIBRARY_SEARCH_SYSTEM32) };
        if library.is_null() {
            return None;
        }
        // SAFETY: these are the types of the functions of these names, as the system documents them and
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

    fn others(&self, path: &Path) -> Option<Found> {
        let mut session = 0;
        let mut key = [0u16; CCH_RM_SESSION_KEY as usize + 1];
        // SAFETY: the number is ours, and the buffer has the length that the call asks for.
        if unsafe { (self.start)(&raw mut session, 0, key.as_mut_ptr()) } != 0 {
            return None;
        }
        let found = self.list(session, path);
        // SAFETY: the session was started above and is ended once.
        unsafe { (self.end)(session) };
        found
    }

    fn list(&self, session: u32, path: &Path) -> Option<Found> {
        let name: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
        let names = [name.as_ptr()];
        // SAFETY: one name that ends with NUL; the other two lists are empty.
        let registered =
            unsafe { (self.register)(session, 1, names.as_ptr(), 0, null(), 0, null()) };
        if registered != 0 {
            return None;
        }
        let (mut needed, mut count, mut reasons) = (0, MOST, 0);
        let mut processes: Vec<RM_PROCESS_INFO> = Vec::with_capacity(MOST as usize);
        // SAFETY: the buffer has room for `count` structures, of which the call says how many it
        // has filled.
        let listed = unsafe {
            let (needed, count) = (&raw mut needed, &raw mut count);
            (self.list)(session, needed, count, processes.as_mut_ptr(), &raw mut reasons)
        };
        if listed != 0 {
            return None;
        }
        // SAFETY: the call has filled so many, and never more than there is room for.
        unsafe { processes.set_len(count.min(MOST) as usize) };
        let others = processes.iter().map(opener).filter(|opener| !opener.is_self()).collect();
        Some(Found { others, is_complete: needed <= MOST })
    }
}

/// A function whose type is not known yet.
type Procedure = unsafe extern "system" fn() -> isize;

fn find(library: HMODULE, name: &CStr) -> Option<Procedure> {
    // SAFETY: the library is loaded and never let go, and the name ends with NUL.
    unsafe { GetProcAddress(library, name.as_ptr().cast()) }
}

fn opener(process: &RM_PROCESS_INFO) -> Opener {
    let name = &process.strAppName;
    let end = name.iter().position(|&unit| unit == 0).unwrap_or(name.len());
    let name = String::from_utf16_lossy(&name[..end]);
    Opener { pid: process.Process.dwProcessId, name }
}
