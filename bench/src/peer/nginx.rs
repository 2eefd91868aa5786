//! nginx: one process, no master, unless it has to load another configuration.

use std::path::Path;

use super::{
    Balancer, Policy, Retry, Setup, Wire,
    policy::{ATTEMPTS, CONNECT_TIMEOUT, FAILURES, OUT, milliseconds},
    words,
};
use crate::{
    job::{Door, Version},
    tls::{Certificates, NAME},
};

pub(super) fn command(file: &str, setup: &Setup) -> Vec<String> {
    let directory = setup.directory.display().to_string();
    words(["nginx", "-p", &directory, "-c", file, "-e", "stderr"])
}

pub(super) fn config(setup: &Setup) -> String {
    let Setup {
        address,
        directory,
        workers,
        ..
    } = setup;
    let directory = directory.display();
    let http2 = match setup.downstream {
        Version::Http1 => "",
        Version::Http2 => " http2",
    };
    let policy = setup.policy.as_ref();
    let master = match setup.has_master() {
        true => "on",
        false => "off",
    };
    let forbidden = setup.forbidden.map_or_else(String::new, |path| {
        format!("    location = {path} {{ return 403; }}\n    location {path}/ {{ return 403; }}\n")
    });
    let [pick, of_server, of_location] = policy.map(words_of).unwrap_or_default();
    let servers: String = setup
        .endpoints
        .iter()
        .map(|endpoint| format!("    server {endpoint}{of_server};\n"))
        .collect();
    let front = setup.shown(setup.front);
    let ssl = front.map_or("", |_| " ssl");
    let of_server = front.map_or_else(String::new, |shown| front_tls(shown, setup.front));
    let (scheme, of_back) = match setup.shown(setup.back) {
        Some(shown) => ("https", back_tls(shown)),
        None => ("http", String::new()),
    };
    // Started as root it would drop to `nobody`, who may not write into the directory: hence `user`.
    // A keep-alive connection is closed after 1,000 requests by default: the others have no such limit.
    let connections = match setup.door {
        Door::Limited(most) => most + FOR_ENDPOINTS,
        _ => 16384,
    };
    let process = format!(
        "daemon off;
master_process {master};
worker_processes {workers};
user root;
pid {directory}/nginx.pid;
error_log stderr crit;
worker_rlimit_nofile 65536;
events {{ worker_connections {connections}; }}
"
    );
    if setup.bytes {
        return format!(
            "load_module {STREAMS};
{process}stream {{
  upstream endpoints {{
{servers}  }}
  server {{
    listen {address} backlog=4096;
    proxy_pass endpoints;
  }}
}}
"
        );
    }
    format!(
        "{process}http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  keepalive_requests 1000000000;
  client_body_buffer_size 128k;
  upstream endpoints {{
{pick}{servers}    keepalive 1024;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {address}{ssl}{http2} backlog=4096;
{of_server}{forbidden}    location / {{
      proxy_pass {scheme}://endpoints;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
{of_back}{of_location}    }}
  }}
}}
"
    )
}

/// Its limit counts all connections: so many beside those of callers.
const FOR_ENDPOINTS: usize = 100;

/// Its module for passing bytes on, of a package of its own.
const STREAMS: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// Whether it can pass bytes on.
pub(super) fn has_streams() -> bool {
    Path::new(STREAMS).exists()
}

fn front_tls(shown: &Certificates, wire: Wire) -> String {
    let (cert, key, ca) = (shown.cert(), shown.key(), shown.ca());
    let mut text = format!(
        "    ssl_certificate {};
    ssl_certificate_key {};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:sessions:10m;
",
        cert.display(),
        key.display()
    );
    if wire == Wire::Mutual {
        text.push_str(&format!(
            "    ssl_verify_client on;\n    ssl_client_certificate {};\n",
            ca.display()
        ));
    }
    text
}

fn back_tls(shown: &Certificates) -> String {
    format!(
        "      proxy_ssl_certificate {};
      proxy_ssl_certificate_key {};
      proxy_ssl_trusted_certificate {};
      proxy_ssl_verify on;
      proxy_ssl_name {NAME};
      proxy_ssl_server_name on;
      proxy_ssl_protocols TLSv1.3;
",
        shown.cert().display(),
        shown.key().display(),
        shown.ca().display()
    )
}

/// The policy, where it is said: before the servers, at each of them, at the location. nginx has no slow start, no
/// limit that finds itself and no budget, and it counts a 5xx against a server only where it may also retry it.
fn words_of(policy: &Policy) -> [String; 3] {
    let pick = match policy.balancer {
        Balancer::Default | Balancer::RoundRobin => "",
        Balancer::LeastRequest => "    least_conn;\n",
        Balancer::Random => "    random;\n",
    };
    let mut of_server = match policy.ejection {
        true => format!(" max_fails={FAILURES} fail_timeout={}s", OUT.as_secs()),
        false => " max_fails=0".to_owned(),
    };
    if let Some(limit) = policy.limit {
        of_server.push_str(&format!(" max_conns={limit}"));
    }
    let again = match policy.retry {
        // It cannot tell a refused connection from one that broke later.
        Retry::Connect => "error",
        Retry::Failures => "error timeout http_500 http_502 http_503 http_504",
    };
    let of_location = format!(
        "      proxy_connect_timeout {connect};
      proxy_read_timeout {attempt};
      proxy_next_upstream {again};
      proxy_next_upstream_tries {ATTEMPTS};
",
        connect = milliseconds(CONNECT_TIMEOUT),
        attempt = milliseconds(policy.attempt_timeout),
    );
    [pick.to_owned(), of_server, of_location]
}
