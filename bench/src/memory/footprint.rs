//! The memory of processes, as the kernel counts it (proc(5), `smaps_rollup`).

use std::fs;

use anyhow::{Context, Result};

use crate::{process::tree, stand::Stand};

/// KiB of a proxy, its children included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Footprint {
    /// All that is in memory.
    pub(super) resident: u64,
    /// What of it nobody shares.
    pub(super) private: u64,
}

impl Footprint {
    pub(super) fn of(stand: &Stand) -> Result<Self> {
        let mut sum = Self::default();
        for root in stand.ids()? {
            for id in tree::members(root)? {
                let path = format!("/proc/{id}/smaps_rollup");
                let text =
                    fs::read_to_string(&path).with_context(|| format!("reading `{path}`"))?;
                sum.add(&text);
            }
        }
        Ok(sum)
    }

    fn add(&mut self, rollup: &str) {
        for line in rollup.lines() {
            let mut words = line.split_whitespace();
            let (Some(name), Some(kib)) = (words.next(), words.next()) else {
                continue;
            };
            let kib: u64 = kib.parse().unwrap_or_default();
            match name {
                "Rss:" => self.resident += kib,
                "Private_Clean:" | "Private_Dirty:" => self.private += kib,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_private_is_told_from_what_is_there() {
        let mut footprint = Footprint::default();
        footprint.add(
            "5581 ---p 00000000 00:00 0 [rollup]\nRss:  900 kB\nPss:  500 kB\nPrivate_Clean:  100 kB\nPrivate_Dirty:  300 kB\n",
        );
        let expected = Footprint {
            resident: 900,
            private: 400,
        };
        assert_eq!(footprint, expected);
    }
}
