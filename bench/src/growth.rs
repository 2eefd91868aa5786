//! Growth: what requests and updates cost as a table gets larger, and what a large table takes of memory and time.
//!
//! A request should cost the same beside 10 others and beside 10,000; an update what it changes. Requests are counted in
//! instructions of a worker's thread (callgrind, as in `check`), updates in CPU time by thread, as the kernel has it: what
//! a worker spends for an update is what the requests on it wait for at most. Both say the same on a busy machine.

mod footprint;
mod page;
mod picture;
mod proxy;
mod request;
mod table;
mod update;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use tokio::task::LocalSet;

use crate::{machine, process::core};

/// What `outrigger-bench growth` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// How many of each kind, one measure after another
    #[arg(long, value_delimiter = ',', default_value = "10,1000,10000")]
    sizes: Vec<usize>,
    /// Changes that are measured, of each size
    #[arg(long, default_value_t = 20)]
    changes: usize,
    /// Starts that are measured
    #[arg(long, default_value_t = 20)]
    starts: usize,
    /// Where the plot goes
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/results/growth.svg"))]
    picture: PathBuf,
    /// Where the page goes that shows it; printed only, if there is none
    #[arg(long, value_name = "FILE", num_args = 0..=1,
          default_missing_value = concat!(env!("CARGO_MANIFEST_DIR"), "/GROWTH.md"))]
    page: Option<PathBuf>,
}

/// Measures, and writes what came out.
pub async fn run(arguments: Arguments) -> Result<()> {
    let machine = machine::sentence()?;
    // Client, endpoints and proxy take turns: what they wait for one another is not measured.
    core::pin_to_one()?;
    let measured = async {
        let requests = request::measure(&arguments.sizes).await?;
        let updates = update::measure(&arguments.sizes, arguments.changes).await?;
        let footprint = footprint::measure(arguments.starts).await?;
        anyhow::Ok((requests, updates, footprint))
    };
    let (requests, updates, footprint) = LocalSet::new().run_until(Box::pin(measured)).await?;
    let text = page::text(&requests, &updates, &footprint, &machine);
    println!("{text}");
    let Some(page) = &arguments.page else {
        return Ok(());
    };
    let picture = picture::svg(&requests, &updates);
    for (path, text) in [(&arguments.picture, &picture), (page, &text)] {
        fs::write(path, text).with_context(|| format!("writing `{}`", path.display()))?;
    }
    Ok(())
}
