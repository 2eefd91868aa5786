//! The process as the kernel sees it, read from `/proc` at each scrape, under the names that Prometheus' own client
//! libraries use, so that dashboards made for those work.

use std::{fmt, fs, time::Duration};

use super::{family::Kind, text};

/// `USER_HZ`: what `/proc` counts in. Fixed at 100 on every architecture that Linux runs on today; not `CONFIG_HZ`.
const TICKS_PER_SECOND: u64 = 100;

/// What could be read; outside Linux that is nothing, and nothing is shown.
#[derive(Debug, Default)]
pub(super) struct Process {
    cpu: Option<Duration>,
    open_fds: Option<usize>,
    resident_bytes: Option<u64>,
    /// Since 1970.
    start: Option<Duration>,
}

impl Process {
    pub(super) fn observe() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").ok();
        let ticks = |field| stat.as_deref().and_then(|stat| ticks(stat, field));
        Self {
            cpu: ticks(13).zip(ticks(14)).map(|(user, system)| user + system),
            // The directory's own handle, open while it is read, is not the process's.
            open_fds: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|entries| entries.count().saturating_sub(1)),
            resident_bytes: number_after("/proc/self/status", "VmRSS:").map(|kib| kib * 1024),
            start: boot_time().zip(ticks(21)).map(|(boot, after)| boot + after),
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |duration: Option<Duration>| {
            duration.map(|duration| format!("{:.2}", duration.as_secs_f64()))
        };
        let metrics = [
            (
                "process_cpu_seconds_total",
                Kind::Counter,
                "User and system time.",
                seconds(self.cpu),
            ),
            (
                "process_open_fds",
                Kind::Gauge,
                "Open file descriptors.",
                self.open_fds.map(|fds| fds.to_string()),
            ),
            (
                "process_resident_memory_bytes",
                Kind::Gauge,
                "Resident memory.",
                self.resident_bytes.map(|bytes| bytes.to_string()),
            ),
            (
                "process_start_time_seconds",
                Kind::Gauge,
                "Start, in Unix time.",
                seconds(self.start),
            ),
        ];
        for (name, kind, help, value) in metrics {
            let Some(value) = value else { continue };
            let mut head = String::new();
            text::head(&mut head, name, kind, help);
            writeln!(f, "{head}{name} {value}")?;
        }
        Ok(())
    }
}

/// Field `index` of `/proc/self/stat`, from 0 as in proc(5) less one. The second is the program's name in parentheses and
/// may hold anything, spaces and parentheses too.
fn ticks(stat: &str, index: usize) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let ticks: u64 = after_name.split(' ').nth(index - 2)?.parse().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// Since 1970, to the second.
fn boot_time() -> Option<Duration> {
    number_after("/proc/stat", "btime ").map(Duration::from_secs)
}

/// The first number on the line that starts so.
fn number_after(path: &str, start: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(start))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let stat = "42 (a) b (c) S 1 2 3 0 -1 4 5 6 7 8 150 25 0 0 20 0 3 0 98765 1";
        assert_eq!(ticks(stat, 13), Some(Duration::from_millis(1500)));
        assert_eq!(ticks(stat, 21), Some(Duration::from_millis(987_650)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory_files_and_a_start_in_the_past() {
        let process = Process::observe();
        assert!(process.resident_bytes.unwrap() > 100_000);
        assert!(process.open_fds.unwrap() >= 3);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let age = now.as_secs_f64() - process.start.unwrap().as_secs_f64();
        assert!((-1.0..3600.0).contains(&age), "{age}");
    }

    #[test]
    fn what_could_not_be_read_is_not_shown() {
        let process = Process {
            open_fds: Some(7),
            ..Process::default()
        };
        let expected = "# HELP process_open_fds Open file descriptors.\n# TYPE process_open_fds gauge\nprocess_open_fds 7\n";
        assert_eq!(process.to_string(), expected);
    }
}
