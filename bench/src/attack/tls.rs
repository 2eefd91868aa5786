//! What an attacker does to TLS.

use std::{sync::Arc, time::Duration};

use tokio::net::TcpStream;

use super::{
    fate::Fate,
    wire::{Heard, Mark, drip},
};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trick {
    /// Say hello, and no more.
    Hello,
    /// Shake hands and leave, again and again.
    Handshakes,
    /// Shake hands, and say nothing.
    Idle,
}

impl Trick {
    /// Plays it; returns when its connection has ended, or was never made.
    pub(super) async fn play(self, mark: &Mark) -> Fate {
        match self {
            Self::Hello => {
                let (Ok(stream), Some(hello)) = (mark.connect(None).await, hello(mark)) else {
                    return Fate::Unmade;
                };
                drip(stream, &hello, b"", Duration::from_secs(1000), &mark.tally).await
            }
            Self::Handshakes => loop {
                match mark.shake_hands().await {
                    Ok(stream) => {
                        mark.tally.count(1);
                        // Else its port would be kept for a minute.
                        let _ = linger(stream.get_ref().0);
                    }
                    Err(_) => return Fate::Unmade,
                }
            },
            Self::Idle => {
                let Ok(mut stream) = mark.shake_hands().await else {
                    return Fate::Unmade;
                };
                mark.tally.count(1);
                Heard::default().until_the_end(&mut stream).await
            }
        }
    }
}

/// A whole ClientHello.
fn hello(mark: &Mark) -> Option<Vec<u8>> {
    let dial = mark.dial.as_ref()?;
    let config = Arc::clone(&dial.config);
    let mut client = rustls::ClientConnection::new(config, dial.name.clone()).ok()?;
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).ok()?;
    Some(bytes)
}

fn linger(stream: &TcpStream) -> std::io::Result<()> {
    Ok(rustix::net::sockopt::set_socket_linger(
        stream,
        Some(Duration::ZERO),
    )?)
}
