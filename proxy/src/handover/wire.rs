//! One connection between two processes: words, with sockets attached to them (SCM_RIGHTS, unix(7)).
//!
//! SOCK_SEQPACKET keeps the bounds of messages, and with them which socket belongs to which word.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    cmsg_space,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, recvmsg, sendmsg, sockopt::socket_peercred,
    },
    process::geteuid,
};
use tokio::{io::Interest, net::UnixStream, time::timeout};

use super::{Failure, PATIENCE, word::Word};

/// Sockets a message; the kernel takes 253.
pub(super) const MOST: usize = 128;

/// Bytes of a word.
const LONGEST: usize = 1024;

/// See the module. For tokio all kinds of connected Unix sockets are streams.
#[derive(Debug)]
pub(super) struct Wire(UnixStream);

impl Wire {
    /// # Errors
    /// When the other is another user's: it could pass sockets of its own, or misuse ours.
    pub(super) fn new(socket: UnixStream) -> Result<Self, Failure> {
        let theirs = socket_peercred(&socket).map_err(io::Error::from)?.uid;
        let ours = geteuid();
        if theirs != ours {
            let (theirs, ours) = (theirs.as_raw(), ours.as_raw());
            return Err(Failure::Stranger { theirs, ours });
        }
        Ok(Self(socket))
    }

    /// Says a word.
    pub(super) async fn say(&self, word: &Word, sockets: &[BorrowedFd<'_>]) -> Result<(), Failure> {
        let mut text = word.to_string();
        text.truncate(text.floor_char_boundary(LONGEST));
        let send = self.0.async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
            let mut attached = SendAncillaryBuffer::new(&mut space);
            if !sockets.is_empty() && !attached.push(SendAncillaryMessage::ScmRights(sockets)) {
                return Err(io::Error::other("too many sockets at once"));
            }
            let text = [IoSlice::new(text.as_bytes())];
            // Without SIGPIPE, were it not ignored: the other may be gone.
            let sent = sendmsg(self.0.as_fd(), &text, &mut attached, SendFlags::NOSIGNAL);
            Ok(sent.map(drop)?)
        });
        match timeout(PATIENCE, send).await {
            Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::HungUp),
            Ok(sent) => Ok(sent?),
            Err(_) => Err(Failure::Silence),
        }
    }

    /// Hears a word, with the sockets attached to it.
    pub(super) async fn hear(&self) -> Result<(Word, Vec<OwnedFd>), Failure> {
        let receive = self
            .0
            .async_io(Interest::READABLE, || receive(self.0.as_fd()));
        match timeout(PATIENCE, receive).await {
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                Err(Failure::HungUp)
            }
            Ok(received) => {
                let (text, sockets) = received?;
                if text.is_empty() {
                    return Err(Failure::HungUp);
                }
                let word = text.parse().map_err(Failure::Nonsense)?;
                Ok((word, sockets))
            }
            Err(_) => Err(Failure::Silence),
        }
    }
}

fn receive(socket: BorrowedFd<'_>) -> io::Result<(String, Vec<OwnedFd>)> {
    let mut bytes = [0; LONGEST];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
    let mut attached = RecvAncillaryBuffer::new(&mut space);
    let mut into = [IoSliceMut::new(&mut bytes)];
    let message = recvmsg(socket, &mut into, &mut attached, RecvFlags::CMSG_CLOEXEC)?;
    if message.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::Error::other(
            "not all sockets got through: the limit of open files (`ulimit -n`) is too low",
        ));
    }
    let mut sockets = Vec::new();
    for message in attached.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = message {
            sockets.extend(passed);
        }
    }
    let text = String::from_utf8_lossy(&bytes[..message.bytes]).into_owned();
    Ok((text, sockets))
}
