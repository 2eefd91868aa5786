//! HTTP/2 itself: any bytes after the preface, to both sides.

use std::{future::poll_fn, rc::Rc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri};
use outrigger_http2::{Error, Receiving, Settings, client, server};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    runtime::Builder,
    task::{LocalSet, spawn_local},
    time::timeout,
};

use super::session::frames;

/// More than is said: nobody waits to be read.
const PIPE: usize = 1 << 20;

/// Nothing here waits for anything but itself.
const LONG: Duration = Duration::from_secs(20);

/// Whatever the other side says: it ends when that does, what it is told is frames, and what comes of it are messages as they
/// should be.
pub fn http2(bytes: &[u8]) {
    let runtime = Builder::new_current_thread().enable_time().build();
    let Ok(runtime) = runtime else { return };
    let bytes: Rc<[u8]> = bytes.into();
    let tasks = LocalSet::new();
    let both = tasks.run_until(async {
        let told = listen(&bytes, frames::PREFACE, async |io| serve(io).await).await;
        assert_frames(&told);
        let told = listen(&bytes, b"", async |io| ask(io).await).await;
        let told = told.strip_prefix(frames::PREFACE);
        assert_frames(told.expect("the preface of a client"));
    });
    let both = runtime.block_on(async { timeout(LONG, both).await });
    both.expect("an end");
}

/// What `side` is heard to say to these bytes.
async fn listen(
    bytes: &Rc<[u8]>,
    before: &'static [u8],
    side: impl AsyncFnOnce(DuplexStream),
) -> Vec<u8> {
    let (near, mut far) = duplex(PIPE);
    let bytes = Rc::clone(bytes);
    let heard = spawn_local(async move {
        let _ = far.write_all(before).await;
        let _ = far.write_all(&bytes).await;
        let _ = far.shutdown().await;
        let mut heard = Vec::new();
        let _ = far.read_to_end(&mut heard).await;
        heard
    });
    side(near).await;
    heard.await.unwrap_or_default()
}

async fn serve(io: DuplexStream) {
    let settings = Settings {
        max_streams: 10,
        max_header_list: 1_000,
        max_broken_streams: 5,
    };
    let Ok(mut connection) = server::handshake(io, settings).await else {
        return;
    };
    while let Some(Ok((request, responding))) = connection.accept().await {
        assert_head(request.headers());
        assert!(request.uri() != &Uri::default() || request.uri().path() == "/");
        spawn_local(async move {
            let mut body = request.into_body();
            let Ok(mut sending) = responding.send(Response::new(())) else {
                return Ok(());
            };
            let mut part = Bytes::from_static(&[7; 30_000]);
            poll_fn(|cx| sending.poll_send(&mut part, false, cx)).await?;
            let trailers = read(&mut body).await?;
            sending.send_trailers(&trailers.unwrap_or_default())
        });
    }
}

async fn ask(io: DuplexStream) {
    let (requests, connection) = client::connect(io, Settings::default());
    for end in [true, false] {
        let request = Request::post("http://a.test/path").body(());
        let Ok(request) = request else { return };
        let (responded, sending) = match end {
            true => (requests.send_whole(&request), None),
            false => match requests.send(&request) {
                Ok((responded, sending)) => (Ok(responded), Some(sending)),
                Err(error) => (Err(error), None),
            },
        };
        spawn_local(async move {
            if let Some(mut sending) = sending {
                spawn_local(async move {
                    let mut part = Bytes::from_static(&[7; 100_000]);
                    poll_fn(|cx| sending.poll_send(&mut part, true, cx)).await
                });
            }
            let mut response = responded?.await?;
            assert_head(response.headers());
            read(response.body_mut()).await
        });
    }
    drop(requests);
    let _ = connection.await;
}

async fn read(body: &mut Receiving) -> Result<Option<HeaderMap>, Error> {
    while let Some(data) = poll_fn(|cx| body.poll_data(cx)).await {
        body.release(data?.len());
    }
    let trailers = poll_fn(|cx| body.poll_trailers(cx)).await?;
    if let Some(trailers) = &trailers {
        assert_head(trailers);
    }
    Ok(trailers)
}

/// Nothing that would be something else to HTTP/1.
fn assert_head(headers: &HeaderMap) {
    for (name, value) in headers {
        let name = name.as_str();
        assert!(
            !name.is_empty() && !name.contains(['"', ':', ' ']),
            "{name}"
        );
        assert!(
            !["connection", "transfer-encoding", "upgrade"].contains(&name),
            "{name}"
        );
        let value = value.as_bytes();
        assert!(
            !value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')),
            "{value:?}"
        );
    }
}

/// Frames and nothing else, none longer than everybody takes.
fn assert_frames(mut told: &[u8]) {
    while let Some((head, rest)) = told.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        assert!(length <= 16_384 && head[3] <= 9, "{head:?}");
        let Some(after) = rest.get(length..) else {
            return;
        };
        told = after;
    }
}
