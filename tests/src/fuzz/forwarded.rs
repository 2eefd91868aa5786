//! What requests say of who asked, by strangers and by proxies that are trusted.

use std::{
    net::{IpAddr, SocketAddr},
    sync::LazyLock,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use outrigger::downstream::forwarded::Forwarded;
use outrigger_config::Network;

const FOR: &str = "x-forwarded-for";
const NAMES: [&str; 4] = [FOR, "forwarded", "x-forwarded-proto", "x-forwarded-host"];

static TRUSTED: LazyLock<[Network; 2]> =
    LazyLock::new(|| ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()));

/// The first byte picks who calls, the first line after it is the host. Each further line is a header: a digit that picks
/// its name, and its value.
///
/// A stranger is who it is, whatever it says, and what it says is gone. Of what a trusted proxy says the nearest address
/// that is not itself trusted is the client, and all of it goes on, with that proxy behind it.
pub fn forwarded(bytes: &[u8]) {
    let Some((pick, bytes)) = bytes.split_first() else {
        return;
    };
    let peers = ["192.0.2.1", "10.0.0.2", "fd00::1", "2001:db8::1"];
    let peer: IpAddr = peers[usize::from(*pick) % peers.len()].parse().unwrap();
    let is_trusted = |address: IpAddr| TRUSTED.iter().any(|network| network.contains(address));
    let mut lines = bytes.split(|byte| *byte == b'\n');
    // Others are refused before (RFC 3986, 3.2).
    let of_a_host =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+;=".contains(byte);
    let host = lines
        .next()
        .filter(|line| !line.is_empty() && line.iter().all(of_a_host))
        .and_then(|line| HeaderValue::from_bytes(line).ok());
    let came = headers(lines);
    let connection = Forwarded::new(SocketAddr::new(peer, 5000));

    let client = connection.client(&came, &*TRUSTED);
    let mut written = came.clone();
    connection.write(&mut written, host.clone(), false, &*TRUSTED);
    element(last(&written, "forwarded"), peer);
    assert_eq!(last(&written, FOR), peer.to_string().as_bytes());
    for name in [FOR, "forwarded"] {
        assert_eq!(written.get_all(name).iter().count(), 1, "{name}");
    }
    if is_trusted(peer) {
        let mut nearest = peer;
        // From the nearest on, as far as they are believed.
        for address in said(&came).into_iter().rev().map_while(|address| address) {
            nearest = address;
            if !is_trusted(address) {
                break;
            }
        }
        assert_eq!(client, nearest);
        let kept = joined(&written, FOR);
        assert!(
            kept.starts_with(&joined(&came, FOR)),
            "{}",
            kept.escape_ascii()
        );
    } else {
        assert_eq!(client, peer);
        assert_eq!(written[FOR], peer.to_string());
        assert_eq!(written["x-forwarded-proto"], "http");
        assert_eq!(written.get("x-forwarded-host"), host.as_ref());
    }
    // Made once for the connection: the same again.
    let mut again = came;
    connection.write(&mut again, host, false, &*TRUSTED);
    assert_eq!(again, written);
}

fn headers<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        if let Some((pick, value)) = line.split_first()
            && let Ok(value) = HeaderValue::from_bytes(value)
        {
            let name = NAMES[usize::from(*pick) % NAMES.len()];
            headers.append(HeaderName::from_static(name), value);
        }
    }
    headers
}

fn joined(headers: &HeaderMap, name: &str) -> Vec<u8> {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    lines.join(&b", "[..])
}

/// The addresses that are named, as they stand there; `None`: that is none.
fn said(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let all = joined(headers, FOR);
    let each = all.split(|byte| *byte == b',').map(|part| {
        let text = std::str::from_utf8(part.trim_ascii()).ok()?;
        Some(text.parse::<IpAddr>().ok()?.to_canonical())
    });
    each.collect()
}

/// What stands last in a list.
fn last<'a>(headers: &'a HeaderMap, name: &str) -> &'a [u8] {
    let value = headers[name].as_bytes();
    let from = value.windows(2).rposition(|window| window == b", ");
    &value[from.map_or(0, |from| from + 2)..]
}

/// An element of `forwarded` (RFC 7239, 4) that says whose connection it was, once.
pub(super) fn element(element: &[u8], peer: IpAddr) {
    let text = std::str::from_utf8(element).expect("an element is text");
    let whose = match peer {
        IpAddr::V4(peer) => format!("for={peer};"),
        IpAddr::V6(peer) => format!("for=\"[{peer}]\";"),
    };
    let rest = text
        .strip_prefix(&whose)
        .unwrap_or_else(|| panic!("{text}"));
    let host = rest
        .strip_suffix("proto=http")
        .unwrap_or_else(|| panic!("{text}"));
    if let Some(host) = host.strip_prefix("host=") {
        let host = host.strip_suffix(';').expect("the end of a host");
        let quoted = host
            .strip_prefix('"')
            .and_then(|host| host.strip_suffix('"'));
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        match quoted {
            Some(host) => assert!(!host.contains(['"', '\\']), "{text}"),
            None => assert!(!host.is_empty() && host.bytes().all(token), "{text}"),
        }
    } else {
        assert_eq!(host, "");
    }
}
