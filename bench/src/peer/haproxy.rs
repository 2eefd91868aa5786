//! HAProxy: one process, one thread; a master beside it where it has to load another configuration.

use super::{
    Balancer, Policy, Retry, Setup, Wire,
    policy::{ATTEMPTS, CONNECT_TIMEOUT, FAILURES, milliseconds},
    words,
};
use crate::{
    job::{Door, INTRODUCED, Version},
    tls::NAME,
};

/// Connections of callers, unless more are announced; and beyond those, for who looks whether it serves.
const ROOM: usize = 4096;
const SPARE: usize = 100;

pub(super) fn command(file: &str, setup: &Setup) -> Vec<String> {
    let mut command = words(["haproxy", "-db", "-f", file]);
    if setup.reloads() {
        command.push("-W".to_owned());
    }
    command
}

pub(super) fn config(setup: &Setup) -> String {
    let Setup {
        address,
        directory,
        workers,
        ..
    } = setup;
    let downstream = front(setup);
    let upstream = back(setup);
    let mode = match setup.bytes {
        true => "tcp",
        false => "http\n  option forwardfor\n  http-reuse always",
    };
    let policy = setup.policy.as_ref();
    let connect = policy.map_or("5s".to_owned(), |_| milliseconds(CONNECT_TIMEOUT));
    let server = policy.map_or("60s".to_owned(), |policy| {
        milliseconds(policy.attempt_timeout)
    });
    let pick = match policy.map_or(Balancer::Default, |policy| policy.balancer) {
        Balancer::Default | Balancer::RoundRobin => "roundrobin",
        Balancer::LeastRequest => "leastconn",
        Balancer::Random => "random",
    };
    // The new process takes the listening sockets from the old one through this socket.
    let of_process = match setup.reloads() {
        true => format!(
            "  stats socket {}/haproxy.sock mode 600 level admin expose-fd listeners\n",
            directory.display()
        ),
        false => String::new(),
    };
    let forbidden = setup.forbidden.map_or_else(String::new, |path| {
        format!(
            "  http-request deny deny_status 403 if {{ path {path} }} or {{ path_beg {path}/ }}\n"
        )
    });
    // It wants two descriptors for each, and does not start where there are fewer.
    let room = ROOM.max(setup.connections + SPARE);
    let door = match setup.door {
        Door::Limited(most) => format!("  maxconn {most}\n"),
        Door::Introduced => {
            format!("  tcp-request connection expect-proxy layer4 if {{ src {INTRODUCED} }}\n")
        }
        Door::Open | Door::Detecting => String::new(),
    };
    let [of_backend, of_server] = policy.map(words_of).unwrap_or_default();
    let servers: String = setup
        .endpoints
        .iter()
        .enumerate()
        .map(|(index, endpoint)| format!("  server e{index} {endpoint}{upstream}{of_server}\n"))
        .collect();
    format!(
        "global
  nbthread {workers}
  maxconn {room}
{of_process}defaults
  mode {mode}
  timeout connect {connect}
  timeout client 60s
  timeout server {server}
frontend front
  bind {address}{downstream} backlog 4096
{door}{forbidden}  default_backend endpoints
backend endpoints
  balance {pick}
{of_backend}{servers}"
    )
}

/// What callers have to speak.
fn front(setup: &Setup) -> String {
    let alpn = match setup.downstream {
        Version::Http1 => "http/1.1",
        Version::Http2 => "h2",
    };
    let Some(shown) = setup.shown(setup.front) else {
        return proto(setup.downstream).to_owned();
    };
    let callers = match setup.front {
        Wire::Mutual => format!(" verify required ca-file {}", shown.ca().display()),
        Wire::Cleartext | Wire::Tls => String::new(),
    };
    format!(
        " ssl crt {} ssl-min-ver TLSv1.2 alpn {alpn}{callers}",
        shown.both().display()
    )
}

/// What endpoints are spoken to in.
fn back(setup: &Setup) -> String {
    let Some(shown) = setup.shown(setup.back) else {
        return proto(setup.upstream).to_owned();
    };
    let alpn = match setup.upstream {
        Version::Http1 => "http/1.1",
        Version::Http2 => "h2",
    };
    format!(
        " ssl verify required ca-file {} crt {} sni str({NAME}) verifyhost {NAME} alpn {alpn}",
        shown.ca().display(),
        shown.both().display()
    )
}

fn proto(version: Version) -> &'static str {
    match version {
        Version::Http1 => "",
        Version::Http2 => " proto h2",
    }
}

/// The policy, where it is said: for the backend, at each server. HAProxy has no limit that finds itself and no budget,
/// and what it ejects comes back by active checks only.
fn words_of(policy: &Policy) -> [String; 2] {
    let again = match policy.retry {
        Retry::Connect => "conn-failure",
        Retry::Failures => "all-retryable-errors",
    };
    let mut of_backend = format!(
        "  retries {}\n  option redispatch 1\n  retry-on {again}\n",
        ATTEMPTS - 1
    );
    let mut of_server = String::new();
    if policy.ejection {
        of_backend.push_str("  option httpchk\n  http-check send meth GET uri /health ver HTTP/1.1 hdr host endpoint\n");
        of_server.push_str(&format!(
            " check inter 1s fall 2 rise 2 observe layer7 error-limit {FAILURES} on-error mark-down"
        ));
    }
    if let Some(limit) = policy.limit {
        // Who cannot be served within the time of one request more is refused.
        of_backend.push_str("  timeout queue 20ms\n");
        of_server.push_str(&format!(" maxconn {limit}"));
    }
    if let Some(time) = policy.slow_start {
        of_server.push_str(&format!(" slowstart {}", milliseconds(time)));
    }
    [of_backend, of_server]
}
