//! `outrigger`: serves a table, or says something about one.
//!
//! Exit codes: 0 drained, 1 run-time failure, 64 usage, 78 configuration (sysexits.h).

use std::{path::Path, process::ExitCode};

use clap::Parser;
use outrigger::{
    app,
    cli::{Cli, Command, Explain},
    init,
    route::explain::{self, Question},
};
use outrigger_config::{Config, Problems};

#[global_allocator]
static ALLOCATOR: outrigger_memory::Allocator = outrigger_memory::Allocator;

const FAILURE: u8 = 1;
const USAGE: u8 = 64;
const CONFIGURATION: u8 = 78;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for = !error.use_stderr();
            let _ = error.print();
            return if asked_for {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(USAGE)
            };
        }
    };
    match cli.command {
        None => match app::run(&cli.serve) {
            Ok(()) => ExitCode::SUCCESS,
            Err(app::Failure::Config(problems)) => refuse(&problems),
            Err(app::Failure::Tls(mistakes)) => {
                eprintln!("error: {mistakes}");
                ExitCode::from(CONFIGURATION)
            }
            Err(failure @ app::Failure::Entrance(_)) => {
                eprintln!("error: {failure}");
                ExitCode::from(CONFIGURATION)
            }
            Err(failure @ app::Failure::Usage) => {
                eprintln!("error: {failure}");
                ExitCode::from(USAGE)
            }
            Err(failure) => {
                eprintln!("error: {failure}");
                ExitCode::from(FAILURE)
            }
        },
        Some(Command::Check { file }) => load(&file, |config| {
            let routes: usize = config
                .listeners
                .iter()
                .map(|listener| listener.routes.len())
                .sum();
            let (listeners, clusters) = (config.listeners.len(), config.clusters.len());
            println!(
                "{}: ok; listeners: {listeners}, routes: {routes}, clusters: {clusters}",
                file.display()
            );
            ExitCode::SUCCESS
        }),
        Some(Command::Explain(ask)) => load(&ask.config, |config| explain(config, &ask)),
        Some(Command::Init(options)) => init(&options),
        Some(Command::Schema) => {
            println!("{:#}", outrigger_config::schema());
            ExitCode::SUCCESS
        }
    }
}

fn load(file: &Path, then: impl FnOnce(&Config) -> ExitCode) -> ExitCode {
    match outrigger_config::load(file) {
        Ok(config) => then(&config),
        Err(problems) => refuse(&problems),
    }
}

fn explain(config: &Config, ask: &Explain) -> ExitCode {
    match Question::new(&ask.method, &ask.url, &ask.headers) {
        Ok(question) => {
            let explanation = explain::explain(config, &question);
            println!("{explanation}");
            ExitCode::from(if explanation.route().is_some() {
                0
            } else {
                FAILURE
            })
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(USAGE)
        }
    }
}

fn init(options: &init::Options) -> ExitCode {
    match init::run(options) {
        Ok(done) => {
            println!("{}", done.trim_end());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(match failure {
                init::Failure::Usage(_) => USAGE,
                _ => FAILURE,
            })
        }
    }
}

fn refuse(problems: &Problems) -> ExitCode {
    eprintln!("{problems}");
    ExitCode::from(CONFIGURATION)
}
