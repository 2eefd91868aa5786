//! The command that sets rules, whichever is there.

use std::{
    fmt,
    io::{self, Write},
    path::Path,
    process::{Command, Output, Stdio},
};

use super::{
    Failure, Rules,
    iptables::{self, Family, JUMPS},
    nft, routes,
};

/// Has an entry for each address of IPv6 that the machine has; is not there without IPv6.
const IPV6: &str = "/proc/net/if_inet6";

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Both families and all in one transaction.
    Nft,
    /// Where that is not installed.
    Iptables,
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nft => "nft",
            Self::Iptables => "iptables",
        })
    }
}

impl Tool {
    /// The better one of those that are installed.
    pub fn find() -> Option<Self> {
        let installed = |tool: &Self| run(tool.to_string().as_str(), &["--version"], None).is_ok();
        [Self::Nft, Self::Iptables].into_iter().find(installed)
    }

    /// What would be done.
    pub fn show(self, rules: &Rules, remove: bool) -> String {
        match (self, remove) {
            (Self::Nft, false) => {
                let routes = routes::set(rules).concat();
                format!("# nft -f -\n{}{}", nft::set(rules), shown(&routes))
            }
            (Self::Nft, true) => format!("# nft -f -\n{}", nft::remove()),
            (Self::Iptables, remove) => {
                let each = Family::ALL.map(|family| {
                    let text = match remove {
                        true => iptables::remove(&JUMPS),
                        false => iptables::set(rules, family, &JUMPS),
                    };
                    format!("# {}-restore --noflush\n{text}", family.command())
                });
                each.concat()
            }
        }
    }

    /// Sets the rules, in place of those that were set before.
    ///
    /// # Errors
    /// What the command said.
    pub fn set(self, rules: &Rules) -> Result<(), Failure> {
        match self {
            Self::Nft => {
                forget_routes();
                told("nft", &["-f", "-"], &nft::set(rules))?;
                let [v4, v6] = routes::set(rules);
                let v6 = v6.iter().filter(|_| has_ipv6());
                v4.iter()
                    .chain(v6)
                    .try_for_each(|line| told("ip", line, ""))
            }
            Self::Iptables => families().try_for_each(|family| {
                let jumps = jumps(family, false);
                restore(family, &iptables::set(rules, family, &jumps))
            }),
        }
    }

    /// Takes them away, if they are there.
    ///
    /// # Errors
    /// What the command said.
    pub fn remove(self) -> Result<(), Failure> {
        match self {
            Self::Nft => {
                forget_routes();
                told("nft", &["-f", "-"], &nft::remove())
            }
            Self::Iptables => families()
                .try_for_each(|family| restore(family, &iptables::remove(&jumps(family, true)))),
        }
    }
}

fn has_ipv6() -> bool {
    Path::new(IPV6).exists()
}

/// Those that are not there need no forgetting, and where there is no `ip` there are none.
fn forget_routes() {
    for line in routes::FORGET {
        let _ = run("ip", line, None);
    }
}

fn shown(lines: &[routes::Line]) -> String {
    let lines = lines
        .iter()
        .map(|line| format!("# ip {}\n", line.join(" ")));
    lines.collect()
}

fn families() -> impl Iterator<Item = Family> {
    let known = |family: &Family| *family == Family::V4 || has_ipv6();
    Family::ALL.into_iter().filter(known)
}

/// The jumps that are there, or those that are not.
fn jumps(family: Family, there: bool) -> Vec<(&'static str, &'static str)> {
    let is_there = |(from, to): &(&str, &str)| {
        let checked = run(
            family.command(),
            &["-w", "-t", "nat", "-C", from, "-j", to],
            None,
        );
        checked.is_ok_and(|output| output.status.success())
    };
    JUMPS
        .into_iter()
        .filter(|jump| is_there(jump) == there)
        .collect()
}

fn restore(family: Family, text: &str) -> Result<(), Failure> {
    let command = match family {
        Family::V4 => "iptables-restore",
        Family::V6 => "ip6tables-restore",
    };
    told(command, &["-w", "--noflush"], text)
}

fn told(command: &str, arguments: &[&str], text: &str) -> Result<(), Failure> {
    let output = run(command, arguments, Some(text)).map_err(|error| Failure::Run {
        command: command.to_owned(),
        error,
    })?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Failure::Refused {
            command: command.to_owned(),
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        }),
    }
}

fn run(command: &str, arguments: &[&str], input: Option<&str>) -> io::Result<Output> {
    let mut child = Command::new(command)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let (Some(mut stdin), Some(text)) = (child.stdin.take(), input) {
        // One that does not read to the end says why on stderr.
        let _ = stdin.write_all(text.as_bytes());
    }
    child.wait_with_output()
}
