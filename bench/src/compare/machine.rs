//! Where and when the figures were taken: they mean nothing without it.

use std::{
    fmt::Write,
    fs,
    time::{Duration, SystemTime},
};

use anyhow::Result;

use crate::peer::Peer;

/// The head of the results file.
pub(super) fn heading(
    core: usize,
    peers: &[(Peer, String)],
    rounds: usize,
    duration: Duration,
) -> Result<String> {
    let today = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let today = today.split('T').next().unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg")?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mut text = format!(
        "# Outrigger and its peers, measured\n\n\
         {today}, {model}, Linux {kernel}, load average {load} before. Command: `{command}`.\n\n\
         Proxy, client and three endpoints on one core (core {core}); the same job for each: one worker, keep-alive on \
         both sides, no access log. Medians of {rounds} interleaved runs of {duration:?}. CPU, memory and system calls \
         are those of the proxy's process tree; instructions are user instructions a request by callgrind. The machine \
         drifts by 10 to 15 %: only ratios within one table count.\n\n",
        model = cpu_model()?,
        kernel = kernel.trim(),
        load = load.split(' ').next().unwrap_or_default(),
        command = command_line(),
    );
    for (peer, version) in peers.iter().filter(|(_, version)| !version.is_empty()) {
        writeln!(text, "- {}: `{version}`", peer.name())?;
    }
    Ok(text)
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

/// How this program was called, without the folder it lies in.
fn command_line() -> String {
    let arguments = std::env::args().skip(1);
    let words: Vec<String> = std::iter::once("outrigger-bench".to_owned())
        .chain(arguments)
        .collect();
    words.join(" ")
}
