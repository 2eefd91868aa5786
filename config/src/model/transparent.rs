//! Listeners whose callers never meant to call them: the kernel sends them connections that were meant for others.

/// What is done with connections that were meant for another address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transparent {
    /// They were meant for the application beside the proxy.
    Inbound(Inbound),
    /// They are the application's, and were meant for others.
    Outbound(Outbound),
}

/// What reaches the application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inbound {
    /// How connections come here.
    pub by: Capture,
    /// The ports that may be called; `None`: all but the proxy's own.
    pub ports: Option<Vec<u16>>,
    /// Where the application listens.
    pub to: Listening,
    /// Who calls it, as it sees it.
    pub source: Source,
}

/// What the application may call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbound {
    /// How connections come here.
    pub by: Capture,
    /// What becomes of those that no cluster is meant by.
    pub unknown: Unknown,
}

/// How the kernel hands over a connection that was meant for another address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Capture {
    /// By translating the address; the kernel remembers which it was.
    #[default]
    Redirect,
    /// As it is, to a socket that may have foreign addresses.
    Tproxy,
}

/// Where the application listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listening {
    /// At the address that was called, or at all of them.
    #[default]
    Address,
    /// At the loopback address.
    Loopback,
}

/// Whose address a connection to the application comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// This machine's.
    #[default]
    Loopback,
    /// That of whoever called.
    Caller,
}

/// What becomes of a connection that no cluster is meant by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// It goes where it was meant to go.
    #[default]
    Allow,
    /// It is refused.
    Refuse,
}

impl Transparent {
    /// How connections come here.
    pub fn by(&self) -> Capture {
        match self {
            Self::Inbound(inbound) => inbound.by,
            Self::Outbound(outbound) => outbound.by,
        }
    }
}
