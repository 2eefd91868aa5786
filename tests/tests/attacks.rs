//! Floods: who means ill is hung up on within bounds, whoever only works hard is not, and nobody else notices.

use std::{io, time::Duration};

use outrigger_tests::{
    Client, Endpoint, Frame, Proxy, Raw, RawEndpoint, RawHttp2, Table, eventually, within,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// More than a connection may say of anything.
const MANY: u32 = 5_000;

/// RFC 9113, 7.
const ENHANCE_YOUR_CALM: [u8; 4] = [0, 0, 0, 11];

struct Stage {
    endpoint: Endpoint,
    proxy: Proxy,
    /// Connections that were ended for a flood, so far.
    floods: u32,
}

impl Stage {
    async fn new() -> Self {
        let endpoint = Endpoint::named("a").await;
        let proxy = Proxy::start_with(Table::to([&endpoint]), &["--workers", "1"]).await;
        Self {
            endpoint,
            proxy,
            floods: 0,
        }
    }

    /// Says `opening`, then what `flood` has for each of many turns; returns the code with which the proxy says goodbye, if it
    /// says anything.
    async fn attack(
        &mut self,
        what: &str,
        opening: &[Frame],
        flood: impl Fn(u32) -> Vec<Frame>,
    ) -> Option<[u8; 4]> {
        let mut good = Client::http1(self.proxy.address).await;
        let mut attacker = RawHttp2::connect(self.proxy.address).await;
        for frame in opening {
            attacker.send(frame).await;
        }
        for turn in 0..MANY {
            for frame in flood(turn) {
                attacker.send(&frame).await;
            }
        }
        let goodbye = within(what, attacker.next_of(Frame::GOAWAY)).await;
        let code = goodbye.map(|frame| frame.payload[4..8].try_into().expect("an error code"));
        if code.is_some() {
            let rest = within(what, attacker.next_of(Frame::GOAWAY)).await;
            assert_eq!(rest, None, "{what}: it ends");
        }
        self.floods += 1;
        eventually(&format!("{what} is counted"), async || {
            let metrics = self.proxy.metrics().await;
            let floods = metrics.sum("outrigger_downstream_errors_total", &[("reason", "flood")]);
            floods == f64::from(self.floods)
        })
        .await;
        assert_eq!(good.get("/").await.status, 200, "{what}");
        code
    }
}

/// Whole requests, each on a stream of its own.
fn get(turn: u32) -> Frame {
    Frame::get(1 + 2 * turn, "/")
}

/// A request whose body is still to come.
fn post(stream: u32) -> Frame {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "a"),
    ];
    Frame::head(stream, &fields)
}

#[tokio::test]
async fn frames_that_carry_nothing_end_the_connection() {
    let mut stage = Stage::new().await;
    for (what, kind, payload) in [
        ("SETTINGS", Frame::SETTINGS, &[][..]),
        ("PING", Frame::PING, &[0; 8]),
        ("WINDOW_UPDATE", Frame::WINDOW_UPDATE, &[0, 0, 0, 1]),
        ("a frame of no known kind", 77, b"what?"),
    ] {
        stage
            .attack(what, &[], |_| vec![Frame::new(kind, 0, 0, payload)])
            .await;
    }
    let priority = Frame::new(Frame::PRIORITY, 0, 3, [0, 0, 0, 1, 16]);
    stage
        .attack("PRIORITY", &[], |_| vec![priority.clone()])
        .await;
    stage
        .attack("empty DATA", &[post(1)], |_| {
            vec![Frame::new(Frame::DATA, 0, 1, [])]
        })
        .await;
}

#[tokio::test]
async fn requests_that_are_taken_back_end_the_connection_before_they_are_many() {
    let mut stage = Stage::new().await;
    let cancel = 8u32.to_be_bytes();
    let code = stage
        .attack("rapid reset", &[], |turn| {
            let reset = Frame::new(Frame::RST_STREAM, 0, 1 + 2 * turn, cancel);
            vec![get(turn), reset]
        })
        .await;
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    let seen = stage.endpoint.seen.requests();
    // The good one's, and what h2 takes at once.
    assert!(seen <= 1 + 256, "{seen}");
}

