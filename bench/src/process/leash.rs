//! A wrapper that starts a program which dies with its parent.
//!
//! `kill_on_drop` is not enough: a parent that is killed drops nothing, and a proxy left behind would
//! hold its port and burn the core of the next measurement. Costs each start about a millisecond.
//!
//! A program that starts others, as the masters of nginx and HAProxy do, is asked to end, for killed it would leave
//! them behind in turn.

use std::{os::unix::process::CommandExt, process::Command};

use anyhow::{Context, Result};
use rustix::process::{Signal, set_parent_process_death_signal};

/// A program and its arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// It has children of its own: SIGTERM instead of SIGKILL
    #[arg(long)]
    master: bool,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<String>,
}

/// Becomes the program; returns only if that fails.
pub fn run(arguments: &Arguments) -> Result<()> {
    // Survives exec, except of a set-uid program.
    let signal = if arguments.master {
        Signal::TERM
    } else {
        Signal::KILL
    };
    set_parent_process_death_signal(Some(signal))?;
    let (program, rest) = arguments.command.split_first().context("no program")?;
    let error = Command::new(program).args(rest).exec();
    Err(error).with_context(|| format!("running `{program}`"))
}
