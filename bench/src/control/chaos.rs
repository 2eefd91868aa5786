//! Chaos: proxy, control plane and endpoints started in every order, then killed at random under load while tables
//! change. No request may fail that was sent while the proxy was alive.

mod agenda;
mod endpoint;
mod fate;
mod stage;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::time::{interval, sleep};

use super::page::{Page, Section};
use crate::{job::SMALL_GET, scenario::client::Client};
use agenda::{Agenda, Deaths};
use stage::{Part, Stage};

/// Between the starts of two parts, so that the first meets a world without the second.
const APART: Duration = Duration::from_millis(300);

/// Before the first death.
const WARM_UP: Duration = Duration::from_secs(1);

/// All orders of the three.
const ORDERS: [[Part; 3]; 6] = {
    use Part::{Control as C, Endpoints as E, Proxy as P};
    [
        [C, E, P],
        [C, P, E],
        [E, C, P],
        [E, P, C],
        [P, C, E],
        [P, E, C],
    ]
};

/// What `outrigger-bench control chaos` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// How long parts are killed
    #[arg(long = "for", value_parser = humantime::parse_duration, default_value = "3m")]
    duration: Duration,
    /// Requests a second
    #[arg(long, default_value_t = 500)]
    load: u32,
    /// Changes of the tables a second
    #[arg(long, default_value_t = 5)]
    rate: u32,
    /// Of the random numbers; another one each time unless given
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    page: Page,
}

/// Measures; fails if a request did.
pub(super) async fn run(arguments: Arguments) -> Result<()> {
    let entry = arguments.page.begin(Section::Chaos)?;
    let mut text = orders().await?;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let (deaths, fates) = kill(&arguments, seed).await?;
    text.push_str(&format!(
        "\nThen parts were killed (SIGKILL) at random for {:?}, seed {seed}, while the tables changed {} times a second: the \
         proxy {} times, the control plane {}, an endpoint of three {}, one of them at a time. {} requests a second, GETs with \
         the default policy. The proxy started {} times while the control plane was away. From the start of its process to \
         its first 200: median {:.0} ms, max {:.0} ms.\n\n{fates}",
        arguments.duration,
        arguments.rate,
        deaths.proxy.len(),
        deaths.control,
        deaths.endpoint,
        arguments.load,
        deaths.starts_alone,
        deaths.start(0.5),
        deaths.start(1.0)
    ));
    let failed = fates.failed;
    entry.end(&text)?;
    ensure!(failed == 0, "{failed} requests failed");
    Ok(())
}

/// Starts them in every order.
async fn orders() -> Result<String> {
    let mut text =
        "Started in each order, the last one to the first 200:\n\n| order | ms |\n|---|--:|\n"
            .to_owned();
    for order in ORDERS {
        let mut stage = Stage::build()?;
        for (place, part) in order.into_iter().enumerate() {
            if place > 0 {
                sleep(APART).await;
            }
            stage.start(part)?;
        }
        let begun = Instant::now();
        stage.proxy.serves().await?;
        let names = order.map(Part::name).join(", ");
        text.push_str(&format!("| {names} | {} |\n", begun.elapsed().as_millis()));
    }
    Ok(text)
}

/// Kills them at random.
async fn kill(arguments: &Arguments, seed: u64) -> Result<(Deaths, fate::Fates)> {
    let mut stage = Stage::build()?;
    for part in [Part::Endpoints, Part::Control, Part::Proxy] {
        stage.start(part)?;
    }
    stage.proxy.serves().await?;
    let start = Instant::now() + WARM_UP;
    let end = start + arguments.duration;
    let mut client = Client::new(SMALL_GET.target(stage.proxy.listens)?, start);
    let mut tables = stage.tables()?;
    let changes = async {
        let mut beat = interval(Duration::from_secs(1) / arguments.rate.max(1));
        while Instant::now() < end {
            beat.tick().await;
            tables.change()?;
        }
        anyhow::Ok(())
    };
    let mut agenda = Agenda::new(&mut stage, start, seed);
    let (sent, changed, killed) = tokio::join!(
        client.send(arguments.load, end),
        changes,
        agenda.run(end - WARM_UP)
    );
    sent?;
    changed?;
    let deaths = killed?;
    let fates = fate::Fates::of(&client.finish().await, &deaths.proxy);
    stage.settles(&mut tables).await?;
    Ok((deaths, fates))
}
