//! x
use anyhow::Result;
/// x
#[derive(clap::Args)]
pub struct Arguments {}
/// x
pub async fn run(_: Arguments) -> Result<()> {
    Ok(())
}
