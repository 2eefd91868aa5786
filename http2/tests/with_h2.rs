//! Each side against the h2 crate's other one.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{future::poll_fn, task::Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use outrigger_http2::{Error, Reason, Receiving, Sending, Settings, client, server};
use tokio::{
    io::{DuplexStream, duplex},
    task::{LocalSet, spawn_local},
};

/// What the pipe between the sides holds: less than most frames, so that everything comes in pieces.
const PIPE: usize = 5_000;

async fn local<T>(work: impl Future<Output = T>) -> T {
    LocalSet::new().run_until(work).await
}

async fn read(receiving: &mut Receiving) -> Result<(Vec<u8>, Option<HeaderMap>), Error> {
    let mut all = Vec::new();
    while let Some(data) = poll_fn(|cx| receiving.poll_data(cx)).await {
        let data = data?;
        receiving.release(data.len());
        all.extend_from_slice(&data);
    }
    let trailers = poll_fn(|cx| receiving.poll_trailers(cx)).await?;
    Ok((all, trailers))
}

async fn write(sending: &mut Sending, data: impl Into<Bytes>, end: bool) -> Result<(), Error> {
    let mut data = data.into();
    poll_fn(|cx| sending.poll_send(&mut data, end, cx)).await
}

async fn read_h2(stream: &mut h2::RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut all = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        all.extend_from_slice(&data);
    }
    Ok((all, stream.trailers().await?))
}

/// A pattern in which a lost or doubled byte shows.
fn pattern(length: usize, seed: usize) -> Bytes {
    (0..length).map(|at| (at / 7 + at * seed) as u8).collect()
}

/// Says back what it is told, trailers included.
async fn echo(io: DuplexStream) -> Result<(), Error> {
    let mut connection = server::handshake(io, Settings::default()).await?;
    while let Some(arrived) = connection.accept().await {
        let (request, respond) = arrived?;
        spawn_local(async move {
            let (head, mut receiving) = request.into_parts();
            let mut response = Response::new(());
            *response.headers_mut() = head.headers;
            response
                .headers_mut()
                .insert("x-path", head.uri.to_string().parse().unwrap());
            let Ok(mut sending) = respond.send(response) else {
                return;
            };
            let outcome: Result<(), Error> = async {
                while let Some(data) = poll_fn(|cx| receiving.poll_data(cx)).await {
                    let data = data?;
                    let length = data.len();
                    write(&mut sending, data, false).await?;
                    receiving.release(length);
                }
                match poll_fn(|cx| receiving.poll_trailers(cx)).await? {
                    Some(trailers) => sending.send_trailers(&trailers),
                    None => write(&mut sending, Bytes::new(), true).await,
                }
            }
            .await;
            let _ = outcome;
        });
    }
    Ok(())
}

async fn h2_client(io: DuplexStream) -> h2::client::SendRequest<Bytes> {
    let (sender, connection) = h2::client::handshake(io).await.unwrap();
    spawn_local(async move { drop(connection.await) });
    sender.ready().await.unwrap()
}

fn post(path: &str) -> Request<()> {
    let mut request = Request::post(format!("http://a.test{path}"))
        .body(())
        .unwrap();
    request
        .headers_mut()
        .insert("x-tag", HeaderValue::from_str(path).unwrap());
    request
}

