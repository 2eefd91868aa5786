//! Headers of the PROXY protocol, as a trusted peer may send them.

use outrigger::proxy_protocol::{Parsed, parse, write};
use outrigger_config::model::ProxyVersion;

/// Whatever came is a header, none, or the beginning of one; a header is the same without what follows it and no shorter
/// part of it is one. What it says survives being written in either version.
pub fn proxy_protocol(bytes: &[u8]) {
    let Ok(Parsed::Whole { addresses, length }) = parse(bytes) else {
        return;
    };
    assert_eq!(
        parse(&bytes[..length]),
        Ok(Parsed::Whole { addresses, length })
    );
    for cut in 0..length {
        assert_eq!(parse(&bytes[..cut]), Ok(Parsed::Part), "after {cut} bytes");
    }
    for version in [ProxyVersion::V1, ProxyVersion::V2] {
        let header = write(version, addresses);
        let told = Parsed::Whole {
            addresses: addresses.map(|it| it.of_one_family()),
            length: header.len(),
        };
        assert_eq!(parse(&header), Ok(told), "{}", header.escape_ascii());
    }
}
