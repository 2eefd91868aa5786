//! Headers in and out.

use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

fn addresses(source: &str, destination: &str) -> Addresses {
    Addresses {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    }
}

fn whole(header: &[u8]) -> Option<Addresses> {
    match parse(header).unwrap() {
        Parsed::Whole { addresses, length } => {
            assert_eq!(length, header.len());
            addresses
        }
        Parsed::Part => panic!("only a part"),
    }
}

#[test]
fn the_examples_of_the_specification_are_read() {
    assert_eq!(
        whole(b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"),
        Some(addresses("192.168.0.1:56324", "192.168.0.11:443"))
    );
    assert_eq!(
        whole(b"PROXY TCP6 2001:db8::1 ffff::ffff 1 2\r\n"),
        Some(addresses("[2001:db8::1]:1", "[ffff::ffff]:2"))
    );
    for unknown in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN a b c\r\n"] {
        assert_eq!(whole(unknown.as_bytes()), None);
    }
}

#[test]
fn a_header_is_written_as_others_write_it() {
    let four = addresses("192.0.2.1:56324", "198.51.100.1:443");
    let text = |header: Vec<u8>| String::from_utf8(header).unwrap();
    assert_eq!(
        text(write(ProxyVersion::V1, Some(four))),
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"
    );
    assert_eq!(text(write(ProxyVersion::V1, None)), "PROXY UNKNOWN\r\n");
    assert_eq!(
        write(ProxyVersion::V2, Some(four)),
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb"
    );
    assert_eq!(
        write(ProxyVersion::V2, None),
        b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
    );
}

#[test]
fn addresses_of_two_families_become_one() {
    let mixed = addresses("192.0.2.1:1", "[2001:db8::1]:2");
    assert_eq!(
        whole(&write(ProxyVersion::V2, Some(mixed))),
        Some(addresses("[::ffff:192.0.2.1]:1", "[2001:db8::1]:2"))
    );
    let mapped = addresses("[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:2");
    assert_eq!(
        whole(&write(ProxyVersion::V1, Some(mapped))),
        Some(addresses("192.0.2.1:1", "192.0.2.2:2"))
    );
}

#[test]
fn what_is_no_header_is_refused() {
    for wrong in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"POST / HTTP/1.1\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
        b"PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n",
        b"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
        b"PROXY TCP4 ::1 ::1 1 2\r\n",
        b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
        b"PROXY \xff\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c",
        b"\r\n\r\n\0\r\nQUIT\n\x22\x11\0\0",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04abcd",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        &[&b"PROXY TCP4 "[..], &[b'1'; 200]].concat(),
    ] {
        assert!(parse(wrong).is_err(), "{}", wrong.escape_ascii());
    }
}

#[test]
fn what_there_is_not_here_is_the_connections_own() {
    // A Unix socket, a datagram, and additions after an address.
    let unix = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8"[..], &[0; 216]].concat();
    assert_eq!(whole(&unix), None);
    assert_eq!(
        whole(b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0cabcdefghijkl"),
        None
    );
    let added = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\x01\x02\x03\x04\x05\x06\x07\x08\0\x01\0\x02\x04\0\x01\0";
    assert_eq!(whole(added), Some(addresses("1.2.3.4:1", "5.6.7.8:2")));
}

fn any_addresses() -> impl Strategy<Value = Addresses> {
    any::<(std::net::IpAddr, u16, std::net::IpAddr, u16)>().prop_map(|(a, b, c, d)| Addresses {
        source: std::net::SocketAddr::new(a, b),
        destination: std::net::SocketAddr::new(c, d),
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_each_part_of_it_is_a_part(addresses in any_addresses(), v2: bool) {
        let version = if v2 { ProxyVersion::V2 } else { ProxyVersion::V1 };
        let header = write(version, Some(addresses));
        prop_assert_eq!(whole(&header), Some(addresses.of_one_family()));
        for cut in 0..header.len() {
            prop_assert_eq!(parse(&header[..cut]), Ok(Parsed::Part));
        }
    }

    #[test]
    fn any_bytes_are_a_header_within_them_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let marked = [&b"\r\n\r\n\0\r\nQUIT\n\x21"[..], &bytes].concat();
        for bytes in [bytes, marked] {
            if let Ok(Parsed::Whole { length, .. }) = parse(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}

/// Both ends of a connection.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(client, listener.accept());
    (client.unwrap(), accepted.unwrap().0)
}

#[tokio::test]
async fn a_header_in_pieces_is_taken_and_nothing_behind_it() {
    for version in [ProxyVersion::V1, ProxyVersion::V2] {
        let (mut client, mut server) = pair().await;
        client.set_nodelay(true).unwrap();
        let sent = addresses("192.0.2.1:1", "192.0.2.2:2");
        let header = write(version, Some(sent));
        let send = async {
            for byte in header {
                client.write_all(&[byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
            client.write_all(b"hello").await.unwrap();
            drop(client);
        };
        let receive = async {
            assert_eq!(read(&mut server).await.unwrap(), Some(sent));
            let mut rest = String::new();
            server.read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, "hello");
        };
        tokio::join!(send, receive);
    }
}

#[tokio::test]
async fn a_long_header_is_read_and_a_connection_that_ends_within_one_is_not() {
    let (mut client, mut server) = pair().await;
    let added = [
        &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x03\xe8\x01\x02\x03\x04\x05\x06\x07\x08\0\x01\0\x02"[..],
        &[7; 988],
    ];
    client.write_all(&added.concat()).await.unwrap();
    client.write_all(b"PROXY TCP4").await.unwrap();
    client.shutdown().await.unwrap();
    let read_first = read(&mut server).await.unwrap();
    assert_eq!(read_first, Some(addresses("1.2.3.4:1", "5.6.7.8:2")));
    assert!(matches!(
        read(&mut server).await,
        Err(Failure::Malformed(_))
    ));
}
