//! `outrigger init`: the rules by which the kernel sends connections to the transparent listeners of this machine, or pod.
//!
//! Run once, as an init container or from a unit, before the proxy starts; the proxy itself needs no rights. What the rules
//! are is in `rules.rs`; `nft.rs` and `iptables.rs` say them, whichever of the two is there. What is set is a table (chains) of
//! our own, replaced as a whole: to run it twice is to run it once.

mod iptables;
mod nft;
mod options;
mod ports;
mod routes;
mod rules;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod tool;

pub use options::Options;
pub use ports::Ports;
pub use rules::Rules;

use options::With;
use tool::Tool;

/// Why the rules are not as they should be.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What is asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// Neither is there.
    #[error(
        "neither `nft` nor `iptables` is installed\nhint: `apt-get install nftables`, or use an image that has one of them; `--dry-run` shows what would be set"
    )]
    NoTool,
    /// It is there and would not.
    #[error("`{command}` failed: {said}{}", hint(.said))]
    Refused {
        /// What was run.
        command: String,
        /// What it said.
        said: String,
    },
    /// It is there and could not be run.
    #[error("cannot run `{command}`: {error}")]
    Run {
        /// What was run.
        command: String,
        /// Why not.
        error: std::io::Error,
    },
}

fn hint(said: &str) -> &'static str {
    let said = said.to_ascii_lowercase();
    if said.contains("not permitted")
        || said.contains("must be root")
        || said.contains("permission denied")
    {
        "\nhint: this takes CAP_NET_ADMIN: run it as root, in Kubernetes with `securityContext: { capabilities: { add: [NET_ADMIN] } }`"
    } else if said.contains("no such file") || said.contains("not supported") {
        "\nhint: the kernel lacks a part of netfilter: `nft_redir`, `nft_fib` or `nft_tproxy`, or for iptables `xt_REDIRECT`, `xt_owner` and `xt_addrtype`"
    } else {
        ""
    }
}

/// Sets the rules, removes them, or shows them; what there is to be told.
///
/// # Errors
/// What kept it from being done. Then nothing has changed.
pub fn run(options: &Options) -> Result<String, Failure> {
    let rules = options.rules()?;
    let tool = match options.with {
        Some(With::Nft) => Tool::Nft,
        Some(With::Iptables) => Tool::Iptables,
        None => Tool::find()
            .or(options.dry_run.then_some(Tool::Nft))
            .ok_or(Failure::NoTool)?,
    };
    if tool == Tool::Iptables && rules.needs_nft() {
        let why = "`--inbound-by tproxy` is for `nft` alone";
        return Err(Failure::Usage(why.to_owned()));
    }
    match (options.dry_run, options.remove) {
        (true, remove) => Ok(tool.show(&rules, remove)),
        (false, true) => tool.remove().map(|()| "the rules are gone".to_owned()),
        (false, false) => {
            tool.set(&rules)?;
            Ok(format!("the rules are set, with {tool}: {rules}"))
        }
    }
}
