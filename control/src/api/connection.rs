//! Connections of API clients: accepted, bounded in number and patience, ended in order.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use outrigger_entrance::Entrance;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{access::Visitor, app::Stop};

/// From a connection's start, or its last answer, to the end of a head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// More wait to be accepted: people, scrapers and scripts are few.
const MOST_CONNECTIONS: usize = 256;

/// How long requests under way may take once the process stops: longer than a write to a source on disk.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until told to stop.
pub async fn accept(listener: TcpListener, door: Arc<Entrance>, router: Router, stop: Stop) {
    let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    let stopped = stop.clone().told();
    tokio::pin!(stopped);
    loop {
        while connections.try_join_next().is_some() {}
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit, listener.accept().await)
        };
        tokio::select! {
            () = &mut stopped => break,
            (permit, accepted) = next => match accepted {
                Ok((stream, peer)) => {
                    let served = serve(stream, peer, Arc::clone(&door), router.clone(), stop.clone());
                    connections.spawn(async move {
                        served.await;
                        drop(permit);
                    });
                }
                // Out of file descriptors: they come back.
                Err(_) => sleep(Duration::from_millis(50)).await,
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    door: Arc<Entrance>,
    router: Router,
    stop: Stop,
) {
    let taken_in = tokio::select! {
        taken_in = door.welcome(stream) => taken_in,
        () = stop.clone().told() => return,
    };
    let (stream, identity) = match taken_in {
        Ok(taken_in) => taken_in,
        Err(error) => return tracing::debug!(%address, %error, "no handshake with an operator"),
    };
    let visitor = Visitor { address, identity };
    let router = router.layer(axum::Extension(ConnectInfo(visitor)));
    let mut http1 = http1::Builder::new();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    let service = TowerToHyperService::new(router);
    let connection = http1.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // A client that hangs up is no news.
    tokio::select! {
        _ended = &mut connection => {}
        () = stop.told() => {
            connection.as_mut().graceful_shutdown();
            let _ended = timeout(GRACE, connection).await;
        }
    }
}
