//! What a process and its descendants have used, read from `/proc` (proc(5)).

use std::{collections::HashMap, fs};

use anyhow::{Context, Result};

/// CPU time of a tree: up to a moment, or, subtracted, between two.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cpu {
    /// By the scheduler's account, exact.
    microseconds: f64,
    /// By the tick that found it running, 10 ms each: too coarse for a proxy that is mostly idle, but the
    /// only account that tells user from kernel mode.
    user_ticks: u64,
    system_ticks: u64,
}

impl Cpu {
    /// Microseconds in the program's own code.
    pub fn user(self) -> f64 {
        let ticks = self.user_ticks + self.system_ticks;
        self.microseconds * self.user_ticks as f64 / ticks.max(1) as f64
    }

    /// Microseconds in the kernel on its behalf.
    pub fn system(self) -> f64 {
        self.microseconds - self.user()
    }
}

impl std::iter::Sum for Cpu {
    fn sum<I: Iterator<Item = Self>>(trees: I) -> Self {
        trees.fold(Self::default(), |sum, tree| Self {
            microseconds: sum.microseconds + tree.microseconds,
            user_ticks: sum.user_ticks + tree.user_ticks,
            system_ticks: sum.system_ticks + tree.system_ticks,
        })
    }
}

impl std::ops::Sub for Cpu {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            microseconds: self.microseconds - earlier.microseconds,
            user_ticks: self.user_ticks.saturating_sub(earlier.user_ticks),
            system_ticks: self.system_ticks.saturating_sub(earlier.system_ticks),
        }
    }
}

/// The CPU time of `root` and its descendants so far: of those that live, which is all of a proxy.
pub fn cpu(root: u32) -> Result<Cpu> {
    let mut sum = Cpu::default();
    for id in members(root)? {
        // Between the listing and this line a process may have ended.
        if let Some((stat, microseconds)) = Stat::read(id).zip(run_time(id)) {
            sum.microseconds += microseconds;
            sum.user_ticks += stat.user;
            sum.system_ticks += stat.system;
        }
    }
    Ok(sum)
}

/// The microseconds that a process's living threads have spent on a core.
fn run_time(id: u32) -> Option<f64> {
    let threads = fs::read_dir(format!("/proc/{id}/task")).ok()?;
    let times = threads.filter_map(|thread| {
        let account = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        account.split_whitespace().next()?.parse::<f64>().ok()
    });
    // In nanoseconds there.
    Some(times.sum::<f64>() / 1000.0)
}

/// The resident memory of `root` and its descendants, in KiB.
pub fn resident(root: u32) -> Result<u64> {
    let sizes = members(root)?.into_iter().filter_map(|id| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    Ok(sizes.sum())
}

/// `root` and its descendants.
pub fn members(root: u32) -> Result<Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").context("reading `/proc`")? {
        let id = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let Some((id, stat)) = id.and_then(|id| Some((id, Stat::read(id)?))) {
            children.entry(stat.parent).or_default().push(id);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&id) = found.get(next) {
        found.extend(children.remove(&id).unwrap_or_default());
        next += 1;
    }
    Ok(found)
}

/// The fields of `/proc/PID/stat` that are used here; times in ticks.
#[derive(Debug, PartialEq)]
struct Stat {
    parent: u32,
    user: u64,
    system: u64,
}

impl Stat {
    fn read(id: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
    }

    fn parse(line: &str) -> Option<Self> {
        // The command's name (field 2) is in parentheses and may itself contain spaces and parentheses.
        let (_, after_name) = line.rsplit_once(')')?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(number(4)?).ok()?,
            user: number(14)?,
            system: number(15)?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_shifts_no_field() {
        let line = "42 (a) b (c)) S 7 1 1 0 -1 4194304 9 0 0 0 100 20 3 4 20 0 1 0 5 6 7";
        let stat = Stat {
            parent: 7,
            user: 100,
            system: 20,
        };
        assert_eq!(Stat::parse(line), Some(stat));
    }

    #[test]
    fn the_exact_time_is_split_by_the_ticks() {
        let cpu = Cpu {
            microseconds: 41_000.0,
            user_ticks: 3,
            system_ticks: 1,
        };
        assert_eq!((cpu.user(), cpu.system()), (30_750.0, 10_250.0));
    }

    #[test]
    fn this_process_is_the_root_of_its_own_tree() {
        let this = std::process::id();
        assert_eq!(members(this).unwrap()[0], this);
        assert!(resident(this).unwrap() > 0);
    }
}
