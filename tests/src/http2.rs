//! HTTP/2 frame by frame (RFC 9113, 4.1), for peers that a library would not let misbehave.

use std::net::SocketAddr;

use crate::Raw;

/// What a client says first (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// See the constants.
    pub kind: u8,
    /// Bits whose sense depends on the kind.
    pub flags: u8,
    /// 0: the connection.
    pub stream: u32,
    /// What is in it.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Body bytes.
    pub const DATA: u8 = 0;
    /// A header block.
    pub const HEADERS: u8 = 1;
    /// What RFC 9113 has done away with.
    pub const PRIORITY: u8 = 2;
    /// The end of a stream with an error code.
    pub const RST_STREAM: u8 = 3;
    /// Parameters of the sender.
    pub const SETTINGS: u8 = 4;
    /// A sign of life.
    pub const PING: u8 = 6;
    /// The end of the connection, with the last stream that counts.
    pub const GOAWAY: u8 = 7;
    /// Room for more.
    pub const WINDOW_UPDATE: u8 = 8;
    /// More of a header block.
    pub const CONTINUATION: u8 = 9;
    /// Flag: the stream's last frame.
    pub const END_STREAM: u8 = 1;
    /// Flag: the header block's last frame.
    pub const END_HEADERS: u8 = 4;
    /// Flag: an answer to SETTINGS or PING.
    pub const ACK: u8 = 1;

    /// A frame of these parts.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            flags,
            stream,
            payload: payload.into(),
        }
    }

    /// HEADERS of a whole GET for `path`.
    pub fn get(stream: u32, path: &str) -> Self {
        let fields = [
            (":method", "GET"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "test.local"),
        ];
        let mut head = Self::head(stream, &fields);
        head.flags |= Self::END_STREAM;
        head
    }

    /// HEADERS with these fields, in literals without Huffman coding or index, so that anything can be said.
    pub fn head(stream: u32, fields: &[(&str, &str)]) -> Self {
        let mut block = Vec::new();
        for (name, value) in fields {
            literal(&mut block, name, value);
        }
        Self::new(Self::HEADERS, Self::END_HEADERS, stream, block)
    }

    fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).expect("a frame has a 24-bit length");
        let mut bytes = length.to_be_bytes()[1..].to_vec();
        bytes.extend([self.kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }
}

/// A literal header field never indexed with a new name (RFC 7541, 6.2.3), both strings shorter than 127.
fn literal(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0x10);
    for text in [name, value] {
        block.push(
            u8::try_from(text.len())
                .ok()
                .filter(|length| *length < 127)
                .expect("a short string"),
        );
        block.extend(text.as_bytes());
    }
}

/// A connection that speaks frames.
#[derive(Debug)]
pub struct RawHttp2 {
    raw: Raw,
}

impl RawHttp2 {
    /// Connects as a client: preface and empty SETTINGS are sent.
    pub async fn connect(address: SocketAddr) -> Self {
        let mut raw = Raw::connect(address).await;
        raw.write(PREFACE).await;
        let mut connection = Self { raw };
        connection
            .send(&Frame::new(Frame::SETTINGS, 0, 0, []))
            .await;
        connection
    }

    /// Takes a connection as a server: the preface is read, SETTINGS with these parameters are sent.
    pub async fn accept(mut raw: Raw, settings: &[(u16, u32)]) -> Self {
        let preface = raw.read_exactly(PREFACE.len()).await;
        assert_eq!(preface, PREFACE, "the peer speaks HTTP/2");
        let mut connection = Self { raw };
        let parameters = settings.iter().flat_map(|(id, value)| {
            let (id, value) = (id.to_be_bytes(), value.to_be_bytes());
            [id[0], id[1], value[0], value[1], value[2], value[3]]
        });
        connection
            .send(&Frame::new(
                Frame::SETTINGS,
                0,
                0,
                parameters.collect::<Vec<_>>(),
            ))
            .await;
        connection
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: &Frame) {
        self.raw.write(frame.bytes()).await;
    }

    /// The next frame; `None` at the end of the connection. SETTINGS and PING are acknowledged on the way.
    pub async fn next(&mut self) -> Option<Frame> {
        let frame = self.read().await?;
        self.acknowledge(&frame).await;
        Some(frame)
    }

    /// The next frame, whatever it asks for; `None` at the end of the connection.
    pub async fn read(&mut self) -> Option<Frame> {
        let head = self.raw.read_exactly(9).await;
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = head[..] else {
            return None;
        };
        let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        let payload = self.raw.read_exactly(length).await;
        let stream = u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]);
        Some(Frame::new(kind, flags, stream, payload))
    }

    /// Answers SETTINGS and PING, if it is one.
    pub async fn acknowledge(&mut self, frame: &Frame) {
        if frame.flags & Frame::ACK != 0 {
            return;
        }
        let echoed = match frame.kind {
            Frame::SETTINGS => Vec::new(),
            Frame::PING => frame.payload.clone(),
            _ => return,
        };
        self.send(&Frame::new(frame.kind, Frame::ACK, 0, echoed))
            .await;
    }

    /// Skips to the next frame of this kind; `None` if the connection ends before.
    pub async fn next_of(&mut self, kind: u8) -> Option<Frame> {
        loop {
            match self.next().await {
                Some(frame) if frame.kind == kind => return Some(frame),
                Some(_) => {}
                None => return None,
            }
        }
    }

    /// Answers a stream with 200 and a short body.
    pub async fn answer(&mut self, stream: u32, body: &str) {
        // 0x88 is `:status: 200` of the static table (RFC 7541, appendix A).
        self.send(&Frame::new(
            Frame::HEADERS,
            Frame::END_HEADERS,
            stream,
            [0x88],
        ))
        .await;
        self.send(&Frame::new(Frame::DATA, Frame::END_STREAM, stream, body))
            .await;
    }
}
