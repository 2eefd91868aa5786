//! HAProxy: one process, one thread.

use super::{Job, words};
use crate::scenario::Version;

pub(super) fn command(file: &str) -> Vec<String> {
    words(["haproxy", "-db", "-f", file])
}

pub(super) fn config(job: &Job) -> String {
    let address = job.address;
    let protocol = |version| match version {
        Version::Http1 => "",
        Version::Http2 => " proto h2",
    };
    let downstream = protocol(job.downstream);
    let upstream = protocol(job.upstream);
    let servers: String = job
        .endpoints
        .iter()
        .enumerate()
        .map(|(index, endpoint)| format!("  server e{index} {endpoint}{upstream}\n"))
        .collect();
    format!(
        "global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option forwardfor
  http-reuse always
frontend front
  bind {address}{downstream} backlog 4096
  default_backend endpoints
backend endpoints
  balance roundrobin
{servers}"
    )
}
