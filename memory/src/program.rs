//! The program's own code and constants, as far as they are in memory.

use std::{fs, io, ops::Range};

use rustix::mm::{Advice, madvise};

/// Lets go of the program's code and constants: what is still needed the system maps in again, page by page, from the copy of
/// the file that it has in memory anyway. What a start has run - a command line, a file, tables, keys - is more than half of
/// what a program has touched until then, and never runs again.
///
/// Returns how many bytes it has let go of at most. Costs a page fault, about a microsecond, for every 64 KiB that are
/// needed again; no contents are read from a disk for it unless memory is short.
///
/// # Errors
/// When `/proc` does not say where the program is.
#[allow(unsafe_code)]
pub fn let_go_of_program() -> io::Result<usize> {
    let inside = let_go_of_program as *const () as usize;
    let mut bytes = 0;
    for range in unchanged(&fs::read_to_string("/proc/self/smaps")?, inside) {
        let (start, length) = (range.start as *mut _, range.len());
        // SAFETY: the range is a mapping of the file of which this very function is, so that it stays as long as the process
        // does. It can't be written to, and no page of it ever was: each is that of the file, and is that again at the next
        // access.
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
    /// KiB that are no longer the file's.
    anonymous: Option<u64>,
}

/// The mappings of the file that is mapped at `inside` which hold nothing but its bytes.
fn unchanged(smaps: &str, inside: usize) -> Vec<Range<usize>> {
    let mappings = mappings(smaps);
    let own = mappings.iter().find(|it| it.range.contains(&inside));
    let own = own.map(|own| own.file).filter(|(_, inode)| *inode != "0");
    let mappings = mappings.iter().filter(|it| Some(it.file) == own);
    let unchanged = mappings.filter(|it| !it.writable && it.anonymous == Some(0));
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
9000-a000 r-xp 00000000 00:00 0 [vdso]
Anonymous:             0 kB
";

    #[test]
    fn what_is_of_the_file_alone_is_let_go() {
        let program = vec![0x1000..0x2000, 0x2000..0x4000];
        assert_eq!(unchanged(SMAPS, 0x2fff), program);
        assert_eq!(unchanged(SMAPS, 0x8000).first(), Some(&(0x8000..0x9000)));
        assert!(unchanged(SMAPS, 0x9000).is_empty(), "no file");
        assert!(unchanged(SMAPS, 0xb000).is_empty(), "nothing is there");
        assert!(unchanged("", 0).is_empty());
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
