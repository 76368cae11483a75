//! How the scheduler is to treat a thread that mostly waits for the disk.
//!
//! Linux lets a thread that has just computed wait behind the others of a busy processor, for some
//! ms after each of a swap's system calls that sleep. One that asks for short slices gets no more
//! time, but gets it sooner (`Documentation/scheduler/sched-eevdf.rst`; `sched_setattr(2)`).

/// Asks for the shortest slices for the calling thread. Linux before 6.12 takes no notice, and where
/// it is refused all goes on as before. Other systems have no such thing.
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
        // SAFETY: the system writes no more than `SIZE` bytes to the structure, which is that long.
        let got = unsafe {
            let pointer = attributes.as_mut_ptr();
            libc::syscall(libc::SYS_sched_getattr, THIS_THREAD, pointer, SIZE, NO_FLAGS)
        };
        // SAFETY: it is all numbers, and was zeroed first.
        let mut attributes = unsafe { attributes.assume_init() };
        // Whoever runs the process under another policy knows why.
        if got != 0 || attributes.sched_policy != libc::SCHED_OTHER.cast_unsigned() {
            return;
        }
        // Its priority stays as it was.
        attributes.sched_runtime = SLICE;
        // SAFETY: the structure lives as long as the call, which only reads it.
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
