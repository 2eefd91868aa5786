//! A wrapper that starts a program which dies with its parent.
//!
//! `kill_on_drop` is not enough: a parent that is killed drops nothing, and a proxy left behind would
//! hold its port and burn the core of the next measurement. Costs each start about a millisecond.

use std::{os::unix::process::CommandExt, process::Command};

use anyhow::{Context, Result};
use rustix::process::{Signal, set_parent_process_death_signal};

/// A program and its arguments.
#[derive(clap::Args)]
pub struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<String>,
}

/// Becomes the program; returns only if that fails.
pub fn run(arguments: &Arguments) -> Result<()> {
    // Survives exec, except of a set-uid program.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let (program, rest) = arguments.command.split_first().context("no program")?;
    let error = Command::new(program).args(rest).exec();
    Err(error).with_context(|| format!("running `{program}`"))
}
