//! Attacks: peers that mean ill, what they do to a good client beside them, and what they do to memory, beside the peers.
//!
//! Real processes and real sockets. The client sends in an open loop over connections that it keeps; the attackers have a
//! thread of their own that yields the processor to everybody else, so that what the client sees is the proxy's doing.

mod catalogue;
mod crowd;
mod fate;
mod http1;
mod http2;
mod outcome;
mod page;
mod run;
mod tls;
mod wire;

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::task::LocalSet;

use crate::{
    compare,
    peer::{PEERS, Peer},
    stand::{Endpoints, Stand},
};
use catalogue::Attack;

/// What `outrigger-bench attack` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Run this attack; may be repeated, all by default
    #[arg(long = "only", value_name = "NAME")]
    only: Vec<String>,
    /// Whom to attack, such as `outrigger,envoy`; all by default
    #[arg(long, value_delimiter = ',')]
    proxies: Vec<Peer>,
    /// How long an attack lasts; those that need longer to be seen take longer
    #[arg(long, value_parser = humantime::parse_duration, default_value = "10s")]
    duration: Duration,
    /// Requests a second of the good client
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// Where the page goes that shows it; written when everything was run
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/ATTACKS.md"))]
    page: PathBuf,
}

/// Carries the attacks out one by one, on each proxy in turn, and writes what came of it.
pub async fn run(arguments: Arguments) -> Result<()> {
    let peers = compare::wanted(&PEERS, &arguments.proxies)?;
    let is_whole = arguments.only.is_empty() && peers.len() == PEERS.len();
    let mut page = page::head(&peers, &arguments)?;
    let carried_out = async {
        for attack in wanted(&arguments.only)? {
            eprintln!("{}: {}", attack.name, attack.about);
            let section = carry_out(&attack, &peers, &arguments).await?;
            println!("{section}");
            page.push_str(&section);
        }
        anyhow::Ok(())
    };
    LocalSet::new().run_until(carried_out).await?;
    if is_whole {
        let path = &arguments.page;
        fs::write(path, page).with_context(|| format!("writing `{}`", path.display()))?;
    }
    Ok(())
}

fn wanted(only: &[String]) -> Result<Vec<Attack>> {
    let all = catalogue::all();
    let names: Vec<&str> = all.iter().map(|attack| attack.name).collect();
    for name in only {
        let known = names.contains(&name.as_str());
        ensure!(known, "no attack `{name}`; there are {}", names.join(", "));
    }
    let is_wanted = |attack: &Attack| only.is_empty() || only.iter().any(|it| it == attack.name);
    Ok(all.into_iter().filter(is_wanted).collect())
}

/// An attack on each proxy; its section of the page.
async fn carry_out(
    attack: &Attack,
    peers: &[(Peer, String)],
    arguments: &Arguments,
) -> Result<String> {
    let endpoints = Endpoints::start(&[&["--name", "a"], &["--name", "b"]]).await?;
    let (mut outcomes, mut skipped) = (Vec::new(), Vec::new());
    for &(peer, _) in peers {
        let job = attack.job();
        if let Some(reason) = peer.refuses(&job) {
            skipped.push((peer, reason.to_owned()));
            continue;
        }
        let stand = Stand::start(peer, &job, &endpoints.addresses, &[]).await;
        let outcome = match stand {
            Ok(stand) => run::run(attack, stand, arguments).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(outcome) => {
                eprintln!("  {}: {}", peer.name(), outcome.sentence());
                outcomes.push((peer, outcome));
            }
            Err(error) => {
                eprintln!("  SKIPPED {}: {error:#}", peer.name());
                skipped.push((peer, format!("{error:#}")));
            }
        }
    }
    Ok(page::section(attack, &outcomes, &skipped))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
