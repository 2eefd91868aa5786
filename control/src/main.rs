//! `outrigger-control`: will turn sources (files, Kubernetes, Consul, etcd) into tables and push them to the proxies over
//! xDS. Not built yet: today a proxy takes its table from a file.

use std::process::ExitCode;

fn main() -> ExitCode {
    eprintln!(
        "error: the control plane is not built yet\nhint: `outrigger --config FILE` serves a table from a file"
    );
    ExitCode::FAILURE
}