#[tokio::test]
async fn many_streams_at_once_come_back_whole() {
    local(async {
        let (ours, theirs) = duplex(PIPE);
        spawn_local(echo(ours));
        let sender = h2_client(theirs).await;
        let mut tasks = Vec::new();
        for number in 0..60_usize {
            let mut sender = sender.clone();
            tasks.push(spawn_local(async move {
                let path = format!("/{}", number % 9);
                let body = pattern(number * 3_001, number);
                sender = sender.ready().await.unwrap();
                let (response, mut stream) = sender.send_request(post(&path), false).unwrap();
                let sent = body.clone();
                spawn_local(async move {
                    let mut left = sent;
                    while !left.is_empty() {
                        stream.reserve_capacity(left.len());
                        let room = poll_fn(|cx| stream.poll_capacity(cx))
                            .await
                            .unwrap()
                            .unwrap();
                        let part = left.split_to(room.min(left.len()));
                        stream.send_data(part, false).unwrap();
                    }
                    let mut trailers = HeaderMap::new();
                    trailers.insert("x-sum", HeaderValue::from(number));
                    stream.send_trailers(trailers).unwrap();
                });
                let response = response.await.unwrap();
                assert_eq!(response.headers()["x-tag"], path.as_str());
                let (back, trailers) = read_h2(&mut response.into_body()).await.unwrap();
                assert_eq!(back, body);
                assert_eq!(trailers.unwrap()["x-sum"], number.to_string().as_str());
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_uploads_and_downloads_more_than_all_windows() {
    local(async {
        let (ours, theirs) = duplex(PIPE);
        spawn_local(async move {
            let mut connection = h2::server::handshake(theirs).await.unwrap();
            while let Some(arrived) = connection.accept().await {
                let (request, mut respond) = arrived.unwrap();
                spawn_local(async move {
                    let (back, trailers) = read_h2(&mut request.into_body()).await.unwrap();
                    let mut stream = respond.send_response(Response::new(()), false).unwrap();
                    stream.send_data(back.into(), false).unwrap();
                    stream.send_trailers(trailers.unwrap_or_default()).unwrap();
                });
            }
        });
        let (requests, connection) = client::connect(ours, Settings::default());
        spawn_local(connection);
        let mut tasks = Vec::new();
        for number in 1..12_usize {
            let (responded, mut sending) = requests.send(&post("/")).unwrap();
            tasks.push(spawn_local(async move {
                let body = pattern(number * 100_003, number);
                let sent = body.clone();
                spawn_local(async move {
                    write(&mut sending, sent, false).await.unwrap();
                    let mut trailers = HeaderMap::new();
                    trailers.insert("x-sum", HeaderValue::from(number));
                    sending.send_trailers(&trailers).unwrap();
                });
                let mut response = responded.await.unwrap();
                let (back, trailers) = read(response.body_mut()).await.unwrap();
                assert_eq!(back, body);
                assert_eq!(trailers.unwrap()["x-sum"], number.to_string().as_str());
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn both_sides_of_ours_understand_each_other() {
    local(async {
        let (ours, theirs) = duplex(PIPE);
        spawn_local(echo(theirs));
        let (requests, connection) = client::connect(ours, Settings::default());
        let driven = spawn_local(connection);
        let response = requests.send_whole(&post("/first")).unwrap().await.unwrap();
        assert_eq!(response.headers()["x-path"], "http://a.test/first");
        let (responded, mut sending) = requests.send(&post("/second")).unwrap();
        let body = pattern(1_000_000, 3);
        let sent = body.clone();
        spawn_local(async move { write(&mut sending, sent, true).await });
        let mut response = responded.await.unwrap();
        assert_eq!(read(response.body_mut()).await, Ok((body.to_vec(), None)));
        drop((response, requests));
        assert_eq!(driven.await.unwrap(), Ok(()), "it ends by itself");
    })
    .await;
}

#[tokio::test]
async fn who_reads_nothing_is_sent_no_more_than_its_window() {
    local(async {
        let (ours, theirs) = duplex(PIPE);
        spawn_local(echo(ours));
        let mut sender = h2_client(theirs).await;
        let (response, mut stream) = sender.send_request(post("/slow"), false).unwrap();
        let mut response = response.await.unwrap();
        // The echo stands still when the window of the way back is full, and then the one of the way there is.
        let mut sent = 0;
        stream.reserve_capacity(10_000_000);
        for _ in 0..1_000 {
            let room = poll_fn(|cx| match stream.poll_capacity(cx) {
                Poll::Ready(room) => Poll::Ready(room.transpose().unwrap()),
                Poll::Pending => Poll::Ready(None),
            });
            if let Some(room) = room.await {
                stream.send_data(pattern(room, 1), false).unwrap();
                sent += room;
            }
            tokio::task::yield_now().await;
        }
        let most = 65_535 + 256 * 1024 + 64 * 1024;
        assert!((65_535..most).contains(&sent), "{sent}");
        // Another stream is not held up by it.
        let (other, _) = sender.send_request(post("/other"), true).unwrap();
        assert_eq!(other.await.unwrap().status(), StatusCode::OK);
        // And when it is read, all of it is there.
        stream.send_data(Bytes::new(), true).unwrap();
        let (back, _) = read_h2(response.body_mut()).await.unwrap();
        assert_eq!(back.len(), sent);
    })
    .await;
}

#[tokio::test]
async fn a_shut_down_server_answers_what_it_has_and_ends() {
    local(async {
        let (ours, theirs) = duplex(PIPE);
        let served = spawn_local(async move {
            let mut connection = server::handshake(ours, Settings::default()).await?;
            let (_, respond) = connection.accept().await.unwrap()?;
            connection.shut_down();
            let mut respond = Some(respond);
            poll_fn(|cx| {
                let accepted = connection.poll_accept(cx);
                if let Some(respond) = respond.take() {
                    respond.send_whole(Response::new(())).unwrap();
                    cx.waker().wake_by_ref();
                }
                accepted
            })
            .await
            .map_or(Ok(()), |arrived| {
                arrived.map(|_| panic!("there was one more"))
            })
        });
        let mut sender = h2_client(theirs).await;
        let (response, _) = sender.send_request(post("/"), true).unwrap();
        assert_eq!(response.await.unwrap().status(), StatusCode::OK);
        assert_eq!(served.await.unwrap(), Ok(()));
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_is_dropped_is_reset_and_the_connection_goes_on() {
    local(async {
        let (ours, theirs) = duplex(PIPE);
        spawn_local(async move {
            let mut connection = server::handshake(ours, Settings::default()).await.unwrap();
            while let Some(Ok((request, respond))) = connection.accept().await {
                if request.uri().path() != "/drop" {
                    respond.send_whole(Response::new(())).unwrap();
                }
            }
        });
        let mut sender = h2_client(theirs).await;
        for _ in 0..3 {
            let (response, _) = sender.send_request(post("/drop"), true).unwrap();
            let error = response.await.unwrap_err();
            assert_eq!(error.reason(), Some(h2::Reason::CANCEL));
            let (response, _) = sender.send_request(post("/"), true).unwrap();
            assert_eq!(response.await.unwrap().status(), StatusCode::OK);
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_server_refuses_or_never_saw_is_unprocessed() {
    local(async {
        let (ours, theirs) = duplex(PIPE);
        spawn_local(async move {
            let mut connection = h2::server::handshake(theirs).await.unwrap();
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            respond.send_reset(h2::Reason::REFUSED_STREAM);
            let (_, _second) = connection.accept().await.unwrap().unwrap();
            connection.abrupt_shutdown(h2::Reason::NO_ERROR);
            let _ = connection.accept().await;
        });
        let (requests, connection) = client::connect(ours, Settings::default());
        spawn_local(connection);
        let error = requests.send_whole(&post("/")).unwrap().await.unwrap_err();
        assert!(
            error.is_unprocessed() && error.reason() == Some(Reason::REFUSED_STREAM),
            "{error}"
        );
        let seen = requests.send_whole(&post("/")).unwrap().await.unwrap_err();
        assert!(!seen.is_unprocessed(), "{seen}");
        assert!(requests.is_closed());
        assert!(requests.send(&post("/")).is_err());
    })
    .await;
}
