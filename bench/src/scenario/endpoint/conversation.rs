//! One connection of an endpoint: reads a request, does what the mode of the moment says, and again.

use std::{rc::Rc, time::Duration, time::Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Endpoint, Mode};

/// Asked by active checks; no traffic.
const HEALTH: &[u8] = b"GET /health ";

/// The longest head that is read: proxies add a few hundred bytes.
const LONGEST_HEAD: usize = 16 << 10;

/// Serves `stream` until it ends, or the endpoint crashes.
pub(super) async fn converse(stream: TcpStream, endpoint: Rc<Endpoint>) {
    let mut crash = endpoint.crash.subscribe();
    tokio::select! {
        biased;
        _ = crash.changed() => {}
        _ = serve(stream, &endpoint) => {}
    }
}

/// None when the connection has ended, by either side.
async fn serve(mut stream: TcpStream, endpoint: &Endpoint) -> Option<()> {
    // Answers are small and wait for nothing.
    stream.set_nodelay(true).ok()?;
    let mut buffer = Vec::with_capacity(1024);
    loop {
        let head = read_head(&mut stream, &mut buffer).await?;
        if !head.starts_with(HEALTH) {
            endpoint.received.borrow_mut().push(Instant::now());
        }
        let status = match endpoint.mode.get() {
            Mode::Refuses => return None,
            Mode::Resets => {
                // Closing sends RST, and forgets what was not sent.
                stream.set_zero_linger().ok()?;
                return None;
            }
            Mode::Hangs | Mode::Drops => return until_closed(&mut stream, &mut buffer).await,
            Mode::Fails(share) if fastrand::f64() < share => "500 Internal Server Error",
            Mode::Well | Mode::Fails(_) => {
                work(&mut stream, &mut buffer, endpoint, Duration::ZERO).await?
            }
            Mode::Slow(by) => work(&mut stream, &mut buffer, endpoint, by).await?,
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nx-endpoint: {}\r\ncontent-length: 3\r\n\r\nok\n",
            endpoint.index
        );
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

/// Works until done, or until the client has gone.
async fn work(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    endpoint: &Endpoint,
    extra: Duration,
) -> Option<&'static str> {
    let work = endpoint.work(extra);
    tokio::select! {
        done = work => done.ok()?,
        _ = until_closed(stream, buffer) => return None,
    }
    Some("200 OK")
}

/// Reads on, for requests that come early and for the end of the connection.
async fn until_closed(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    while buffer.len() < LONGEST_HEAD && stream.read_buf(buffer).await.ok()? > 0 {}
    None
}

/// Takes one head out of the buffer, which is read into until it has one.
async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            return Some(buffer.drain(..end + 4).collect());
        }
        let more = stream.read_buf(buffer).await.ok()?;
        if more == 0 || buffer.len() > LONGEST_HEAD {
            return None;
        }
    }
}
