//! An attacker's connection, byte by byte.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;

use super::fate::{Fate, Tally};

/// For a connection to be made. Who is not let in by then tries anew.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Of an answer so much is kept: the status line.
const KEPT: usize = 64;

/// Whom to attack, and from where.
#[derive(Clone)]
pub(super) struct Mark {
    pub(super) address: SocketAddr,
    /// The attackers' own address, if it matters.
    pub(super) from: Option<IpAddr>,
    /// How it is called where it speaks TLS.
    pub(super) dial: Option<crate::tls::Dial>,
    pub(super) tally: Arc<Tally>,
}

impl Mark {
    /// A connection whose kernel takes as little as it can before it is read; `None`: as usual.
    pub(super) async fn connect(&self, window: Option<u32>) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if let Some(from) = self.from {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        if let Some(window) = window {
            socket.set_recv_buffer_size(window)?;
        }
        let stream = timeout(CONNECT_LIMIT, socket.connect(self.address)).await??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// TLS on a connection.
    pub(super) async fn shake_hands(
        &self,
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let stream = self.connect(None).await?;
        let dial = self.dial.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let connector = TlsConnector::from(Arc::clone(&dial.config));
        connector.connect(dial.name.clone(), stream).await
    }
}

/// What a connection has been told, of which little is kept.
#[derive(Default)]
pub(super) struct Heard {
    begin: Vec<u8>,
    /// All that was told.
    pub(super) bytes: usize,
}

impl Heard {
    /// Reads until the connection ends, and tells how. May be given up and called again.
    pub(super) async fn until_the_end(&mut self, stream: &mut (impl AsyncReadExt + Unpin)) -> Fate {
        let mut piece = [0; 4096];
        loop {
            match stream.read(&mut piece).await {
                Ok(0) => return self.fate(Fate::Closed),
                Ok(read) => self.take(&piece[..read]),
                Err(_) => return self.fate(Fate::Reset),
            }
        }
    }

    pub(super) fn take(&mut self, piece: &[u8]) {
        self.bytes += piece.len();
        let room = KEPT.saturating_sub(self.begin.len()).min(piece.len());
        self.begin.extend_from_slice(&piece[..room]);
    }

    pub(super) fn fate(&self, silent: Fate) -> Fate {
        let line = String::from_utf8_lossy(&self.begin);
        let status = line
            .strip_prefix("HTTP/1.1 ")
            .or(line.strip_prefix("HTTP/1.0 "));
        let status = status.and_then(|rest| rest.get(..3)?.parse().ok());
        status.map_or(silent, Fate::Status)
    }
}

/// Says `opening`, then `drop` every so often, to the end of the connection.
pub(super) async fn drip(
    mut stream: TcpStream,
    opening: &[u8],
    drop: &[u8],
    every: Duration,
    tally: &Tally,
) -> Fate {
    let mut heard = Heard::default();
    if stream.write_all(opening).await.is_err() {
        return heard.until_the_end(&mut stream).await;
    }
    tally.count(opening.len());
    loop {
        tokio::select! {
            fate = heard.until_the_end(&mut stream) => return fate,
            () = sleep(every) => {}
        }
        if stream.write_all(drop).await.is_err() {
            return heard.until_the_end(&mut stream).await;
        }
        tally.count(drop.len());
    }
}
