//! Connections of which nothing but bytes is known: each is passed on to one endpoint, and back.
//!
//! The same clusters as for requests, with the same balancers, ejections, breakers and limits; a connection counts there as
//! a request does, its connect as the attempt. In order: where to (`destinations.rs`, for TLS by the name in its first
//! message, `client_hello.rs`), to which endpoint (`connect.rs`), then bytes both ways (`carry.rs`) until both sides have
//! ended or nothing has moved for too long (`flow.rs`). What came of it is one line and a few numbers (`account.rs`).

mod account;
mod carry;
pub mod client_hello;
mod connect;
mod destinations;
mod flow;
mod splice;

use std::{io, rc::Rc, sync::Arc};

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub use destinations::{Destinations, Target};
pub use flow::Flow;

use crate::{
    authorization,
    downstream::Connection,
    error::Error,
    stream::Stream,
    telemetry::{
        metrics::{DownstreamError, Label as _, TcpResult},
        trail::Step,
    },
    worker::Worker,
};
use account::Account;
use carry::{Broken, carry};
use client_hello::Hello;
use connect::{Connected, Connecting};

/// A fatal `unrecognized_name` (RFC 6066, 3): the client learns why it is turned away.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 1, 0, 2, 2, 112];

/// What a hello usually fits into.
const HELLO: usize = 2048;

/// A caller, with what was read of it.
pub struct Caller {
    /// Its connection.
    pub stream: Stream,
    /// Read before it was known what is done with it.
    pub first: BytesMut,
}

/// A connection that was made before it was known what its caller wants.
pub struct Ahead {
    /// Where it goes.
    target: Target,
    /// The connection.
    connected: Connected,
}

impl Ahead {
    /// Waits until the endpoint says something, or ends it.
    pub async fn hear(&mut self) {
        self.connected.hear().await;
    }
}

/// Passes `caller` on to where its listener says, over `ahead` if there is that already. `greets`: it may begin with a TLS
/// client's hello.
pub async fn serve(
    mut caller: Caller,
    greets: bool,
    connection: &Rc<Connection>,
    destinations: &Arc<Destinations>,
    worker: &Rc<Worker>,
    ahead: Option<Ahead>,
) {
    let would_be = match authorization::admit_connection(connection) {
        Ok(would_be) => would_be,
        Err(error) => {
            reset(&caller.stream);
            let nowhere = Arc::clone(&destinations.nowhere);
            return Account::open(worker, connection, nowhere, None).refused(&error);
        }
    };
    let name = match connection.secured() {
        // It was asked for within the handshake that is over.
        Some(secured) => secured.session.server_name.as_deref().map(str::to_owned),
        None if greets && destinations.by_name() => {
            match connection.run(hello(&mut caller), |_| ()).await {
                Some(Ok(name)) => name,
                Some(Err(_)) => return worker.metrics().downstream_error(DownstreamError::Reset),
                None => return,
            }
        }
        // The server may have to speak first.
        None => None,
    };
    // A choice that was made is kept, unless the name makes another: a second draw by weight would be of another cluster.
    let ahead = ahead.filter(|_| !name.as_deref().is_some_and(|name| destinations.knows(name)));
    let (target, connected) = match ahead {
        Some(Ahead { target, connected }) => (Ok(target), Some(connected)),
        None => (destinations.find(name.as_deref(), connection, worker), None),
    };
    let metrics = target
        .as_ref()
        .map_or(&destinations.nowhere, |it| &it.metrics);
    let mut account = Account::open(worker, connection, Arc::clone(metrics), name);
    let target = match target {
        Ok(target) => target,
        Err(error) => {
            if account.name().is_some() && connection.secured().is_none() {
                let _ = caller.stream.write_all(&UNRECOGNIZED_NAME).await;
            }
            return account.refused(&error);
        }
    };
    // From now on it is not waited for a head, but for anything.
    let flow = connection.carries(&target);
    worker.begin();
    let connected = match connected {
        Some(connected) => Ok(connected),
        None => reach(&target, destinations, worker, &mut account, would_be).await,
    };
    match connected {
        Ok(connected) => {
            account.connected();
            let result = pass_on(caller, connected, connection, &flow).await;
            account.end(result, &flow);
        }
        Err(error) => {
            reset(&caller.stream);
            account.refused(&error);
        }
    }
    worker.end();
}

/// The connection to the default cluster, for a caller that says nothing: its server may be the one to speak. None while the
/// process has too much to do: who says something is then told so.
pub async fn ahead(
    connection: &Rc<Connection>,
    destinations: &Destinations,
    worker: &Rc<Worker>,
) -> Option<Ahead> {
    if worker.overloaded().is_some() || !authorization::would_admit(connection) {
        return None;
    }
    let target = destinations.find(None, connection, worker).ok()?;
    let mut connecting = Connecting::of(connection, worker, false);
    let attempts = destinations.policy.connect_attempts;
    let connected = connecting.connect(&target.meant, attempts).await.ok()?;
    Some(Ahead { target, connected })
}

/// A connection to an endpoint of `target`.
async fn reach(
    target: &Target,
    destinations: &Destinations,
    worker: &Rc<Worker>,
    account: &mut Account<'_>,
    would_be: Option<Step>,
) -> Result<Connected, Error> {
    let mut connecting = Connecting::of(account.connection(), worker, account.is_logged());
    if let Some(step) = would_be {
        connecting.note(|| step);
    }
    connecting.note(|| Step::Cluster(Arc::clone(&target.meant.cluster.config.name)));
    let result = match worker.overloaded() {
        Some(reason) => {
            connecting.note(|| Step::Refused("overload"));
            Err(Error::Overloaded(reason.as_str()))
        }
        None => {
            let attempts = destinations.policy.connect_attempts;
            connecting.connect(&target.meant, attempts).await
        }
    };
    account.trail = connecting.trail;
    result
}

/// The name that a client asks for, if it speaks TLS and asks for one.
pub async fn hello(caller: &mut Caller) -> io::Result<Option<String>> {
    loop {
        match client_hello::read(&caller.first) {
            Hello::Whole(name) => return Ok(name),
            Hello::Foreign => return Ok(None),
            Hello::Part if caller.first.len() > 2 * client_hello::LONGEST => return Ok(None),
            Hello::Part => {}
        }
        caller.first.reserve(HELLO);
        if caller.stream.read_buf(&mut caller.first).await? == 0 {
            return Ok(None);
        }
    }
}

/// Carries bytes until it is over.
async fn pass_on(
    caller: Caller,
    connected: Connected,
    connection: &Connection,
    flow: &Flow,
) -> TcpResult {
    let Caller { mut stream, first } = caller;
    let (mut upstream, greeting) = (connected.stream, connected.first);
    let carried = carry(
        (&mut stream, first.freeze()),
        (&mut upstream, greeting.freeze()),
        flow,
    );
    let result = match connection.run(carried, |_| ()).await {
        Some(Ok(())) => return TcpResult::Closed,
        Some(Err(Broken::Downstream)) => TcpResult::DownstreamReset,
        Some(Err(Broken::Upstream)) => TcpResult::UpstreamReset,
        None => TcpResult::IdleTimeout,
    };
    // What was cut off must not look as if it had come to its end.
    reset(&stream);
    reset(&upstream);
    result
}

/// Has the connection be reset, not ended, when it is closed.
fn reset(stream: &Stream) {
    // A socket that is gone already needs no telling.
    let _ = SockRef::from(stream.socket()).set_linger(Some(std::time::Duration::ZERO));
}
