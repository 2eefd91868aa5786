//! HTTP/1 or HTTP/2, by the first bytes: HTTP/2 with prior knowledge begins with a preface that no HTTP/1 request has.

use std::io;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;

use crate::stream::Stream;

/// RFC 9113, 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a first read may take; most first requests fit.
const FIRST_READ: usize = 1024;

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// HTTP/1.0 or 1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
}

/// Reads until it is clear what is spoken; what was read belongs to the connection. `None`: it closed without a word.
pub async fn detect(stream: &mut Stream) -> io::Result<Option<(Spoken, BytesMut)>> {
    let mut read = BytesMut::with_capacity(FIRST_READ);
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Ok(None);
        }
        let shared = read.len().min(PREFACE.len());
        if read[..shared] != PREFACE[..shared] {
            return Ok(Some((Spoken::Http1, read)));
        }
        if shared == PREFACE.len() {
            return Ok(Some((Spoken::Http2, read)));
        }
    }
}
