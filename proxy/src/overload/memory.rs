//! How much memory the process has, and how much of it the kernel lets it have.

use std::{fs, path::Path};

/// What the kernel counts resident memory in.
const PAGE: u64 = 4096;

/// A "limit" of cgroup v1 that means none is the largest multiple of a page; no machine has a quarter of that.
const NONE: u64 = 1 << 60;

/// Resident memory in bytes.
pub fn resident() -> Option<u64> {
    resident_of(&fs::read_to_string("/proc/self/statm").ok()?)
}

fn resident_of(statm: &str) -> Option<u64> {
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * PAGE)
}

/// What the process's cgroup, or one above it, allows, in bytes.
pub fn allowed() -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    allowed_by(&own, Path::new("/sys/fs/cgroup"))
}

/// The lowest bound on the way from the process's cgroup up to `root`. In a container the path is often that of the host,
/// of which nothing can be seen: then what stands at `root` is the container's own.
fn allowed_by(own: &str, root: &Path) -> Option<u64> {
    let bounds = own.lines().flat_map(|line| {
        // `0::/path` in v2, `4:memory:/path` in v1.
        let mut fields = line.splitn(3, ':');
        let (id, controllers, path) = (fields.next(), fields.next(), fields.next());
        let (hierarchy, file) = match (id, controllers) {
            (Some("0"), Some("")) => (root.to_owned(), "memory.max"),
            (_, Some(controllers)) if controllers.split(',').any(|name| name == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes")
            }
            _ => return Vec::new(),
        };
        let path = Path::new(path.unwrap_or_default());
        let inside = path.strip_prefix("/").unwrap_or(path);
        inside
            .ancestors()
            .filter_map(|group| bound(&hierarchy.join(group).join(file)))
            .collect()
    });
    bounds.min()
}

fn bound(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    // `max` is no number, and no bound.
    let bytes = text.trim().parse().ok()?;
    Some(bytes).filter(|bytes| *bytes < NONE)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A directory that is gone with its test.
    struct Root(PathBuf);

    impl Root {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let name = format!("outrigger-cgroup-{}-{name}", std::process::id());
            let root = Self(std::env::temp_dir().join(name));
            for (path, text) in files {
                let path = root.0.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            root
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_lowest_bound_on_the_way_up_counts() {
        let root = Root::new(
            "v2",
            &[
                ("pod/memory.max", "1000000\n"),
                ("pod/app/memory.max", "max\n"),
                ("other/memory.max", "1\n"),
            ],
        );
        assert_eq!(allowed_by("0::/pod/app\n", &root.0), Some(1_000_000));
    }

    #[test]
    fn version_1_is_read_too_and_has_a_number_for_none() {
        let root = Root::new(
            "v1",
            &[
                ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("memory/app/memory.limit_in_bytes", "2000000\n"),
            ],
        );
        let own = "5:cpu,cpuacct:/app\n4:memory:/app\n";
        assert_eq!(allowed_by(own, &root.0), Some(2_000_000));
        assert_eq!(allowed_by("4:memory:/\n", &root.0), None);
    }

    #[test]
    fn in_a_container_that_sees_only_itself_its_root_counts() {
        let root = Root::new("container", &[("memory.max", "3000000\n")]);
        let own = "0::/kubepods/burstable/pod1/2\n";
        assert_eq!(allowed_by(own, &root.0), Some(3_000_000));
    }

    #[test]
    fn without_a_bound_there_is_none() {
        let root = Root::new("none", &[("memory.max", "max\n")]);
        assert_eq!(allowed_by("0::/\n", &root.0), None);
        assert_eq!(allowed_by("", &root.0), None);
    }

    #[test]
    fn resident_memory_is_the_second_number_in_pages() {
        assert_eq!(resident_of("20000 512 300 4 0 900 0\n"), Some(512 * PAGE));
        #[cfg(target_os = "linux")]
        assert!(resident().unwrap() > 100_000);
    }
}
