//! Where a control plane is, as the command line says it.

use std::{fmt, str::FromStr, sync::Arc};

/// The port of `outrigger-control`, for an address that has none.
const DEFAULT_PORT: u16 = 4180;

/// A control plane: a name or an IP address, with a port. Names are looked up at each try to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server(Arc<str>);

impl Server {
    /// `host:port`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Server {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("https://") {
            return Err("TLS to a control plane is not spoken yet: give `host:port`");
        }
        let text = text.strip_prefix("http://").unwrap_or(text);
        let text = text.strip_suffix('/').unwrap_or(text);
        let has_port = match text.rsplit_once(':') {
            // The colons of an IPv6 address without brackets are none before a port.
            Some((host, _)) if host.contains(':') && !host.ends_with(']') => false,
            Some((_, port)) => {
                let port = port.parse::<u16>();
                port.map_err(|_| "the port is no number from 0 to 65535")?;
                true
            }
            None => false,
        };
        let address = match has_port {
            true => text.to_owned(),
            false if text.contains(':') && !text.starts_with('[') => {
                format!("[{text}]:{DEFAULT_PORT}")
            }
            false => format!("{text}:{DEFAULT_PORT}"),
        };
        // What it becomes on the wire, too.
        let authority: Result<http::uri::Authority, _> = address.parse();
        let authority = authority.map_err(|_| "this is no address: give `host:port`")?;
        match authority.host() {
            "" => Err("the host is missing: give `host:port`"),
            _ => Ok(Self(address.into())),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_out_its_port() {
        for (text, meant) in [
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("control.mesh", "control.mesh:4180"),
            ("http://control:5/", "control:5"),
            ("[::1]:7", "[::1]:7"),
            ("[::1]", "[::1]:4180"),
            ("::1", "[::1]:4180"),
        ] {
            assert_eq!(text.parse::<Server>().unwrap().as_str(), meant);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", ":80", "a:b", "a:99999", "https://a:1", "a b:1", "a/b:1"] {
            assert!(text.parse::<Server>().is_err(), "{text}");
        }
    }
}
