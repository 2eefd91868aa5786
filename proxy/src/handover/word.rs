//! What two processes say to one another, a word a message. Of two versions that differ the running one refuses: the words
//! may then mean something else.

use std::{fmt, net::SocketAddr, str::FromStr};

/// Of the words, not of the program.
const VERSION: &str = "1";

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// New: this version of the program would like to take over.
    Hello(String),
    /// Running: these are of the listener at this address. Said again if there are many.
    Listener(SocketAddr),
    /// Running: these are of the admin server.
    Admin(SocketAddr),
    /// Running: this is the socket that others come by; the version of the program that it was.
    Door(String),
    /// New: able to serve.
    Ready,
    /// Running: so it does not, any more.
    Yours,
    /// Running: it will not, for this reason.
    Refused(String),
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello(version) => write!(f, "hello {VERSION} {version}"),
            Self::Listener(address) => write!(f, "listener {address}"),
            Self::Admin(address) => write!(f, "admin {address}"),
            Self::Door(version) => write!(f, "door {version}"),
            Self::Ready => f.write_str("ready"),
            Self::Yours => f.write_str("yours"),
            Self::Refused(why) => write!(f, "refused {why}"),
        }
    }
}

impl FromStr for Word {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let nonsense = || text.to_owned();
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let address = || rest.parse().map_err(|_| nonsense());
        match verb {
            "hello" => match rest.split_once(' ') {
                Some((VERSION, version)) => Ok(Self::Hello(version.to_owned())),
                _ => Err(nonsense()),
            },
            "listener" => Ok(Self::Listener(address()?)),
            "admin" => Ok(Self::Admin(address()?)),
            "door" => Ok(Self::Door(rest.to_owned())),
            "ready" => Ok(Self::Ready),
            "yours" => Ok(Self::Yours),
            "refused" => Ok(Self::Refused(rest.to_owned())),
            _ => Err(nonsense()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let address = "[::1]:8080".parse().unwrap();
        for word in [
            Word::Hello("0.2.0".to_owned()),
            Word::Listener(address),
            Word::Admin(address),
            Word::Door("0.1.0".to_owned()),
            Word::Ready,
            Word::Yours,
            Word::Refused("another one is at it".to_owned()),
        ] {
            assert_eq!(word.to_string().parse(), Ok(word));
        }
    }

    #[test]
    fn what_is_not_a_word_is_said_back() {
        for text in ["", "hello", "hello 2 0.3.0", "listener nowhere", "x"] {
            assert_eq!(text.parse::<Word>(), Err(text.to_owned()));
        }
    }
}
