//! The two messages of `grpc.health.v1`, coded by hand: they have one field each, and have not changed since 2015.
//!
//! Protocol buffers' wire format: a key (field number x 8 + wire type) before each field, numbers as base-128 varints.
//! gRPC puts a flag (compressed or not) and a length of four bytes before a message.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

/// What a server answers for a service (`HealthCheckResponse.ServingStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServingStatus {
    /// It does not know.
    Unknown,
    /// It takes requests.
    Serving,
    /// It does not.
    NotServing,
    /// There is no such service.
    ServiceUnknown,
    /// A number that the protocol does not define.
    Other(u64),
}

impl From<u64> for ServingStatus {
    fn from(number: u64) -> Self {
        match number {
            0 => Self::Unknown,
            1 => Self::Serving,
            2 => Self::NotServing,
            3 => Self::ServiceUnknown,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for ServingStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("UNKNOWN"),
            Self::Serving => f.write_str("SERVING"),
            Self::NotServing => f.write_str("NOT_SERVING"),
            Self::ServiceUnknown => f.write_str("SERVICE_UNKNOWN"),
            Self::Other(number) => write!(f, "serving status {number}"),
        }
    }
}

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED32: u64 = 5;

/// `HealthCheckRequest { service = 1 }`, framed.
pub fn request(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    // A field of its default, the empty text, is left out.
    if !service.is_empty() {
        message.put_u8((1 << 3 | LENGTH) as u8);
        put_varint(&mut message, service.len() as u64);
        message.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(&message);
    framed.freeze()
}

/// `HealthCheckResponse { status = 1 }`, framed, and nothing after it. `None`: it is none.
pub fn response(framed: &[u8]) -> Option<ServingStatus> {
    let (&[0, a, b, c, d], message) = framed.split_first_chunk()? else {
        // Compressed, though nobody had asked.
        return None;
    };
    if message.len() as u64 != u64::from(u32::from_be_bytes([a, b, c, d])) {
        return None;
    }
    let mut rest = message;
    let mut status = 0;
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        match (key >> 3, key & 7) {
            (0, _) => return None,
            // Of a field given twice, the last one counts.
            (1, VARINT) => status = varint(&mut rest)?,
            (_, VARINT) => _ = varint(&mut rest)?,
            (_, FIXED64) => rest = rest.get(8..)?,
            (_, FIXED32) => rest = rest.get(4..)?,
            (_, LENGTH) => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            // Groups are gone from the language since before this protocol.
            _ => return None,
        }
    }
    Some(status.into())
}

fn put_varint(out: &mut BytesMut, mut number: u64) {
    while number >= 0x80 {
        out.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

/// At most ten bytes, the last of which has room for one bit.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend((message.len() as u32).to_be_bytes());
        bytes.extend(message);
        bytes
    }

    #[test]
    fn the_request_is_as_any_protobuf_library_writes_it() {
        assert_eq!(request(""), &b"\0\0\0\0\0"[..]);
        assert_eq!(request("a.B"), &b"\0\0\0\0\x05\x0a\x03a.B"[..]);
        assert_eq!(request(&"x".repeat(200))[..8], *b"\0\0\0\0\xcb\x0a\xc8\x01");
    }

    #[test]
    fn the_status_is_read_whatever_stands_around_it() {
        use ServingStatus::{NotServing, Serving, Unknown};
        assert_eq!(response(&framed(b"")), Some(Unknown));
        assert_eq!(response(&framed(b"\x08\x01")), Some(Serving));
        assert_eq!(response(&framed(b"\x08\x01\x08\x02")), Some(NotServing));
        let others = b"\x12\x02hi\x08\x01\x1d\0\0\0\0\x21\0\0\0\0\0\0\0\0\x28\x96\x01";
        assert_eq!(response(&framed(others)), Some(Serving));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bytes in [
            &b""[..],
            b"\0\0\0\0",
            b"\x01\0\0\0\x02\x08\x01",
            b"\0\0\0\0\x03\x08\x01",
            b"\0\0\0\0\x02\x08\x01\x08\x01",
            b"\0\0\0\0\x01\x08",
            b"\0\0\0\0\x02\x00\x01",
            b"\0\0\0\0\x01\x0b",
            b"\0\0\0\0\x02\x12\x7f",
            b"\0\0\0\0\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
        ] {
            assert_eq!(response(bytes), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_number_survives_being_written(number: u64) {
            let mut out = BytesMut::new();
            put_varint(&mut out, number);
            let mut rest = &out[..];
            prop_assert_eq!(varint(&mut rest), Some(number));
            prop_assert!(rest.is_empty());
            let mut message = vec![8];
            message.extend(&out);
            prop_assert_eq!(response(&framed(&message)), Some(number.into()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = response(&bytes);
            let _ = response(&framed(&bytes));
        }
    }
}
