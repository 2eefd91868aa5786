//! The names in a certificate, and whether they cover a host (RFC 6125, 6.4): letter by letter but for their case; a
//! wildcard stands for one whole label at the front.

use std::net::IpAddr;

/// Names that somebody is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// In lower case. `*.` at the front is a wildcard.
    pub dns: Vec<Box<str>>,
    /// Addresses.
    pub ips: Vec<IpAddr>,
    /// As they stand there.
    pub uris: Vec<Box<str>>,
}

impl Names {
    /// Whether `host`, without port, is one of them.
    pub fn cover(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return self.ips.contains(&ip);
        }
        self.dns.iter().any(|name| match name.strip_prefix('*') {
            Some(parent) => below(host).is_some_and(|above| above.eq_ignore_ascii_case(parent)),
            None => name.eq_ignore_ascii_case(host),
        })
    }
}

/// `.example.com` of `shop.example.com`.
pub fn below(host: &str) -> Option<&str> {
    let dot = host.find('.').filter(|dot| *dot > 0)?;
    Some(&host[dot..])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_one_label_and_an_address_is_itself() {
        let names = Names {
            dns: vec!["shop.example.com".into(), "*.example.org".into()],
            ips: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
            uris: Vec::new(),
        };
        for host in [
            "shop.example.com",
            "SHOP.example.com.",
            "a.Example.org",
            "192.0.2.1",
            "[2001:db8:0::1]",
        ] {
            assert!(names.cover(host), "{host}");
        }
        for host in [
            "example.com",
            "x.shop.example.com",
            "a.b.example.org",
            "example.org",
            ".example.org",
            "192.0.2.2",
            "",
        ] {
            assert!(!names.cover(host), "{host}");
        }
    }
}
