//! Each mode does what it says, over real sockets.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::*;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: endpoint\r\n\r\n";

/// For what must not happen: long enough for a busy machine to do it.
const SILENCE: Duration = Duration::from_millis(300);

/// For what must: a machine that takes longer has other troubles.
const PATIENCE: Duration = Duration::from_secs(10);

const AT_ONCE: Service = Service {
    time: Duration::ZERO,
    workers: None,
};

async fn one(mode: Mode) -> Endpoints {
    let endpoints = Endpoints::start(1, AT_ONCE).await.unwrap();
    endpoints.set(0..1, mode).await.unwrap();
    endpoints
}

/// The answer's first line on a connection.
async fn ask(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok\n") {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    let text = String::from_utf8_lossy(&answer);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    timeout(PATIENCE, TcpStream::connect(address)).await?
}

/// The answer's first line on a connection of its own.
async fn visit(endpoints: &Endpoints) -> std::io::Result<String> {
    let mut stream = connect(endpoints.addresses[0]).await?;
    timeout(PATIENCE, ask(&mut stream)).await?
}

#[tokio::test]
async fn one_that_is_well_answers_and_counts_but_not_its_checks() {
    let endpoints = one(Mode::Well).await;
    let mut stream = connect(endpoints.addresses[0]).await.unwrap();
    for _ in 0..2 {
        assert_eq!(ask(&mut stream).await.unwrap(), "HTTP/1.1 200 OK");
    }
    let check = b"GET /health HTTP/1.1\r\n\r\n";
    stream.write_all(check).await.unwrap();
    assert!(stream.read(&mut [0; 256]).await.unwrap() > 0);
    assert_eq!(endpoints.finish().unwrap()[0].len(), 2);
}

#[tokio::test]
async fn one_that_refuses_ends_its_connections_and_takes_no_more_until_it_is_back_at_the_same_port()
{
    let endpoints = one(Mode::Well).await;
    let mut stream = connect(endpoints.addresses[0]).await.unwrap();
    ask(&mut stream).await.unwrap();
    endpoints.set(0..1, Mode::Refuses).await.unwrap();
    let end = timeout(PATIENCE, stream.read(&mut [0; 16])).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    let refused = visit(&endpoints).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    endpoints.set(0..1, Mode::Well).await.unwrap();
    assert_eq!(visit(&endpoints).await.unwrap(), "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn one_that_resets_reads_the_request_first() {
    let endpoints = one(Mode::Resets).await;
    let reset = visit(&endpoints).await.unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
    assert_eq!(endpoints.finish().unwrap()[0].len(), 1);
}

#[tokio::test]
async fn one_that_hangs_accepts_and_never_answers() {
    let endpoints = one(Mode::Hangs).await;
    let mut stream = connect(endpoints.addresses[0]).await.unwrap();
    assert!(timeout(SILENCE, ask(&mut stream)).await.is_err());
    assert_eq!(endpoints.finish().unwrap()[0].len(), 1);
}

#[tokio::test]
async fn one_whose_packets_are_dropped_lets_connects_hang_and_open_connections_lie_silent() {
    let endpoints = one(Mode::Well).await;
    let mut open = connect(endpoints.addresses[0]).await.unwrap();
    ask(&mut open).await.unwrap();
    endpoints.set(0..1, Mode::Drops).await.unwrap();
    let connecting = TcpStream::connect(endpoints.addresses[0]);
    assert!(
        timeout(SILENCE, connecting).await.is_err(),
        "a SYN came through"
    );
    assert!(timeout(SILENCE, ask(&mut open)).await.is_err());
    endpoints.set(0..1, Mode::Well).await.unwrap();
    assert_eq!(visit(&endpoints).await.unwrap(), "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn one_that_fails_does_so_at_its_share() {
    let endpoints = one(Mode::Fails(1.0)).await;
    let failed = "HTTP/1.1 500 Internal Server Error";
    assert_eq!(visit(&endpoints).await.unwrap(), failed);
    endpoints.set(0..1, Mode::Fails(0.5)).await.unwrap();
    let mut stream = connect(endpoints.addresses[0]).await.unwrap();
    let mut failures = 0;
    for _ in 0..200 {
        failures += usize::from(ask(&mut stream).await.unwrap() == failed);
    }
    assert!((60..140).contains(&failures), "{failures} of 200");
}

#[tokio::test]
async fn one_that_is_slow_answers_late() {
    let endpoints = one(Mode::Slow(Duration::from_millis(100))).await;
    let started = Instant::now();
    assert_eq!(visit(&endpoints).await.unwrap(), "HTTP/1.1 200 OK");
    assert!(started.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn more_than_the_workers_wait_in_a_queue() {
    let busy = Service {
        time: Duration::from_millis(50),
        workers: Some(1),
    };
    let endpoints = Endpoints::start(1, busy).await.unwrap();
    let started = Instant::now();
    let visits = async { tokio::join!(visit(&endpoints), visit(&endpoints), visit(&endpoints)) };
    let (first, second, third) = visits.await;
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    // A fifth less than 50 ms at the quickest.
    assert!(started.elapsed() >= Duration::from_millis(120));
    assert_eq!(busy.capacity(), Some(20.0));
}
