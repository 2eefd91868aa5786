//! Peers that speak in bytes: what a well-behaved HTTP library would never send.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::within;

/// One end of a TCP connection, with what was read of it but not yet asked for.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response as bytes.
#[derive(Debug)]
pub struct RawReply {
    /// From the status line.
    pub status: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    /// As framed by `content-length`, or up to the end of the connection.
    pub body: Vec<u8>,
}

impl RawReply {
    /// A header's value, empty when absent.
    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value.trim())
            .next()
            .unwrap_or("")
    }
}

impl Raw {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        TcpStream::connect(address)
            .await
            .expect("the address accepts")
            .into()
    }

    /// Sends these bytes; a peer that has already gone is not an error here, it shows in what is read.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Says that nothing more will be sent.
    pub async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// The stream itself, when nothing read from it is left over.
    pub fn into_stream(self) -> TcpStream {
        assert!(self.buffer.is_empty(), "unread bytes: {:?}", self.buffer);
        self.stream
    }

    /// Reads to the empty line that ends a head; `None` if the connection ends before.
    pub async fn read_head(&mut self) -> Option<String> {
        within("a head", async {
            loop {
                if let Some(at) = self
                    .buffer
                    .windows(4)
                    .position(|window| window == b"\r\n\r\n")
                {
                    let head: Vec<u8> = self.buffer.drain(..at + 4).collect();
                    return Some(String::from_utf8_lossy(&head).into_owned());
                }
                if self.fill().await == 0 {
                    return None;
                }
            }
        })
        .await
    }

    /// Reads a response; `None` if the connection ends before its head does.
    pub async fn read_reply(&mut self) -> Option<RawReply> {
        let head = self.read_head().await?.to_ascii_lowercase();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let mut reply = RawReply {
            status: status.unwrap_or_else(|| panic!("no status: {head}")),
            head,
            body: Vec::new(),
        };
        reply.body = match reply.header("content-length").parse() {
            _ if reply.status < 200 || reply.status == 204 || reply.status == 304 => Vec::new(),
            Ok(length) => self.read_exactly(length).await,
            Err(_) => self.read_to_end().await,
        };
        Some(reply)
    }

    /// Reads these many bytes, or as many as there are before the end.
    pub async fn read_exactly(&mut self, length: usize) -> Vec<u8> {
        within("bytes of known number", async {
            while self.buffer.len() < length && self.fill().await > 0 {}
        })
        .await;
        self.buffer.drain(..length.min(self.buffer.len())).collect()
    }

    /// Reads until `mark` has come, and gives all up to and with it; or all there is before the end.
    pub async fn read_until(&mut self, mark: &str) -> String {
        within("bytes up to a mark", async {
            loop {
                let found = self
                    .buffer
                    .windows(mark.len())
                    .position(|window| window == mark.as_bytes());
                if found.is_some() || self.fill().await == 0 {
                    let end = found.map_or(self.buffer.len(), |at| at + mark.len());
                    return String::from_utf8_lossy(&self.buffer.drain(..end).collect::<Vec<_>>())
                        .into_owned();
                }
            }
        })
        .await
    }

    /// Reads until the peer closes (an abort counts as a close).
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        within("the end of the connection", async {
            while self.fill().await > 0 {}
        })
        .await;
        std::mem::take(&mut self.buffer)
    }

    /// Reads up to `length` bytes that are there or come next; none at the end.
    pub async fn read_some(&mut self) -> Vec<u8> {
        if self.buffer.is_empty() {
            self.fill().await;
        }
        std::mem::take(&mut self.buffer)
    }

    async fn fill(&mut self) -> usize {
        self.buffer.reserve(16 * 1024);
        self.stream.read_buf(&mut self.buffer).await.unwrap_or(0)
    }
}

impl From<TcpStream> for Raw {
    fn from(stream: TcpStream) -> Self {
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            buffer: Vec::new(),
        }
    }
}

/// A server whose every connection is handled byte by byte by the test.
#[derive(Debug)]
pub struct RawEndpoint {
    /// Where it listens.
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl RawEndpoint {
    /// Calls `handle` with each connection and its number, from 0; the connection is closed when it returns.
    pub async fn serve<F, R>(handle: F) -> Self
    where
        F: Fn(Raw, usize) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut handlers = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.expect("the listener accepts");
                let number = count.fetch_add(1, Relaxed);
                handlers.spawn(handle(stream.into(), number));
                while handlers.try_join_next().is_some() {}
            }
        });
        Self {
            address,
            connections,
            _tasks: tasks,
        }
    }

    /// Connections accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }
}

impl std::fmt::Display for RawEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.address.fmt(f)
    }
}
