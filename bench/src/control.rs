//! The control plane and its proxies in figures: how fast a change is everywhere, and what it costs; what a proxy does
//! without a control plane, and how much memory one takes that uses little of a large table; and all of it killed at random.
//!
//! Each subcommand measures one thing with the real processes, prints it, and with `--page` puts it into its section of
//! `bench/CONTROL.md`.

mod chaos;
mod fleet;
mod memory;
mod page;
mod proxy;
mod push;
mod server;
mod start;
mod tables;

use anyhow::Result;
use clap::Subcommand;
use tokio::task::LocalSet;

pub(crate) use proxy::Proxy;
pub(crate) use server::{Server, program};

/// What `outrigger-bench control` takes.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Push changes to a fleet of a thousand proxies
    Fleet(fleet::Arguments),
    /// Push ten times a second while requests pass
    Push(push::Arguments),
    /// Start from the disk, and find a control plane again that comes back
    Start(start::Arguments),
    /// Use a few clusters of many, and see what memory that takes
    Memory(memory::Arguments),
    /// Kill proxy, control plane and endpoints at random under load
    Chaos(chaos::Arguments),
}

/// Measures, and prints what came out.
pub async fn run(arguments: Arguments) -> Result<()> {
    let local = LocalSet::new();
    let run = async {
        match arguments.command {
            Command::Fleet(arguments) => fleet::run(arguments).await,
            Command::Push(arguments) => push::run(arguments).await,
            Command::Start(arguments) => start::run(arguments).await,
            Command::Memory(arguments) => memory::run(arguments).await,
            Command::Chaos(arguments) => chaos::run(arguments).await,
        }
    };
    local.run_until(Box::pin(run)).await
}
