//! A sample endpoint that does what it is told, including misbehaving.
//!
//! HTTP/1.1 and h2c (prior knowledge) share the port, as at the proxy. SIGTERM drains: no new connection,
//! `connection: close` or GOAWAY on the old ones, and an exit once the last answer is out.

mod answer;

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, rc::Rc, time::Duration};

use anyhow::{Context, Result};
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::{LocalSet, spawn_local},
    time::{sleep, timeout},
};

pub use answer::{Behaviour, ENDPOINT_HEADER};

/// How long a drain waits for answers in flight; twice the longest that a test keeps one open.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// Connections that wait while it is busy: with tokio's 128 it would be the endpoint that a crowd behind a proxy shuts out.
const BACKLOG: u32 = 4096;

/// What waits in the kernel for a proxy that reads slowly: with its default of megabytes a few hundred of them would leave the
/// machine short of memory for TCP, and everybody's packets would be dropped.
const UNSENT: u32 = 128 * 1024;

/// What `outrigger-bench endpoint` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where to listen; with port 0 the system chooses, and the first line of output says which
    #[arg(long, default_value = "127.0.0.1:0")]
    address: SocketAddr,
    #[command(flatten)]
    behaviour: Behaviour,
    /// Close each connection, once idle, at a random age up to this: provokes the keep-alive race
    #[arg(long, value_parser = humantime::parse_duration)]
    connection_age: Option<Duration>,
}

/// Serves until SIGTERM or SIGINT, then drains.
pub async fn run(arguments: Arguments) -> Result<()> {
    LocalSet::new().run_until(serve(arguments)).await
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    // Its connections have it from it.
    SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn serve(arguments: Arguments) -> Result<()> {
    let listener = listen(arguments.address)
        .with_context(|| format!("listening on `{}`", arguments.address))?;
    println!("listening on {}", listener.local_addr()?);

    let behaviour = Rc::new(arguments.behaviour);
    // Each connection holds a receiver, so the sender also knows when the last one is gone.
    let (drain, draining) = watch::channel(());
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A failed accept (the client is gone again) concerns that client only.
                let Ok((stream, _)) = accepted else { continue };
                let age = arguments.connection_age.map(|most| most.mul_f64(fastrand::f64()));
                spawn_local(converse(stream, behaviour.clone(), draining.clone(), age));
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    drop((listener, draining));
    drain.send_replace(());
    // Answers still missing at the limit are given up: their clients have long stopped waiting.
    let _ = timeout(DRAIN_LIMIT, drain.closed()).await;
    Ok(())
}

/// One connection, from its first byte to its last; it is asked to end by a drain or its age.
async fn converse(
    stream: TcpStream,
    behaviour: Rc<Behaviour>,
    mut draining: watch::Receiver<()>,
    age: Option<Duration>,
) {
    // Else Nagle's algorithm holds back the last segment of a large body for a delayed ACK (40 ms).
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let behaviour = behaviour.clone();
        async move { Ok::<_, Infallible>(behaviour.answer(request).await) }
    });
    let mut builder = auto::Builder::new(Local);
    builder.http1().timer(TokioTimer::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(1000);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = draining.changed() => {}
        () = sleep(age.unwrap_or_default()), if age.is_some() => {}
    }
    connection.as_mut().graceful_shutdown();
    // How a connection ends is the client's business; a sample endpoint has no log.
    let _ = connection.await;
}

/// Spawns HTTP/2 streams on the thread of their connection.
#[derive(Clone, Copy)]
pub(crate) struct Local;

impl<F> hyper::rt::Executor<F> for Local
where
    F: Future<Output: 'static> + 'static,
{
    fn execute(&self, stream: F) {
        spawn_local(stream);
    }
}
