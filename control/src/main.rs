//! `outrigger-control`: serves tables to proxies, or asks a control plane that does.
//!
//! Exit codes: 0 ended in order, 1 run-time failure, 64 usage, 78 configuration (sysexits.h).

use std::process::ExitCode;

use clap::Parser;
use outrigger_control::{
    app,
    cli::{Cli, Command},
    command,
};

const FAILURE: u8 = 1;
const USAGE: u8 = 64;
const CONFIGURATION: u8 = 78;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for = !error.use_stderr();
            let _ = error.print();
            return match asked_for {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(USAGE),
            };
        }
    };
    match cli.command {
        Some(Command::Ask(ask)) => command::run(&ask),
        None => serve(&cli.serve),
        Some(Command::Schema) => {
            println!("{:#}", outrigger_config::document::schema());
            ExitCode::SUCCESS
        }
    }
}

fn serve(args: &outrigger_control::cli::Serve) -> ExitCode {
    match app::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(app::Failure::Config(problems)) => {
            eprintln!("{problems}");
            ExitCode::from(CONFIGURATION)
        }
        Err(failure @ app::Failure::Entrance(_)) => {
            eprintln!("error: {failure}");
            ExitCode::from(CONFIGURATION)
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(FAILURE)
        }
    }
}
