//! The code and constants of the program and its libraries, as far as they are in memory.

use std::{fs, io, ops::Range};

use rustix::mm::{Advice, madvise};

/// Lets go of the code and constants of the program and its libraries: what is still needed the system maps in again, page by
/// page, from the copy of the file that it has in memory anyway. What a start has run - a command line, a file, tables, keys -
/// is more than half of what a program has touched until then, and never runs again.
///
/// Returns how many bytes it has let go of at most. Costs a page fault, about a microsecond, for every 64 KiB that are
/// needed again; no contents are read from a disk for it unless memory is short.
///
/// # Errors
/// When `/proc` does not say where the program is.
#[allow(unsafe_code)]
pub fn let_go_of_program() -> io::Result<usize> {
    let mut bytes = 0;
    for range in unchanged(&fs::read_to_string("/proc/self/smaps")?) {
        let (start, length) = (range.start as *mut _, range.len());
        // SAFETY: the range is a mapping of a file of which code is mapped: of the program or a library, and nobody here
        // unloads one, so that it stays as long as the process does. It can't be written to, and no page of it ever was: each
        // is that of the file, and is that again at the next access.
        unsafe { madvise(start, length, Advice::LinuxDontNeed)? };
        bytes += length;
    }
    Ok(bytes)
}

/// A mapping, as a paragraph of `/proc/self/smaps` shows it.
struct Mapping<'a> {
    range: Range<usize>,
    /// Of a file: its device and inode.
    file: (&'a str, &'a str),
    writable: bool,
    executable: bool,
    /// KiB that are no longer the file's.
    anonymous: Option<u64>,
}

/// The mappings of files of which code is mapped that hold nothing but the bytes of these.
fn unchanged(smaps: &str) -> Vec<Range<usize>> {
    let mappings = mappings(smaps);
    let is_code = |file: (&str, &str)| {
        let mut of_file = mappings.iter().filter(|it| it.file == file);
        file.1 != "0" && of_file.any(|it| it.executable)
    };
    let unchanged = mappings
        .iter()
        .filter(|it| !it.writable && it.anonymous == Some(0) && is_code(it.file));
    unchanged.map(|it| it.range.clone()).collect()
}

fn mappings(smaps: &str) -> Vec<Mapping<'_>> {
    let mut mappings: Vec<Mapping<'_>> = Vec::new();
    for line in smaps.lines() {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        if let Some(range) = range(first) {
            // Permissions, offset, device, inode.
            let [permissions, _, device, inode] =
                [(); 4].map(|()| words.next().unwrap_or_default());
            mappings.push(Mapping {
                range,
                file: (device, inode),
                writable: permissions.contains('w'),
                executable: permissions.contains('x'),
                anonymous: None,
            });
        } else if let ("Anonymous:", Some(mapping)) = (first, mappings.last_mut()) {
            mapping.anonymous = words.next().and_then(|kib| kib.parse().ok());
        }
    }
    mappings
}

/// `7f00-7f10` as addresses.
fn range(word: &str) -> Option<Range<usize>> {
    let (start, end) = word.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some(address(start)?..address(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
1000-2000 r--p 00000000 fe:00 17 /bin/outrigger
Rss:                   4 kB
Anonymous:             0 kB
2000-4000 r-xp 00001000 fe:00 17 /bin/outrigger
Anonymous:             0 kB
AnonHugePages:         0 kB
4000-5000 r--p 00003000 fe:00 17 /bin/outrigger
Anonymous:             4 kB
5000-6000 rw-p 00004000 fe:00 17 /bin/outrigger
Anonymous:             0 kB
6000-7000 r--p 00005000 fe:00 17 /bin/outrigger
7000-8000 rw-p 00000000 00:00 0 [heap]
Anonymous:             0 kB
8000-9000 r-xp 00000000 fe:00 18 /lib/libc.so.6
Anonymous:             0 kB
9000-a000 r--p 00001000 fe:00 18 /lib/libc.so.6
Anonymous:             0 kB
a000-b000 r--p 00000000 fe:00 19 /var/lib/table
Anonymous:             0 kB
b000-c000 r--s 00000000 fd:00 18 /var/lib/of-another-disk
Anonymous:             0 kB
c000-d000 r-xp 00000000 00:00 0 [vdso]
Anonymous:             0 kB
";

    #[test]
    fn what_is_of_files_with_code_alone_is_let_go() {
        let program = [0x1000..0x2000, 0x2000..0x4000];
        let library = [0x8000..0x9000, 0x9000..0xa000];
        assert_eq!(unchanged(SMAPS), [program, library].concat());
        assert!(unchanged("").is_empty());
    }

    #[test]
    fn the_program_runs_on_with_less_of_it_in_memory() {
        let resident = || crate::tests::resident("RssFile:");
        let before = resident();
        let let_go = let_go_of_program().expect("/proc says where it is");
        let after = resident();
        assert!(let_go > 0);
        assert!(after < before, "{before} KiB before, {after} after");
    }
}
