//! The running side: waits for who would take over, gives it the sockets, and steps back when it is ready.

use std::{
    fs, io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
    time::sleep,
};

use super::{
    Failure,
    sockets::{Owner, Passed},
    wire::{MOST, Wire},
    word::Word,
};

/// Who waits while another is at it.
const BACKLOG: i32 = 8;

/// How long to wait when the process is out of file descriptors, or the like, before opening again.
const PAUSE: Duration = Duration::from_millis(50);

/// The socket at `PATH`. Its file goes when this process ends without a successor.
#[derive(Debug)]
pub struct Door {
    socket: UnixListener,
    path: PathBuf,
    /// Which file it was: when this process ends, another's may be there.
    file: Option<File>,
    passed: bool,
}

/// Device and number of a file.
type File = (u64, u64);

fn file(path: &Path) -> Option<File> {
    let there = fs::symlink_metadata(path).ok()?;
    Some((there.dev(), there.ino()))
}

/// What the door asks of the process.
pub enum Ask {
    /// All its listening sockets.
    Sockets(oneshot::Sender<Vec<Passed>>),
    /// Somebody was there for them, and has not got ready.
    Failed,
    /// To drain: the successor accepts from now on.
    Drain,
}

impl Door {
    /// Opens it for the first time. What a process has left there that is no more is cleared away.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let refuse = |error: io::Error, hint| Failure::Path {
            path: path.to_owned(),
            error,
            hint,
        };
        let directory = "its directory must be there, and the user's who runs this";
        if let Ok(there) = fs::symlink_metadata(path) {
            if !there.file_type().is_socket() {
                let error = io::ErrorKind::AlreadyExists.into();
                return Err(refuse(error, "this is no socket: name another path"));
            }
            fs::remove_file(path).map_err(|error| refuse(error, directory))?;
        }
        let socket = unconnected()?;
        let address = SocketAddrUnix::new(path)
            .map_err(|error| refuse(error.into(), "108 bytes at most: name a shorter path"))?;
        bind(&socket, &address).map_err(|error| refuse(error.into(), directory))?;
        // Before anybody can connect.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))
            .map_err(|error| refuse(error, directory))?;
        listen(&socket, BACKLOG).map_err(io::Error::from)?;
        Self::of(socket, path)
    }

    /// The one that the predecessor has left.
    pub(super) fn of(socket: OwnedFd, path: &Path) -> Result<Self, Failure> {
        Ok(Self {
            socket: UnixListener::from_std(socket.into())?,
            path: path.to_owned(),
            file: file(path),
            passed: false,
        })
    }

    /// Waits for successors, one after another, until one has got ready.
    pub async fn watch(mut self, process: mpsc::Sender<Ask>) {
        loop {
            let socket = match self.socket.accept().await {
                Ok((socket, _)) => socket,
                // Nobody has come who could have failed, and whoever waits outside is there still.
                Err(error) => {
                    tracing::warn!(%error, "cannot open the door to the next process");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            match self.hand_over(socket, &process).await {
                Ok(()) => {
                    self.passed = true;
                    let _ = process.send(Ask::Drain).await;
                    return;
                }
                Err(error) => {
                    tracing::warn!("no hand-over, serving on: {error}");
                    if process.send(Ask::Failed).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn hand_over(
        &self,
        socket: UnixStream,
        process: &mpsc::Sender<Ask>,
    ) -> Result<(), Failure> {
        let wire = Wire::new(socket)?;
        let version = match wire.hear().await {
            Ok((Word::Hello(version), _)) => version,
            Ok((other, _)) => return Err(Failure::Nonsense(other.to_string())),
            Err(Failure::Nonsense(said)) => {
                let why = format!("version {} does not know that", env!("CARGO_PKG_VERSION"));
                wire.say(&Word::Refused(why), &[]).await?;
                return Err(Failure::Nonsense(said));
            }
            Err(error) => return Err(error),
        };
        let handed = self.pass(&wire, &version, process).await;
        if let Err(error @ (Failure::Silence | Failure::Nonsense(_))) = &handed {
            // It would take silence for the end of this process, and its place.
            wire.say(&Word::Refused(error.to_string()), &[]).await?;
        }
        handed
    }

    async fn pass(
        &self,
        wire: &Wire,
        version: &str,
        process: &mpsc::Sender<Ask>,
    ) -> Result<(), Failure> {
        let (answer, passed) = oneshot::channel();
        // A process that drains answers nobody any more.
        let asked = process.send(Ask::Sockets(answer)).await;
        asked.map_err(|_| Failure::HungUp)?;
        let passed = passed.await.map_err(|_| Failure::HungUp)?;
        tracing::info!(
            version,
            sockets = passed.iter().map(|it| it.sockets.len()).sum::<usize>(),
            "a new process has asked for the sockets"
        );
        for Passed { owner, sockets } in &passed {
            let word = match *owner {
                Owner::Listener(address) => Word::Listener(address),
                Owner::Admin(address) => Word::Admin(address),
            };
            for some in sockets.chunks(MOST) {
                let some: Vec<BorrowedFd<'_>> = some.iter().map(AsFd::as_fd).collect();
                wire.say(&word, &some).await?;
            }
        }
        let door = Word::Door(env!("CARGO_PKG_VERSION").to_owned());
        wire.say(&door, &[self.socket.as_fd()]).await?;
        match wire.hear().await? {
            (Word::Ready, _) => wire.say(&Word::Yours, &[]).await,
            (other, _) => Err(Failure::Nonsense(other.to_string())),
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if !self.passed && self.file == file(&self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A socket of the kind that hand-overs are spoken by.
pub(super) fn unconnected() -> Result<OwnedFd, Failure> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None);
    Ok(socket.map_err(io::Error::from)?)
}
