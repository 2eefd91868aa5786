//! Where and when figures were taken: they mean nothing without it.

use std::{fmt::Write, fs, time::SystemTime};

use anyhow::{Context, Result};

use crate::peer::{Peer, outrigger};

/// The day, the machine, how busy it was, and the command, in two sentences.
pub fn sentence() -> Result<String> {
    let today = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let today = today.split('T').next().unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg")?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!(
        "{today}, {model}, Linux {kernel}, load average {load} before. Command: `{command}`.",
        model = cpu_model()?,
        kernel = kernel.trim(),
        load = load.split(' ').next().unwrap_or_default(),
        command = command_line(),
    ))
}

/// A list of the proxies with their versions.
pub fn versions(peers: &[(Peer, String)]) -> String {
    let mut text = String::new();
    for (peer, version) in peers.iter().filter(|(_, version)| !version.is_empty()) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "- {}: `{version}`", peer.name());
    }
    text
}

/// Pages that the kernel holds in buffers of TCP, for everybody on this machine.
///
/// # Errors
/// When it does not tell.
pub fn tcp_pages() -> Result<u64> {
    let sockets = fs::read_to_string("/proc/net/sockstat")?;
    let tcp = sockets.lines().find(|line| line.starts_with("TCP:"));
    let mut words = tcp.unwrap_or_default().split(' ');
    let pages = words.by_ref().find(|word| *word == "mem").and(words.next());
    let pages = pages.context("`/proc/net/sockstat` does not say what TCP has of memory")?;
    Ok(pages.parse()?)
}

/// The CPU's name and how many there are.
fn cpu_model() -> Result<String> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let mut models = info.lines().filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    let model = models.next().unwrap_or_else(|| "unknown CPU".to_owned());
    Ok(format!("{} x {model}", models.count() + 1))
}

/// How this program was called, without the folder it lies in, and which build of the proxy it was told to take.
fn command_line() -> String {
    let binary = std::env::var(outrigger::BINARY).ok();
    let binary = binary.map(|path| format!("{}={path}", outrigger::BINARY));
    let arguments = std::env::args().skip(1);
    let words: Vec<String> = binary
        .into_iter()
        .chain(["outrigger-bench".to_owned()])
        .chain(arguments)
        .collect();
    words.join(" ")
}
