//! The first bytes of a connection, as any caller may send them.

use outrigger::{
    downstream::detect::{Spoken, tell},
    tcp::client_hello::{Hello, read},
};
use rustls::server::Acceptor;

/// Record, message, random and session.
const HEADERS: usize = 80;
const STRIDE: usize = 61;

/// Whatever came is told apart in the same way once it is told at all, however much follows. The name that is found is
/// the one that rustls finds, and fit for a line of a log.
pub fn client_hello(bytes: &[u8]) {
    let (hello, spoken) = (read(bytes), tell(bytes));
    // Headers byte by byte, what is long in strides.
    for cut in (0..bytes.len().min(HEADERS)).chain((HEADERS..bytes.len()).step_by(STRIDE)) {
        match read(&bytes[..cut]) {
            Hello::Part => {}
            early => assert_eq!(early, hello, "after {cut} bytes"),
        }
        if let Some(early) = tell(&bytes[..cut]) {
            assert_eq!(Some(early), spoken, "after {cut} bytes");
        }
    }
    let Hello::Whole(name) = hello else { return };
    assert_eq!(spoken, Some(Spoken::Tls));
    if let Some(name) = &name {
        let plain = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_uppercase();
        assert!(name.bytes().all(plain), "{name:?}");
    }
    if let Some(found) = by_rustls(bytes) {
        assert_eq!(name.map(|name| name.to_ascii_lowercase()), Some(found));
    }
}

/// The name, if it takes the hello for a right one that asks for a host.
fn by_rustls(mut bytes: &[u8]) -> Option<String> {
    let mut acceptor = Acceptor::default();
    while !bytes.is_empty() {
        acceptor.read_tls(&mut bytes).ok()?;
        if let Some(accepted) = acceptor.accept().ok()? {
            let name = accepted.client_hello().server_name()?.to_owned();
            return Some(name.trim_end_matches('.').to_ascii_lowercase());
        }
    }
    None
}
