//! What is in memory: the allocator of the programs, and two things that the language has no word for: to give back what is
//! free, and to let go of what a start alone has needed.
//!
//! All that is `unsafe` in the workspace is here.

mod program;

pub use program::let_go_of_program;

/// The allocator: fewer instructions a request than the system's. Without huge pages, which would make an idle process
/// resident by megabytes that it never touched.
pub use mimalloc::MiMalloc as Allocator;

/// Gives back to the system what the thread that calls has freed, as far as whole pages of it are free. By itself the
/// allocator does so only while more is freed: after a crowd has left, and nothing happens any more, it would keep all that
/// the crowd needed.
///
/// Looks through all pages of the thread's heap: some ten microseconds, and what is given back has to be faulted in again. A
/// program that allocates otherwise may call it in vain.
#[allow(unsafe_code)]
pub fn give_back() {
    // SAFETY: it takes no pointer and keeps none. Any thread may call it at any time outside an allocation, whatever the
    // process's allocator is: a heap that was never used is left alone.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

#[cfg(test)]
mod tests {
    use std::{fs, hint::black_box};

    #[global_allocator]
    static ALLOCATOR: super::Allocator = super::Allocator;

    /// In KiB, by a key of `/proc/self/status`.
    pub(crate) fn resident(key: &str) -> u64 {
        let status = fs::read_to_string("/proc/self/status").expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let size = line.and_then(|line| line.split_whitespace().next());
        size.and_then(|size| size.parse().ok()).expect("a number")
    }

    #[test]
    fn what_a_crowd_has_left_is_given_back() {
        let crowd: Vec<Vec<u8>> = (0..20_000).map(|_| black_box(vec![1; 1_000])).collect();
        let with = resident("RssAnon:");
        drop(crowd);
        super::give_back();
        super::give_back();
        let after = resident("RssAnon:");
        assert!(after + 15_000 < with, "{with} KiB with it, {after} after");
    }
}
