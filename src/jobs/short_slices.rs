//! Short scheduler slices for threads that mostly wait for the disk.
//!
//! On a busy processor, Linux makes a thread that has just computed wait for the other threads, for some
//! milliseconds after each system call of a swap that sleeps. A thread with short slices gets the same
//! share of time, but gets it sooner (`Documentation/scheduler/sched-eevdf.rst`; `sched_setattr(2)`).

/// Requests the shortest slices for the calling thread. Linux before 6.12 ignores the request, and a
/// refusal is ignored. Does nothing on other systems.
pub fn ask() {
    #[cfg(target_os = "linux")]
    linux::ask();
}

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::MaybeUninit;

    /// The shortest slice there is, in ns.
    const SLICE: u64 = 100_000;

    pub fn ask() {
        const SIZE: u32 = size_of::<libc::sched_attr>() as u32;
        const THIS_THREAD: libc::pid_t = 0;
        const NO_FLAGS: libc::c_uint = 0;
        let mut attributes = MaybeUninit::<libc::sched_attr>::zeroed();
        // SAFETY: the system writes at most `SIZE` bytes, which is the size of the structure.
        let got = unsafe {
            let pointer = attributes.as_mut_ptr();
            libc::syscall(libc::SYS_sched_getattr, THIS_THREAD, pointer, SIZE, NO_FLAGS)
        };
        // SAFETY: the structure has only integer fields, and every byte was zeroed before the call.
        let mut attributes = unsafe { attributes.assume_init() };
        // Another scheduling policy was chosen on purpose, and is left alone.
        if got != 0 || attributes.sched_policy != libc::SCHED_OTHER.cast_unsigned() {
            return;
        }
        // The other attributes, such as the priority, keep their values.
        attributes.sched_runtime = SLICE;
        // SAFETY: the pointer is valid during the call, which only reads the structure.
        unsafe {
            libc::syscall(libc::SYS_sched_setattr, THIS_THREAD, &raw const attributes, NO_FLAGS);
        }
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn the_priority_stays() {
            let nice = || {
                std::fs::read_to_string("/proc/thread-self/stat").map(|text| {
                    let fields = text.rsplit(')').next().unwrap_or_default().split(' ');
                    fields.skip(17).take(2).map(str::to_owned).collect::<Vec<_>>()
                })
            };
            let before = nice().unwrap();
            assert_eq!(before.len(), 2);
            super::ask();
            assert_eq!(nice().unwrap(), before);
        }
    }
}
