//! The listening socket of an endpoint: open, shut, or with packets to it dropped, always at the same port.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use anyhow::{Context, Result};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::{JoinHandle, spawn_local},
    time::timeout,
};

use super::{Endpoint, Mode, conversation::converse};

/// Connections that wait to be accepted; the most that Linux allows by default.
const BACKLOG: u32 = 4096;

/// A connect to loopback that takes longer than this had its SYN dropped: the next comes after a second.
const DROPPED: Duration = Duration::from_millis(20);

pub(super) struct Door {
    pub(super) endpoint: Rc<Endpoint>,
    /// Bound and never listening: keeps the port while the door is shut, which the system might else give away.
    placeholder: TcpSocket,
    listener: Option<Rc<TcpListener>>,
    accepting: Option<JoinHandle<()>>,
    /// Connections that fill the backlog, so that it drops what comes.
    stuffing: Vec<TcpStream>,
}

impl Door {
    pub(super) async fn open(endpoint: Rc<Endpoint>) -> Result<Self> {
        let placeholder = bind(([127, 0, 0, 1], 0).into())?;
        let mut door = Self {
            endpoint,
            placeholder,
            listener: None,
            accepting: None,
            stuffing: Vec::new(),
        };
        door.turn(Mode::Well).await?;
        Ok(door)
    }

    pub(super) fn address(&self) -> SocketAddr {
        let address = self.placeholder.local_addr();
        address.unwrap_or_else(|error| unreachable!("it is bound: {error}"))
    }

    /// Makes the endpoint be like `mode`.
    pub(super) async fn turn(&mut self, mode: Mode) -> Result<()> {
        self.endpoint.mode.set(mode);
        match mode {
            Mode::Refuses => self.shut().await,
            Mode::Drops => self.stuff().await?,
            _ => self.accept()?,
        }
        Ok(())
    }

    /// As when the process crashes: nobody listens, and all connections end.
    async fn shut(&mut self) {
        self.stop_accepting().await;
        self.listener = None;
        self.endpoint.crash.send_replace(());
    }

    fn accept(&mut self) -> Result<()> {
        if self.accepting.is_some() {
            return Ok(());
        }
        let listener = match self.listener.take() {
            None => Rc::new(bind(self.address())?.listen(BACKLOG)?),
            Some(listener) => {
                self.stuffing.clear();
                rustix::net::listen(&listener, BACKLOG as i32)?;
                listener
            }
        };
        self.listener = Some(listener.clone());
        let endpoint = self.endpoint.clone();
        self.accepting = Some(spawn_local(async move {
            loop {
                // A failed accept (the client is gone again) concerns that client only.
                if let Ok((stream, _)) = listener.accept().await {
                    spawn_local(converse(stream, endpoint.clone()));
                }
            }
        }));
        Ok(())
    }

    /// Linux drops SYNs to a listener whose backlog is full, whatever `tcp_syncookies` says: so it is made as small as
    /// it can be, and filled. This takes no privilege, unlike a firewall.
    async fn stuff(&mut self) -> Result<()> {
        self.accept()?;
        self.stop_accepting().await;
        let listener = self.listener.as_ref().context("it listens")?;
        rustix::net::listen(listener, 0)?;
        while let Ok(connected) = timeout(DROPPED, TcpStream::connect(self.address())).await {
            self.stuffing.push(connected?);
        }
        Ok(())
    }

    async fn stop_accepting(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // Until it has let go of the listener.
            let _ = accepting.await;
        }
    }
}

fn bind(address: SocketAddr) -> Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Lets the placeholder, the listener and connections in their last state share the port.
    socket.set_reuseaddr(true)?;
    socket
        .bind(address)
        .with_context(|| format!("binding `{address}`"))?;
    Ok(socket)
}
