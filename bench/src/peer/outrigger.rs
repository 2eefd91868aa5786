//! Outrigger as its users run it: the release binary, a file, and everything on that is on by default.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::{
    Balancer, Policy, Retry, Setup, Wire,
    policy::{ATTEMPTS, milliseconds},
    words,
};
use crate::job::{Door, INTRODUCED, Version};

/// In the environment: the build of the proxy to take.
pub const BINARY: &str = "OUTRIGGER_BENCH_BINARY";

/// That one, or the `outrigger` beside this program: one build makes both.
pub fn program() -> Result<PathBuf> {
    if let Some(program) = std::env::var_os(BINARY) {
        return Ok(program.into());
    }
    let this = std::env::current_exe().context("finding this program")?;
    let program = this.with_file_name("outrigger");
    ensure!(
        program.exists(),
        "there is no `{}`: build it with `cargo build --release -p outrigger`",
        program.display()
    );
    Ok(program)
}

pub(super) fn command(file: &str, setup: &Setup) -> Result<Vec<String>> {
    let program = program()?.display().to_string();
    let workers = setup.workers.to_string();
    Ok(words([&program, "--config", file, "--workers", &workers]))
}

/// A whole, small configuration.
pub fn config(setup: &Setup) -> String {
    let Setup { address, admin, .. } = setup;
    let endpoints: Vec<String> = setup.endpoints.iter().map(ToString::to_string).collect();
    let endpoints = endpoints.join(", ");
    let protocol = match setup.upstream {
        Version::Http1 => "http1",
        Version::Http2 => "http2",
    };
    let forbidden = setup.forbidden.map_or_else(String::new, |path| {
        format!("      - match: {{ path: {{ prefix: {path} }} }}\n        filters: [respond: {{ status: 403 }}]\n")
    });
    let route = setup.policy.as_ref().map(of_route).unwrap_or_default();
    let cluster = setup.policy.as_ref().map(of_cluster).unwrap_or_default();
    let identity = match setup.shown(setup.front).or(setup.shown(setup.back)) {
        Some(shown) if setup.front == Wire::Mutual || setup.back == Wire::Mutual => format!(
            "identity: {{ cert: {}, key: {}, ca: {} }}\n",
            shown.cert().display(),
            shown.key().display(),
            shown.ca().display()
        ),
        _ => String::new(),
    };
    let front = match (setup.front, setup.shown(setup.front)) {
        (Wire::Tls, Some(shown)) => format!(
            "    tls: {{ certificates: [{{ cert: {}, key: {} }}] }}\n",
            shown.cert().display(),
            shown.key().display()
        ),
        (Wire::Mutual, _) => "    tls: mesh\n".to_owned(),
        _ => String::new(),
    };
    let back = match setup.back {
        Wire::Mutual => "    tls: mesh\n".to_owned(),
        Wire::Cleartext | Wire::Tls if setup.bytes => String::new(),
        Wire::Cleartext | Wire::Tls => format!("    protocol: {protocol}\n"),
    };
    let door = match setup.door {
        Door::Open => String::new(),
        Door::Limited(most) => format!("    limits: {{ connections: {most} }}\n"),
        Door::Introduced => format!("    proxy_protocol: {{ trusted: [{INTRODUCED}/32] }}\n"),
        Door::Detecting => "    protocol: detect\n    cluster: web\n".to_owned(),
    };
    let serves = match setup.bytes {
        true => "    protocol: tcp\n    cluster: web\n".to_owned(),
        false => format!("    routes:\n{forbidden}      - cluster: web\n{route}"),
    };
    format!(
        "admin: {{ address: {admin} }}
{identity}listeners:
  - address: {address}
{front}{door}{serves}clusters:
  web:
    endpoints: [{endpoints}]
{back}{cluster}"
    )
}

fn of_route(policy: &Policy) -> String {
    let attempt = milliseconds(policy.attempt_timeout);
    let whole = milliseconds(policy.attempt_timeout * ATTEMPTS);
    let mut text = format!("        attempt_timeout: {attempt}\n        timeout: {whole}\n");
    // What cannot have reached an endpoint is retried by default.
    if policy.retry == Retry::Failures {
        text.push_str(&format!(
            "        retry:\n          attempts: {ATTEMPTS}\n          on: [connect_failure, refused_stream, reset, 5xx, attempt_timeout]\n"
        ));
    }
    text
}

fn of_cluster(policy: &Policy) -> String {
    let mut text = String::new();
    let mut key = |line: &str| text.push_str(&format!("    {line}\n"));
    match policy.balancer {
        Balancer::Default => {}
        Balancer::LeastRequest => key("balancer: least_request"),
        Balancer::RoundRobin => key("balancer: round_robin"),
        Balancer::Random => key("balancer: random"),
    }
    if policy.ejection {
        key("outlier_detection: {}");
    }
    if policy.limit.is_some() {
        key("limits: { adaptive: {} }");
    }
    if let Some(time) = policy.slow_start {
        key(&format!("slow_start: {}", milliseconds(time)));
    }
    text
}
