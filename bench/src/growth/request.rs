//! Instructions of a worker for a request, among more and more of a kind.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{
    proxy::{Doors, Proxy, endpoints},
    table::{self, Of},
};
use crate::{callgrind::total, stand::scratch};

/// Requests in the shorter of two runs; the longer has three times as many. What is in both does not count.
const SAMPLE: u64 = 500;

/// A count.
pub(super) struct Request {
    pub(super) of: Of,
    pub(super) size: usize,
    /// Instructions a request.
    pub(super) instructions: f64,
}

/// Counts all of them.
pub(super) async fn measure(sizes: &[usize]) -> Result<Vec<Request>> {
    let (_endpoints, port) = endpoints().await?;
    let mut measured = Vec::new();
    for of in Of::ALL {
        for &size in sizes {
            let short = instructions(of, size, port, SAMPLE).await?;
            let long = instructions(of, size, port, SAMPLE * 3).await?;
            let instructions = (long as f64 - short as f64) / (SAMPLE * 2) as f64;
            eprintln!(
                "{size:6} {:9} {instructions:8.0} instructions a request",
                of.name()
            );
            measured.push(Request {
                of,
                size,
                instructions,
            });
        }
    }
    Ok(measured)
}

/// Of a worker's whole life with so many requests in it.
async fn instructions(of: Of, size: usize, port: u16, requests: u64) -> Result<u64> {
    let directory = scratch()?;
    let doors = Doors::free()?;
    let file = directory.path().join("table.yaml");
    fs::write(
        &file,
        table::whole(of, size, doors.listens, doors.admin, port),
    )?;
    let counts = directory.path().join("counts");
    let wrapper = [
        "valgrind".to_owned(),
        "--tool=callgrind".to_owned(),
        "--fair-sched=yes".to_owned(),
        // What the control thread does meanwhile depends on how long that is, which is fifty times too long here.
        "--separate-threads=yes".to_owned(),
        format!("--callgrind-out-file={}", counts.display()),
    ];
    let arguments = ["--config", &file.display().to_string()];
    let host = table::host(of, size);
    let log = directory.path().join("output.log");
    let proxy = Proxy::start(&wrapper, &arguments, doors, &host, &log).await?;
    proxy.ask(requests).await?;
    proxy.stop().await?;
    worker(directory.path())
}

/// The count of the thread that served: among those with a file, the one that went through `Worker`'s loop.
fn worker(directory: &Path) -> Result<u64> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with("counts-") && fs::read_to_string(&path)?.contains("worker::run") {
            return total(&path);
        }
    }
    Err(anyhow::anyhow!("callgrind left no file of a worker"))
        .context(directory.display().to_string())
}
