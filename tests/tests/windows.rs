//! Flow control of HTTP/2: who sends fast over a long path is given the room for it.

use outrigger_tests::{
    Client, Frame, Proxy, Raw, RawEndpoint, RawHttp2, Reply, Table, get, within,
};

const CHUNK: usize = 16 * 1024;

/// What a stream may have on its way at first.
const FIRST: usize = 256 * 1024;

/// Sends all that it may on `stream`, and answers a PING when nearly as much has gone out after it, as on a path that holds
/// it. How much a stream may have on its way then.
async fn given(peer: &mut RawHttp2, stream: u32) -> usize {
    let (mut room, mut ping, mut since) = (FIRST, None, 0);
    while since < FIRST * 3 / 4 {
        if room >= CHUNK {
            peer.send(&Frame::new(Frame::DATA, 0, stream, [0; CHUNK]))
                .await;
            room -= CHUNK;
            since += ping.as_ref().map_or(0, |_| CHUNK);
            continue;
        }
        let frame = peer.read().await.expect("more");
        match frame.kind {
            Frame::PING => ping = Some(frame),
            Frame::WINDOW_UPDATE if frame.stream == stream => room += number(&frame.payload),
            _ => peer.acknowledge(&frame).await,
        }
    }
    peer.acknowledge(&ping.expect("it asks")).await;
    loop {
        let settings = peer.next_of(Frame::SETTINGS).await.expect("settings");
        let windows = settings.payload.chunks(6).filter(|it| it[..2] == [0, 4]);
        if let Some(window) = windows.map(|it| number(&it[2..])).find(|it| *it > FIRST) {
            return window;
        }
    }
}

fn number(bytes: &[u8]) -> usize {
    let bytes: [u8; 4] = bytes.try_into().expect("four bytes");
    u32::from_be_bytes(bytes) as usize
}

#[tokio::test]
async fn an_upload_over_a_long_path_is() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_to_end().await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut client = RawHttp2::connect(proxy.address).await;
    // What is announced first has to be acknowledged before it counts.
    let announced = client.next_of(Frame::WINDOW_UPDATE).await;
    assert!(announced.is_some_and(|it| it.stream == 0));
    let head = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "a"),
    ];
    client.send(&Frame::head(1, &head)).await;
    let window = within("more room", given(&mut client, 1)).await;
    assert!(window >= FIRST * 3 / 2, "{window}");
}

#[tokio::test]
async fn so_is_a_download() {
    let (give, mut take) = tokio::sync::mpsc::channel(1);
    let endpoint = RawEndpoint::serve(move |raw: Raw, _| {
        let give = give.clone();
        async move {
            let mut connection = RawHttp2::accept(raw, &[]).await;
            let asked = connection.next_of(Frame::HEADERS).await.expect("a request");
            let (flags, stream) = (Frame::END_HEADERS, asked.stream);
            connection
                .send(&Frame::new(Frame::HEADERS, flags, stream, [0x88]))
                .await;
            give.send(given(&mut connection, stream).await).await.ok();
        }
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint]).cluster("protocol: http2")).await;
    let mut client = Client::http1(proxy.address).await;
    let reading = tokio::spawn(async move {
        let response = client.send(get("/")).await.expect("a response");
        Reply::read(response).await
    });
    let window = within("more room", take.recv()).await.expect("one");
    assert!(window >= FIRST * 3 / 2, "{window}");
    reading.abort();
}
