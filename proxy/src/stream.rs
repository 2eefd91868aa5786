//! The bytes of a connection, toward a caller or toward an endpoint: TCP as it is, or TLS over it.
//!
//! One type for both sides, and for all that carries bytes above it: HTTP, tunnels, TCP. An enum and not a generic, since
//! the kind is known only when the connection is there; the branch costs a few instructions a read, TLS thousands. TLS is
//! boxed: its state is a kilobyte that a connection without it should not make room for.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::TlsStream;

/// See the module.
#[derive(Debug)]
pub enum Stream {
    /// As it is.
    Tcp(TcpStream),
    /// Decrypted and encrypted on the way.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// The socket that it comes down to.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Tcp(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Waits until there may be something to read. TLS may have it decrypted already.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Tls(_) => Poll::Ready(Ok(())),
        }
    }

    /// Whether the peer has neither ended nor said anything, as far as is known. Asks the kernel only if that has news.
    pub fn is_quiet(&mut self) -> bool {
        match self {
            Self::Tcp(stream) => {
                let news = stream.try_read(&mut [0]);
                matches!(news, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
            // A server may send tickets whenever it likes.
            Self::Tls(_) => !self.has_ended(),
        }
    }

    /// Whether the peer will send no more, as far as can be told without waiting and without taking what it has sent.
    pub fn has_ended(&mut self) -> bool {
        match self {
            Self::Tcp(stream) => has_closed(stream),
            // The goodbye of TLS is one of its records: what has come is decrypted, and kept for the next read.
            Self::Tls(stream) => match &mut **stream {
                TlsStream::Client(stream) => {
                    let (socket, session) = stream.get_mut();
                    has_said_goodbye(socket, session)
                }
                TlsStream::Server(stream) => {
                    let (socket, session) = stream.get_mut();
                    has_said_goodbye(socket, session)
                }
            },
        }
    }
}

fn has_closed(stream: &TcpStream) -> bool {
    matches!(
        SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]),
        Ok(0)
    )
}

fn has_said_goodbye<D>(socket: &TcpStream, session: &mut rustls::ConnectionCommon<D>) -> bool {
    // What a read left there has not been looked at for an end yet, and no more fits in.
    if !session.wants_read() {
        return false;
    }
    match session.read_tls(&mut Now(socket)) {
        Ok(0) => true,
        Ok(_) => session
            .process_new_packets()
            // An error will be told to the next who reads.
            .is_ok_and(|state| state.peer_has_closed()),
        Err(_) => false,
    }
}

/// Reads what is there, and waits for nothing.
struct Now<'a>(&'a TcpStream);

impl io::Read for Now<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
