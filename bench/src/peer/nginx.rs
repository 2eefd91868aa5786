//! nginx: one process, no master.

use super::{Job, words};
use crate::scenario::Version;

pub(super) fn command(file: &str, job: &Job) -> Vec<String> {
    let directory = job.directory.display().to_string();
    words(["nginx", "-p", &directory, "-c", file, "-e", "stderr"])
}

pub(super) fn config(job: &Job) -> String {
    let Job {
        address, directory, ..
    } = job;
    let directory = directory.display();
    let http2 = match job.downstream {
        Version::Http1 => "",
        Version::Http2 => " http2",
    };
    let servers: String = job
        .endpoints
        .iter()
        .map(|endpoint| format!("    server {endpoint};\n"))
        .collect();
    // Started as root it would drop to `nobody`, who may not write into the directory: hence `user`.
    // A keep-alive connection is closed after 1,000 requests by default: the others have no such limit.
    format!(
        "daemon off;
master_process off;
user root;
pid {directory}/nginx.pid;
error_log stderr crit;
worker_rlimit_nofile 65536;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  keepalive_requests 1000000000;
  client_body_buffer_size 128k;
  upstream endpoints {{
{servers}    keepalive 1024;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {address}{http2} backlog=4096;
    location / {{
      proxy_pass http://endpoints;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
"
    )
}
