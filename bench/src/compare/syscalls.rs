//! System calls a request: by the kernel's tracepoint (perf), else by strace.

use std::{process::Stdio, sync::Once, time::Duration};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{process::Command, time::sleep};

use crate::{
    load::{Fleet, Plan},
    process::tree,
};

/// Until a tracer has attached to all threads.
const ATTACH: Duration = Duration::from_millis(200);

/// Counts while `fleet` sends by `plan`; says once on standard error why it cannot.
pub(super) async fn a_request(proxies: &[u32], fleet: &Fleet, plan: Plan) -> Option<f64> {
    static SAID: Once = Once::new();
    match count(proxies, fleet, plan).await {
        Ok(calls) => Some(calls),
        Err(error) => {
            SAID.call_once(|| eprintln!("SKIPPED system calls: {error:#}"));
            None
        }
    }
}

async fn count(proxies: &[u32], fleet: &Fleet, plan: Plan) -> Result<f64> {
    match traced(PERF, proxies, fleet, plan).await {
        Ok(calls) => Ok(calls),
        Err(perf) => traced(STRACE, proxies, fleet, plan)
            .await
            .with_context(|| format!("perf: {perf:#}; strace")),
    }
}

/// A program that counts the system calls of processes until SIGINT, then prints the sum on standard error.
struct Tracer {
    program: &'static str,
    arguments: &'static [&'static str],
    read: fn(&str) -> Option<f64>,
}

const PERF: Tracer = Tracer {
    program: "perf",
    arguments: &["stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p"],
    // `43210,,raw_syscalls:sys_enter,...`
    read: |text| {
        let line = text.lines().find(|line| line.contains("sys_enter"))?;
        line.split(',').next()?.parse().ok()
    },
};

const STRACE: Tracer = Tracer {
    program: "strace",
    arguments: &["-f", "-c", "-U", "name,calls", "-p"],
    // The last line: `total   43210`.
    read: |text| {
        let line = text.lines().rev().find(|line| line.contains("total"))?;
        line.split_whitespace().find_map(|word| word.parse().ok())
    },
};

async fn traced(tracer: Tracer, proxies: &[u32], fleet: &Fleet, plan: Plan) -> Result<f64> {
    let trees = proxies.iter().map(|proxy| tree::members(*proxy));
    let members: Vec<Vec<u32>> = trees.collect::<Result<_>>()?;
    let members: Vec<String> = members.iter().flatten().map(ToString::to_string).collect();
    let child = Command::new(tracer.program)
        .args(tracer.arguments)
        .arg(members.join(","))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting `{}`", tracer.program))?;
    let pid = child.id().and_then(|id| Pid::from_raw(id as i32));
    sleep(ATTACH).await;
    let report = fleet.run(plan).await?;
    if let Some(pid) = pid {
        kill_process(pid, Signal::INT)?;
    }
    let output = child.wait_with_output().await?;
    let text = String::from_utf8_lossy(&output.stderr);
    let calls = (tracer.read)(&text).with_context(|| format!("it said `{}`", text.trim()))?;
    ensure!(calls > 0.0, "it counted none");
    Ok(calls / report.requests() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_found_in_what_the_tracers_print() {
        let perf = "43210,,raw_syscalls:sys_enter,500123,100.00,,\n";
        assert_eq!((PERF.read)(perf), Some(43210.0));
        let strace = "syscall     calls\n--------- ---------\nread      10\n--------- ---------\ntotal     43210\n";
        assert_eq!((STRACE.read)(strace), Some(43210.0));
    }

    #[test]
    fn a_count_that_perf_could_not_take_is_none() {
        let refused = "<not counted>,,raw_syscalls:sys_enter,0,0.00,,\n";
        assert_eq!((PERF.read)(refused), None);
    }
}
