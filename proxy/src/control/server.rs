//! Where a control plane is, as the command line says it.

use std::{fmt, str::FromStr, sync::Arc};

/// The port of `outrigger-control`, for an address that has none.
const DEFAULT_PORT: u16 = 4180;

/// A control plane: a name or an IP address, with a port. Names are looked up at each try to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    address: Arc<str>,
    /// Whether TLS is spoken; `None`: that was left open.
    tls: Option<bool>,
}

impl Server {
    /// `host:port`.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// Whether TLS is spoken with it.
    pub fn is_secure(&self) -> bool {
        self.tls == Some(true)
    }

    /// The same, with TLS if that was left open and is `secure`.
    pub fn or_secure(self, secure: bool) -> Self {
        Self {
            tls: self.tls.or(Some(secure)),
            ..self
        }
    }

    /// Its host, which its certificate must name; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        let (host, _) = self.address.rsplit_once(':').unwrap_or_default();
        host.trim_matches(['[', ']'])
    }

    /// As a URL.
    pub fn url(&self) -> String {
        let scheme = if self.is_secure() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure() { "https://" } else { "" };
        write!(f, "{scheme}{}", self.address)
    }
}

impl FromStr for Server {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (tls, text) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (Some(true), rest),
            (_, Some(rest)) => (Some(false), rest),
            _ => (None, text),
        };
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
            _ if authority.as_str().contains('@') => {
                Err("a credential has no place in an address: name a `--control-token-file`")
            }
            _ => Ok(Self {
                address: address.into(),
                tls,
            }),
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
    fn tls_is_spoken_where_it_is_said_or_meant() {
        let parse = |text: &str| text.parse::<Server>().unwrap();
        assert!(parse("https://a").or_secure(false).is_secure());
        assert!(!parse("http://a").or_secure(true).is_secure());
        assert!(parse("a").or_secure(true).is_secure());
        assert!(!parse("a").or_secure(false).is_secure());
        let server = parse("https://[::1]:7/");
        assert_eq!(server.to_string(), "https://[::1]:7");
        assert_eq!((server.host(), server.as_str()), ("::1", "[::1]:7"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", ":80", "a:b", "a:99999", "a b:1", "a/b:1", "token@a:1"] {
            assert!(text.parse::<Server>().is_err(), "{text}");
        }
    }
}
