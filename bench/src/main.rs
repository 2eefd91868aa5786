//! The command line: one subcommand for each thing that can be measured or shown.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use outrigger_bench::{
    attack, check, compare, control, corpus, demo, endpoint, growth, load, memory, path,
    process::leash, scenario, simulate, train,
};

/// Sample endpoints, load, peers side by side, instruction counts, the demo.
#[derive(Parser)]
#[command(name = "outrigger-bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a sample endpoint: HTTP/1.1 and h2c on one port
    Endpoint(endpoint::Arguments),
    /// Send load to one address and print what came back
    Load(load::Arguments),
    /// Measure the proxies side by side, same job each
    Compare(compare::Arguments),
    /// Compare Outrigger's instructions a request with the checked-in ones
    Check(check::Arguments),
    /// Play failures to the proxies and see what the client gets
    Scenario(scenario::Arguments),
    /// Send hostile and odd messages of HTTP/1 to the proxies and show where they differ
    Corpus(corpus::Arguments),
    /// Attack the proxies and see what a good client gets meanwhile
    Attack(attack::Arguments),
    /// See what the proxies hold at rest, for each connection, and after a crowd
    Memory(memory::Arguments),
    /// Measure the control plane and what proxies do with it and without it
    Control(control::Arguments),
    /// Measure how costs grow with the table, up to 10,000 of a kind
    Growth(growth::Arguments),
    /// Measure how fast one stream runs over a long path
    Path(path::Arguments),
    /// Load one proxy with all jobs, for a build that is guided by what it does then
    Train(train::Arguments),
    /// Drive the balancers on a virtual clock through good and bad days
    Simulate(simulate::Arguments),
    /// Show a proxy at work on three endpoints, one of them slow
    Demo(demo::Arguments),
    #[command(hide = true)]
    Leash(leash::Arguments),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Endpoint(arguments) => endpoint::run(arguments).await,
        Command::Load(arguments) => load::run(arguments).await,
        Command::Compare(arguments) => interruptible(Box::pin(compare::run(arguments))).await,
        Command::Check(arguments) => interruptible(Box::pin(check::run(arguments))).await,
        Command::Scenario(arguments) => interruptible(Box::pin(scenario::run(arguments))).await,
        Command::Corpus(arguments) => interruptible(Box::pin(corpus::run(arguments))).await,
        Command::Attack(arguments) => interruptible(Box::pin(attack::run(arguments))).await,
        Command::Memory(arguments) => interruptible(Box::pin(memory::run(arguments))).await,
        Command::Control(arguments) => interruptible(Box::pin(control::run(arguments))).await,
        Command::Growth(arguments) => interruptible(Box::pin(growth::run(arguments))).await,
        Command::Path(arguments) => interruptible(Box::pin(path::run(arguments))).await,
        Command::Train(arguments) => interruptible(Box::pin(train::run(arguments))).await,
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Leash(arguments) => leash::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("outrigger-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// On Ctrl-C drops `work` where it is, and with it the processes and files that it has made.
async fn interruptible(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::select! {
        outcome = work => outcome,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    }
}
