//! The new side: finds the running process, takes its sockets, and tells it when they are in good hands.

use std::{
    io,
    net::TcpListener,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{SocketAddrUnix, connect},
};
use tokio::{
    net::UnixStream,
    time::{Instant, sleep},
};

use super::{Door, Failure, PATIENCE, door::unconnected, sockets::Given, wire::Wire, word::Word};

/// How long to wait before calling again where somebody was about to leave.
const AGAIN: Duration = Duration::from_millis(20);

/// Who is behind the door.
pub enum Met {
    /// Nobody: this process is the first.
    Nobody(Door),
    /// A process that serves, and all its sockets.
    Somebody(Predecessor, Given),
}

/// A process that serves until it is told that this one does.
#[derive(Debug)]
pub struct Predecessor {
    wire: Wire,
    door: OwnedFd,
    path: PathBuf,
    /// The program's.
    pub version: String,
}

/// Looks who serves behind `path`.
///
/// # Errors
/// When there is somebody who does not hand over, or nobody and no way to be there for the next.
pub async fn meet(path: &Path) -> Result<Met, Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let socket = unconnected()?;
        let refused = |error: io::Error| Failure::Path {
            path: path.to_owned(),
            error,
            hint: "this should be the path of a socket, in a directory of the user who runs this",
        };
        let address = SocketAddrUnix::new(path).map_err(|error| refused(error.into()))?;
        match connect(&socket, &address) {
            Ok(()) => match Predecessor::ask(socket, path).await {
                // It has just left, by a hand-over to another or for good.
                Err(Failure::HungUp) if Instant::now() < deadline => {}
                asked => {
                    return asked.map(|(predecessor, given)| Met::Somebody(predecessor, given));
                }
            },
            Err(Errno::NOENT | Errno::CONNREFUSED) => return Door::open(path).map(Met::Nobody),
            // Too many wait there.
            Err(Errno::AGAIN) if Instant::now() < deadline => {}
            Err(error) => return Err(refused(error.into())),
        }
        sleep(AGAIN).await;
    }
}

impl Predecessor {
    async fn ask(socket: OwnedFd, path: &Path) -> Result<(Self, Given), Failure> {
        let wire = Wire::new(UnixStream::from_std(socket.into())?)?;
        let hello = Word::Hello(env!("CARGO_PKG_VERSION").to_owned());
        wire.say(&hello, &[]).await?;
        let mut given = Given::default();
        loop {
            let (word, sockets) = wire.hear().await?;
            match word {
                Word::Listener(address) | Word::Admin(address) => {
                    given.add(address, sockets.into_iter().map(TcpListener::from));
                }
                Word::Door(version) => {
                    let door = sockets.into_iter().next();
                    let door = door.ok_or_else(|| Failure::Nonsense("door".to_owned()))?;
                    let path = path.to_owned();
                    let predecessor = Self {
                        wire,
                        door,
                        path,
                        version,
                    };
                    return Ok((predecessor, given));
                }
                Word::Refused(why) => return Err(Failure::Refused(why)),
                other => return Err(Failure::Nonsense(other.to_string())),
            }
        }
    }

    /// Says that this process can serve, and waits until the other has heard it. What comes back is the door for the next.
    ///
    /// # Errors
    /// When the other serves on.
    pub async fn relieve(self) -> Result<Door, Failure> {
        let heard = match self.wire.say(&Word::Ready, &[]).await {
            Ok(()) => self.wire.hear().await,
            Err(error) => Err(error),
        };
        match heard {
            Ok((Word::Yours, _)) => {}
            // Its end must not be that of the service: the sockets are here.
            Err(Failure::HungUp) => {
                tracing::warn!("the process before this one has ended before it was relieved");
                // It took the path with it, so that nobody would find the socket that it has passed on.
                return Door::open(&self.path);
            }
            Ok((Word::Refused(why), _)) => return Err(Failure::Refused(why)),
            Ok((other, _)) => return Err(Failure::Nonsense(other.to_string())),
            Err(error) => return Err(error),
        }
        Door::of(self.door, &self.path)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::{sync::mpsc, time::timeout};

    use super::{super::Ask, *};

    /// Meets who is behind `path`, whose process answers with no sockets.
    async fn met(path: &Path, asks: &mut mpsc::Receiver<Ask>) -> Predecessor {
        let answer = async {
            if let Some(Ask::Sockets(answer)) = asks.recv().await {
                drop(answer.send(Vec::new()));
            }
        };
        let meeting = async { tokio::join!(meet(path), answer).0 };
        match timeout(PATIENCE, meeting).await.unwrap().unwrap() {
            Met::Somebody(predecessor, _) => predecessor,
            Met::Nobody(_) => panic!("nobody is there"),
        }
    }

    #[tokio::test]
    async fn one_that_ends_before_it_is_relieved_leaves_a_door_that_is_found() {
        let path = std::env::temp_dir().join(format!("outrigger-door-{}", std::process::id()));
        let (process, mut asks) = mpsc::channel(1);
        let watching = tokio::spawn(Door::open(&path).unwrap().watch(process));
        let predecessor = met(&path, &mut asks).await;
        watching.abort();
        assert!(watching.await.unwrap_err().is_cancelled());
        let door = predecessor.relieve().await.unwrap();
        let (process, mut asks) = mpsc::channel(1);
        let _watching = tokio::spawn(door.watch(process));
        met(&path, &mut asks).await;
        std::fs::remove_file(path).unwrap();
    }
}