#[tokio::test]
async fn requests_for_which_the_proxy_is_made_to_reset_end_the_connection_as_well() {
    let mut stage = Stage::new().await;
    let code = stage
        .attack("made you reset", &[], |turn| {
            let too_wide = 0x7fff_ffff_u32.to_be_bytes();
            let stream = 1 + 2 * turn;
            let update = Frame::new(Frame::WINDOW_UPDATE, 0, stream, too_wide);
            vec![get(turn), update]
        })
        .await;
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    let seen = stage.endpoint.seen.requests();
    assert!(seen <= 1 + 100, "{seen}");
}

#[tokio::test]
async fn header_blocks_without_end_or_measure_end_the_connection() {
    let mut stage = Stage::new().await;
    let mut begun = get(0);
    begun.flags &= !Frame::END_HEADERS;
    let code = stage
        .attack("CONTINUATION", &[begun], |_| {
            vec![Frame::new(Frame::CONTINUATION, 0, 1, *b"\x00\x01x\x01y")]
        })
        .await;
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));

    // One entry of 4,000 bytes in the table, then named in a byte each (RFC 7541, 2.3.3): 48 MB.
    let mut bomb = get(0);
    bomb.payload.extend(b"\x40\x01x\x7f\xa1\x1e");
    bomb.payload.extend([b'y'; 4_000]);
    bomb.payload.extend([0x80 | 62; 12_000]);
    let code = stage.attack("header bomb", &[bomb], |_| Vec::new()).await;
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    assert_eq!(stage.endpoint.seen.requests(), 2, "the good ones");
}

#[tokio::test]
async fn who_goes_on_sending_after_a_refusal_is_not_read_for_long() {
    /// More than the attacker's own side holds, and far less than the proxy's may.
    const MOST: usize = 8 << 20;
    let stage = Stage::new().await;
    let mut attacker = TcpStream::connect(stage.proxy.address).await.unwrap();
    let header = format!("x-large: {}\r\n", "x".repeat(1_000)).repeat(64);
    let mut sent = 0;
    let pouring = async {
        attacker.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n").await?;
        loop {
            attacker.write_all(header.as_bytes()).await?;
            sent += header.len();
        }
    };
    let poured: Result<io::Result<()>, _> = timeout(Duration::from_millis(800), pouring).await;
    assert!(sent < MOST, "{sent} bytes were taken: {poured:?}");
    // It is told why all the same.
    let mut answer = [0; 12];
    within("an answer", attacker.read_exact(&mut answer))
        .await
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
}

#[tokio::test]
async fn requests_that_are_never_finished_are_as_many_as_there_may_be_streams() {
    const MOST: u32 = 4;
    let endpoint = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&endpoint]).listener(format!("max_streams: {MOST}"))).await;
    let mut attacker = RawHttp2::connect(proxy.address).await;
    for turn in 0..2 * MOST {
        attacker.send(&post(1 + 2 * turn)).await;
    }
    for turn in MOST..2 * MOST {
        let refused = within("a refusal", attacker.next_of(Frame::RST_STREAM)).await;
        let refused = refused.expect("the connection goes on");
        // REFUSED_STREAM (RFC 9113, 7).
        assert_eq!(
            (refused.stream, &refused.payload[..]),
            (1 + 2 * turn, &[0, 0, 0, 7][..])
        );
    }
    let mut good = Client::http2(proxy.address).await;
    assert_eq!(good.get("/").await.status, 200);
}

#[tokio::test]
async fn one_who_opens_windows_and_pings_for_each_short_message_is_let_be() {
    const MESSAGES: usize = 3_000;
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        for message in 0..MESSAGES {
            raw.write("14\r\n20 bytes and no more\r\n").await;
            if message % 100 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        raw.write("0\r\n\r\n").await;
        raw.read_to_end().await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut client = RawHttp2::connect(proxy.address).await;
    client.send(&get(0)).await;
    let mut received = 0;
    loop {
        let frame = within("the whole body", client.next_of(Frame::DATA)).await;
        let frame = frame.expect("more of the body");
        received += frame.payload.len();
        if frame.flags & Frame::END_STREAM != 0 {
            break;
        }
        let room = u32::try_from(frame.payload.len()).unwrap().to_be_bytes();
        for stream in [0, 1] {
            client
                .send(&Frame::new(Frame::WINDOW_UPDATE, 0, stream, room))
                .await;
        }
        client.send(&Frame::new(Frame::PING, 0, 0, [0; 8])).await;
    }
    assert_eq!(received, 20 * MESSAGES);
}
